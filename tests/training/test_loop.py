"""The training loop: replicas are independent, stop by stated rules, and none disappears."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.trainings import (
    PARAMETERS,
    SETTINGS,
    assert_equals_itself_alone,
    assert_same,
    examples,
    run,
    shape,
)
from rhm_scaling.analysis import curves
from rhm_scaling.architecture.registry import about, kinds
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.theory.inference import exact_predictor
from rhm_scaling.training.batches import FiniteBatches
from rhm_scaling.training.datasets import Examples, evaluate
from rhm_scaling.training.loop import FAILED, Outcome, Settings, evaluation_steps, train


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("width", [12, 14])  # with and without a remainder in vector registers
def test_a_replica_equals_itself_alone(kind: str, optimizer: str, width: int) -> None:
    assert_equals_itself_alone(kind, optimizer, width, about(kind))


def collapsing(rates: list[float], steps: int = 1024) -> Outcome:
    """CNNs that classify dense sentences, all of whose pairs of tokens are grammatical."""
    parameters = Parameters.from_keys(v=8, s=2, L=2, m=8)
    grammars = [Grammar.draw(parameters, rule) for rule in range(len(rates))]
    every = list(range(len(rates)))
    train_set, held_out = (
        Examples.from_sentences(
            "classification",
            [Stream(grammar, rule, 0, name).take(size) for rule, grammar in enumerate(grammars)],
            every,
            parameters.v[0],
        )
        for name, size in (("train", 1024), ("validation", 256))
    )
    settings = Settings("sgd", 0.9, 1, 128, steps, evaluations_per_octave=4)
    sizes = {"width": 32, "depth": 2, "heads": 1}
    network = build("cnn", Shape.from_parameters(parameters, "classification", sizes), every)
    return train(network, FiniteBatches(train_set, every, 128), held_out, rates, settings)


def test_a_training_that_guesses_again_has_collapsed() -> None:
    outcome = collapsing([1.0, 1.0, 4.0, 4.0])
    assert outcome.stop_reason == ["max_steps", "max_steps", "collapsed", "collapsed"]
    for replica, reason in enumerate(outcome.stop_reason):
        losses = [row["train_loss"] for other, row in outcome.history if other == replica]
        assert np.nanmin(losses) < 0.75 * math.log(8)
        # the last two alone were back at a guess
        back = [loss > 0.9 * math.log(8) for loss in losses]
        assert back[-2:] == [reason == "collapsed"] * 2
        left = next(i for i, loss in enumerate(losses) if loss < 0.75 * math.log(8))
        assert not any(a and b for a, b in zip(back[left:-2], back[left + 1 : -1]))


def test_a_training_that_still_guesses_has_not_collapsed() -> None:
    outcome = collapsing([1e-6, 1e-6], steps=256)
    assert outcome.stop_reason == ["max_steps"] * 2


@pytest.mark.parametrize(
    ("kind", "task"), [("cnn", "classification"), ("transformer", "autoregressive")]
)
def test_other_tasks_too(kind: str, task: str) -> None:
    settings = SETTINGS if kind == "cnn" else replace(SETTINGS, optimizer="adam")
    pack = run(kind, task, [0, 1, 2], settings, rates=0.01)
    for replica in range(3):
        assert_same(pack, replica, run(kind, task, [replica], settings, rates=0.01), 0)


@pytest.mark.parametrize(
    ("parameters", "width"),
    [
        (Parameters.from_keys(v=8, s=2, L=4, m=2), 64),  # repeats are computed once
        (Parameters.from_keys(v=20, s=2, L=2, m=8), 104),  # filters are looked up
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_so_does_a_cnn_that_saves_work(parameters: Parameters, width: int, threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    sizes = {"width": width, "depth": parameters.L, "heads": 1}
    shape = Shape.from_parameters(parameters, "last_token", sizes)
    data = {
        name: [
            Stream(Grammar.draw(parameters, rule), rule, 0, name).take(size) for rule in range(3)
        ]
        for name, size in (("train", 200), ("validation", 300))
    }
    data["train"][2][:] = data["train"][2][0]  # of one of them a single sentence

    def trained(replicas: list[int]) -> Outcome:
        known, held_out = (
            Examples.from_sentences("last_token", [sets[i] for i in replicas],
                                    range(len(replicas)), parameters.v[0])
            for sets in data.values()
        )  # fmt: skip
        settings = replace(SETTINGS, batch_size=128, max_steps=16)
        batches = FiniteBatches(known, replicas, settings.batch_size)
        return train(build("cnn", shape, replicas), batches, held_out, [0.3] * len(replicas),
                     settings)  # fmt: skip

    try:
        pack = trained([0, 1, 2])
        for replica in range(3):
            assert_same(pack, replica, trained([replica]), 0)
    finally:
        torch.set_num_threads(before)


def test_the_same_seeds_give_the_same_outcome() -> None:
    one, other = (run("cnn", "last_token", [0, 1], SETTINGS) for _ in range(2))
    for replica in range(2):
        assert_same(one, replica, other, replica)


def test_a_diverging_replica_is_marked_and_does_not_touch_the_others() -> None:
    seeds = [1000, 1001, 1002]
    network = build("cnn", shape("last_token"), seeds)
    with torch.no_grad():
        network.readout[1] = math.inf
    batches = FiniteBatches(
        examples("last_token", [0, 1, 2], "train", 100), seeds, SETTINGS.batch_size
    )
    held_out = examples("last_token", [0, 1, 2], "validation", 150)
    outcome = train(network, batches, held_out, [0.2] * 3, SETTINGS)
    healthy = run("cnn", "last_token", [0, 1, 2], SETTINGS)
    assert outcome.stop_reason[1] == "diverged"
    assert math.isnan(outcome.validation_loss[1])
    assert [row["step"] for replica, row in outcome.history if replica == 1] == [0]
    for replica in (0, 2):
        assert_same(outcome, replica, healthy, replica)


def test_a_high_rate_diverges_within_the_run() -> None:
    outcome = run("cnn", "last_token", [0], replace(SETTINGS, warmup_steps=1), rates=1e6)
    assert outcome.stop_reason == ["diverged"]
    assert outcome.steps[0] < SETTINGS.max_steps


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"train_loss": 10.0}, "train_loss"),
        ({"max_steps": 8, "min_steps": 100}, "max_steps"),
        ({"min_steps": 20}, "patience"),
    ],
)
def test_each_stopping_rule(change: dict, reason: str) -> None:
    settings = replace(SETTINGS, train_loss=0.0)
    rate = 1e-9 if reason == "patience" else 0.2
    outcome = run("cnn", "last_token", [0], replace(settings, **change), rates=rate)
    assert outcome.stop_reason == [reason]


def test_the_best_step_is_the_least_validation_loss() -> None:
    outcome = run("cnn", "last_token", [0, 1], SETTINGS)
    for replica in range(2):
        rows = [row for other, row in outcome.history if other == replica]
        best = min(rows, key=lambda row: row["validation_loss"])
        assert outcome.best_step[replica] == best["step"]
        assert outcome.validation_loss[replica] == best["validation_loss"]
        network = build("cnn", shape("last_token"), [0])
        network.load_state_dict({k: w[[replica]] for k, w in outcome.weights.items()})
        again = evaluate(network, examples("last_token", [replica], "validation", 150))
        assert again["loss"][0] == best["validation_loss"]


def test_evaluation_steps_are_logarithmic_and_end_at_the_cap() -> None:
    steps = evaluation_steps(max_steps=1000, evaluations_per_octave=4)
    assert steps[0] == 0
    assert steps[-1] == 1000
    assert steps == sorted(set(steps))
    late = [step for step in steps if step >= 64][:-1]
    ratios = np.divide(late[1:], late[:-1])
    np.testing.assert_allclose(ratios, 2**0.25, rtol=0.02)


def test_evaluate_measures_the_divergence_from_the_exact_posterior() -> None:
    grammar = Grammar.draw(PARAMETERS, 0)
    data = Stream(grammar, 0, 0, "test").take(3000)
    exact = exact_predictor("last_token", grammar, data)
    network = build("cnn", shape("last_token"), [1])
    test = Examples.from_sentences("last_token", [data], [0], PARAMETERS.v[0], [exact])
    found = evaluate(network, test)
    with torch.no_grad():
        logs = network(test.inputs)[0].double().log_softmax(-1).numpy()
    posterior = exact["posterior"]
    safe = np.where(posterior > 0, posterior, 1)
    divergence = (posterior * (np.log(safe) - logs)).sum(axis=1).mean()
    assert found["excess"][0] == pytest.approx(divergence)
    loss = -logs[np.arange(3000), data["tokens"][:, -1]].mean()
    assert found["loss"][0] == pytest.approx(loss, rel=1e-5)
    error = (logs.argmax(axis=1) != data["tokens"][:, -1]).mean()
    assert found["error"][0] == pytest.approx(error)


def test_tables_know_what_a_failed_training_is_called() -> None:
    assert curves.FAILED == FAILED
