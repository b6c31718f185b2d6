"""Sentences without replacement: distinct, apart, in the order of their stream, soon found."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from helpers.grammars import GRAMMARS, SHAPES, Language
from rhm_scaling.grammar import distinct
from rhm_scaling.grammar.distinct import DistinctStream, most_distinct
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import CHUNK, Stream, overlap
from rhm_scaling.theory.inference import root_posterior

SMALL = Parameters.from_keys(v=16, s=2, L=3, m=2)  # of 2048 sentences
LONG = Parameters.from_keys(v=16, s=2, L=5, m=4)  # of more tokens than 64 bits hold
OTHERS = (("test", 500), ("validation", 300))


def stream(parameters: Parameters, name: str = "train", sample: int = 0) -> Stream:
    return Stream(Grammar.draw(parameters, 0), 0, sample, name)


def listed(sentences: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(tokens) for tokens in sentences["tokens"].tolist()]


@pytest.mark.parametrize("parameters", [SMALL, LONG])
def test_sets_against_a_plain_loop(parameters: Parameters) -> None:
    left: set[tuple[int, ...]] = set()
    for row, (name, size) in enumerate((*OTHERS, ("train", 1000))):
        expected: dict[tuple[int, ...], None] = {}
        for sentence in listed(stream(parameters, name).take(4 * CHUNK)):
            if sentence not in left:
                expected.setdefault(sentence)
        first = [*expected][:size]
        found = DistinctStream(stream(parameters, name), OTHERS[:row]).take(size)
        assert listed(found) == first
        left |= {*first}
    assert overlap(found, DistinctStream(stream(parameters, "test")).take(500)) == 0


def test_sentences_are_of_the_grammar_with_their_labels() -> None:
    grammar = Grammar.draw(SMALL, 0)
    sentences = DistinctStream(Stream(grammar, 0, 0, "train"), OTHERS).take(1000)
    found = root_posterior(grammar, sentences["tokens"])
    np.testing.assert_array_equal(found.argmax(axis=1), sentences["label"])


def test_a_prefix_depends_neither_on_the_size_nor_on_how_streams_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = DistinctStream(stream(LONG), OTHERS)
    whole = train.take(3 * CHUNK)
    for size in (0, 1, CHUNK - 1, CHUNK + 1):
        np.testing.assert_array_equal(train.take(size), whole[:size])
    monkeypatch.setattr(distinct, "_AT_A_TIME", 1)
    np.testing.assert_array_equal(train.take(3 * CHUNK), whole)
    train.write(tmp_path / "sentences.npy", 3 * CHUNK)
    np.testing.assert_array_equal(np.load(tmp_path / "sentences.npy"), whole)
    other = DistinctStream(stream(LONG, sample=1), OTHERS).take(CHUNK)
    assert overlap(whole, other) < 0.01


def test_nearly_all_of_a_language_is_found() -> None:
    most = int(most_distinct(SMALL))
    assert most == int(0.95 * 2048)
    found = DistinctStream(stream(SMALL), OTHERS).take(most - 800)
    assert len({*listed(found)}) == most - 800


def test_a_million_sentences_take_seconds() -> None:
    start = time.perf_counter()
    assert len(DistinctStream(stream(LONG), OTHERS).take(10**6)) == 10**6
    assert time.perf_counter() - start < 20  # 0.3 on an idle core


def test_too_few_sentences_end_in_an_error() -> None:
    with pytest.raises(ValueError, match="train hold 1248 distinct ones, 1500 are needed"):
        DistinctStream(stream(SMALL), OTHERS).take(1500)


def test_the_sentences_taken_have_the_probability_that_bounds_the_draws(
    language: Language,
) -> None:
    """Of all sets of so many sentences; with uniform rules no fewer than that."""
    grammar = language.grammar
    probability = np.sort(language.probability[language.probability > 0])[::-1]
    most = most_distinct(grammar)
    assert probability[: int(most + 1e-9)].sum() < 0.95 + 1e-9
    sums = distinct._log_sums(grammar)
    logs = np.log(probability)
    for order, found in zip(distinct._ORDERS, sums):
        assert found == pytest.approx(np.logaddexp.reduce(order * logs), abs=1e-9)
    assert sums[-1] == pytest.approx(np.log(probability[0]))
    if np.ptp(probability) < 1e-12:
        assert most == pytest.approx(0.95 * len(probability))


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_tell_what_their_grammars_do(name: str) -> None:
    assert most_distinct(SHAPES[name]) == pytest.approx(most_distinct(GRAMMARS[name]))


def test_no_bound_overflows() -> None:
    huge = Parameters.from_keys(v=64, s=2, L=10, m=32, zipf={1: 1.0})
    assert most_distinct(huge) > 1e300
