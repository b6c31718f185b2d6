"""Batches: every pass in its own order, or every sentence once, whoever else is in the pack."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import CHUNK, Stream
from rhm_scaling.grammar.tasks import TASKS, inputs_and_targets
from rhm_scaling.training.batches import Batches, FiniteBatches, OnlineBatches, batch_order
from rhm_scaling.training.datasets import Examples

PARAMETERS = Parameters.from_keys(v=6, s=2, L=3, m=2)
STREAMS = [Stream(Grammar.draw(PARAMETERS, rule), rule, 0, "train") for rule in range(2)]
SOURCE = [0, 1, 0]
CPU = torch.device("cpu")


def fresh(
    batch_size: int, task: str = "last_token", source: list[int] | None = None
) -> OnlineBatches:
    return OnlineBatches(task, STREAMS, source or SOURCE, batch_size, CPU)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("batch_size", [128, 100, CHUNK, CHUNK + 40])
def test_fresh_batches_are_the_stream_in_order(task: str, batch_size: int) -> None:
    steps = 2 * CHUNK // batch_size + 3  # over the borders of chunks and stretches
    batches = fresh(batch_size, task)
    for step in range(steps):
        inputs, targets = batches.at(step)
        for replica, stream in enumerate(SOURCE):
            here = slice(step * batch_size, (step + 1) * batch_size)
            sentences = STREAMS[stream].take(steps * batch_size)[here]
            expected = inputs_and_targets(task, sentences, PARAMETERS.v[0])
            np.testing.assert_array_equal(inputs[replica].numpy(), expected[0])
            np.testing.assert_array_equal(targets[replica].numpy(), expected[1])


def test_the_first_fresh_sentences_are_the_training_set_of_that_size() -> None:
    size = 512
    known = Examples.from_sentences("last_token", [STREAMS[0].take(size)], [0], PARAMETERS.v[0])
    batches = fresh(128, source=[0])
    seen = torch.cat([batches.at(step)[0] for step in range(size // 128)], dim=1)
    assert torch.equal(seen, known.inputs)


@pytest.mark.parametrize("batch_size", [128, 100])
def test_a_fresh_batch_depends_on_its_step_alone(batch_size: int) -> None:
    whole = fresh(batch_size)
    batches = [whole.at(step) for step in range(90)]
    for start in (1, 31, 32, 40, 41, 77):  # where a resumed training would begin
        again = fresh(batch_size)
        for step in range(start, 90):
            for one, other in zip(again.at(step), batches[step], strict=True):
                assert torch.equal(one, other)


def test_each_chunk_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, int]] = []
    real = Stream.chunk

    def chunk(self: Stream, index: int) -> np.ndarray:
        drawn.append((self.rule_seed, index))
        return real(self, index)

    monkeypatch.setattr(Stream, "chunk", chunk)
    batches = fresh(100)
    for step in range(3 * (CHUNK // 100)):  # three stretches
        batches.at(step)
    assert len(drawn) == len(set(drawn)) == 6


def epochs(seeds: list[int]) -> FiniteBatches:
    sets = [stream.take(96) for stream in STREAMS]
    return FiniteBatches(
        Examples.from_sentences("last_token", sets, SOURCE, PARAMETERS.v[0]), seeds, 32
    )


@pytest.mark.parametrize("make", [lambda: epochs([1, 2, 3]), lambda: fresh(32)])
def test_dropped_replicas_change_nothing_for_the_others(make) -> None:
    whole: Batches = make()
    cut: Batches = make()
    for step in range(200):
        if step == 70:
            cut.keep([1, 2])
        if step == 150:
            cut.keep([1])
        kept = [0, 1, 2] if step < 70 else [1, 2] if step < 150 else [2]
        for one, other in zip(whole.at(step), cut.at(step), strict=True):
            assert torch.equal(one[kept], other)


def test_replicas_can_be_dropped_before_the_first_batch() -> None:
    batches = fresh(32)
    batches.keep([1])
    assert torch.equal(batches.at(5)[0], fresh(32).at(5)[0][[1]])


def test_every_pass_takes_every_sentence_once_in_another_order() -> None:
    batches = epochs([1, 2, 3])
    passes = []
    for first in range(0, 9, 3):
        seen = torch.cat([batches.at(step)[0] for step in range(first, first + 3)], dim=1)
        passes.append(seen[0])
    rows = [sorted(map(tuple, seen.tolist())) for seen in passes]
    assert rows[0] == rows[1] == rows[2]
    assert not any(torch.equal(one, other) for one, other in pairwise(passes))


def test_batch_order_is_a_chain_of_permutations_available_anywhere() -> None:
    whole = batch_order(7, 10, 0, 60)
    for epoch in range(6):
        assert sorted(whole[10 * epoch : 10 * (epoch + 1)]) == list(range(10))
    np.testing.assert_array_equal(batch_order(7, 10, 13, 41), whole[13:41])
