"""Trainings of the library: of built-in networks as in a study, and of one's own modules."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import rhm_scaling as rhm
from helpers.grammars import AMBIGUOUS
from rhm_scaling.library.training import Training
from rhm_scaling.training.counting import ngram

GRAMMAR = rhm.draw_grammar(v=8, s=2, L=2, m=3, rule_seed=2)
FEW: dict[str, Any] = {"test_size": 512, "validation_size": 256, "rule_draws": 2}
SHORT = {"max_steps": 256, "min_steps": 32}


class Cnn(nn.Module):
    """The built-in CNN of one replica, written plainly; its width enters the learning rate."""

    width = 16

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.ParameterList(torch.randn(n, self.width) for n in (16, 2 * self.width))
        self.readout = nn.Parameter(torch.randn(self.width, 8))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the last token."""
        x = functional.one_hot(tokens, 9)[..., :8].float()
        for weight in self.filters:
            x = (x.reshape(len(x), -1, len(weight)) @ weight / len(weight) ** 0.5).relu()
        return x.flatten(1) @ self.readout / len(self.readout)


class EveryToken(nn.Module):
    """A causal network for every token: an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.readout = nn.Linear(32, 8)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of all tokens."""
        logits: Tensor = self.readout(self.lstm(self.embed(tokens))[0])
        return logits


def perceptron(tokens: int = 9, answers: int = 8) -> nn.Module:
    layers = nn.Flatten(), nn.Linear(4 * 16, 32), nn.ReLU(), nn.Linear(32, answers)
    return nn.Sequential(nn.Embedding(tokens, 16), *layers)


def trained(network: Any, task: Any = "last_token", **options: Any) -> Training:
    sizes = options.pop("train_sizes", [32, 512])
    return rhm.train(GRAMMAR, task, network, sizes, **{**FEW, "training": SHORT, **options})


@pytest.fixture(scope="module")
def own() -> Training:
    torch.set_num_threads(1)
    return trained(Cnn, optimizer={"kind": "sgd", "lr": 0.5 * Cnn.width})


@pytest.fixture(scope="module")
def built_in() -> Training:
    torch.set_num_threads(1)
    return trained("cnn", width=Cnn.width)


def test_the_same_network_of_ones_own_learns_as_the_built_in_one(
    own: Training, built_in: Training
) -> None:
    for training in (own, built_in):
        first, last = training.curves["mean"]
        assert last < first / 2
    assert own.curves["mean"].to_numpy() == pytest.approx(built_in.curves["mean"], rel=0.3)
    # the same sentences, and so the same limits
    assert own.runs["bayes_loss"].tolist() == built_in.runs["bayes_loss"].tolist()
    assert own.runs["parameters"].tolist() == built_in.runs["parameters"].tolist()
    assert own.runs["rule_seed"].tolist() == [2, 3, 2, 3]


def test_tables_are_those_of_a_study(own: Training, built_in: Training) -> None:
    folder = Path(__file__).parents[2] / "results" / "reference" / "laptop"
    theirs = [pd.read_csv(folder / f"{name}.csv", nrows=1).columns for name in ("curves", "fits")]
    for training in (own, built_in):
        assert [list(table.columns) for table in (training.curves, training.fits)] == [
            list(columns) for columns in theirs
        ]
        assert len(training.networks) == len(training.runs) == 4
        steps = training.history.groupby(["train_size", "rule_seed"])["step"].max()
        assert steps.tolist() == training.runs["steps"].tolist()
    assert own.curves[["architecture", "width"]].values.tolist() == [["Cnn", 0]] * 2
    assert own.curves["predicted"].isna().all() and built_in.curves["predicted"].notna().all()
    assert own.runs["operations"].isna().all() and own.history["operations"].isna().all()


def test_networks_are_those_that_were_measured(own: Training, built_in: Training) -> None:
    for training in (own, built_in):
        for network, (_, row) in zip(training.networks, training.runs.iterrows()):
            assert network.grammar.rule_seed == row["rule_seed"]
            test = rhm.sample(network.grammar, 512, stream="test")
            answers, last = network(test), test.tokens[:, -1]
            loss = -np.log(answers[np.arange(512), last]).mean()
            assert loss == pytest.approx(row["test_loss"], rel=1e-5)
            assert (answers.argmax(axis=1) != last).mean() == row["test_error"]
    # the module itself, and a built-in one without a replica axis
    assert isinstance(own.networks[0].module, Cnn)
    own.networks[0].module.load_state_dict(built_in.networks[0].module.state_dict())
    test = rhm.sample(GRAMMAR, 100)
    assert own.networks[0](test) == pytest.approx(built_in.networks[0](test), rel=1e-4)
    assert own.networks[0](test.tokens) == pytest.approx(own.networks[0](test))


def test_trainings_repeat_and_leave_the_random_state_alone() -> None:
    def dropping() -> nn.Module:
        return nn.Sequential(perceptron(9, 16), nn.Dropout(0.3), nn.Linear(16, 8))

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    one, other = (trained(dropping, train_sizes=[64]) for _ in range(2))
    assert torch.equal(torch.rand(3), expected)
    varying = ["seconds"]
    pd.testing.assert_frame_equal(one.runs.drop(columns=varying), other.runs.drop(columns=varying))
    assert one.runs["val_loss"].nunique() == 2


def test_every_token_is_predicted_by_a_causal_network() -> None:
    training = trained(EveryToken, "autoregressive", optimizer={"kind": "adam", "lr": 0.01})
    assert training.curves["mean"].iloc[1] < training.curves["mean"].iloc[0]
    answers = training.networks[0](rhm.sample(GRAMMAR, 20))
    assert answers.shape == (20, 4, 8)


def test_one_s_own_grammar_has_samples_and_labels() -> None:
    grammar = rhm.read_grammar(json.loads(AMBIGUOUS))

    def mine() -> nn.Module:
        return nn.Sequential(nn.Embedding(3, 8), nn.Flatten(), nn.Linear(64, 3))

    sizes = {"test_size": 256, "validation_size": 128, "samples": 3}
    training = rhm.train(grammar, "classification", mine, [64], training=SHORT, **sizes)
    (curve,) = training.curves.to_dict("records")
    assert (curve["replicas"], curve["rule_draws"], curve["measure"]) == (3, 1, "test_error")
    assert curve["low"] < curve["mean"] < curve["high"]
    with pytest.raises(ValueError, match=r"^rule_draws: .* comes from a file and is one rule draw"):
        rhm.train(grammar, "classification", mine, [64], rule_draws=2)


def test_of_several_rates_the_best_is_taken() -> None:
    rates = {"kind": "adam", "lr": [1e-6, 0.01]}
    training = trained(perceptron, train_sizes=[128], optimizer=rates)
    assert training.runs.query("chosen")["lr"].unique().tolist() == [0.01]
    assert training.curves[["lr", "rates_tried"]].values.tolist() == [[0.01, 2]]


def test_learners_that_count_stand_beside_networks() -> None:
    """On the same sentences; they are no networks, and do not step."""
    few = {**FEW, "rule_draws": 1, "samples": 2}
    counted = rhm.train(GRAMMAR, "classification", "ngram", [32, 256], **few)
    cnn = rhm.train(
        GRAMMAR, "classification", "cnn", [32, 256], width=8, training={"max_steps": 1}, **few
    )
    assert (len(counted.runs), counted.networks, len(counted.history)) == (4, [], 0)
    assert {*counted.runs["stop_reason"]} == {"counted"}
    for column in ("rule_seed", "sample_seed", "overlap", "bayes_loss"):
        assert counted.runs[column].tolist() == cnn.runs[column].tolist()
    assert {*counted.history} < {*cnn.history}
    last = counted.runs.query("sentences == 256 and sample_seed == 1").iloc[0]
    train, test = (
        rhm.sample(GRAMMAR, size, 1, stream=stream)
        for size, stream in ((256, "train"), (512, "test"))
    )
    probabilities = ngram("classification", train.tokens, train.labels, test.tokens, classes=8)
    assert last["test_error"] == (probabilities.argmax(1) != test.labels).mean()


def test_latents_are_learnt_by_the_same_call() -> None:
    training = rhm.train(GRAMMAR, "classification", "latent", [512], **{**FEW, "rule_draws": 1})
    assert training.networks == [] and {*training.runs["stop_reason"]} == {"counted"}
    assert (training.runs["test_error"] < 0.1).all()


def test_networks_that_predict_siblings_are_trained_by_the_same_call() -> None:
    threads = torch.get_num_threads()
    keys = {"codes": 7, "steps": 400, "predicts": "codes", **FEW, "rule_draws": 1}
    training = rhm.train(GRAMMAR, "classification", "latent_network", [1024], **keys)
    assert training.networks == [] and {*training.runs["status"]} == {"ok"}
    assert (training.runs["test_error"] < 0.1).all() and (training.runs["parameters"] > 0).all()
    assert torch.get_num_threads() == threads


class Leaking(nn.Module):
    """It sees the whole sentence."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.linear = nn.Embedding(9, 8), nn.Linear(32, 32)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of all tokens."""
        return self.linear(self.embed(tokens).flatten(1)).view(len(tokens), 4, 8)


class Peeking(EveryToken):
    """It sees the next token, through weights that begin at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.next = nn.Linear(16, 8)
        nn.init.zeros_(self.next.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of all tokens."""
        return super().forward(tokens) + self.next(self.embed(tokens)).roll(-1, dims=1)


class Hiding(nn.Module):
    """It draws what is no parameter of it."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.linear = torch.randn(9, 8), nn.Linear(32, 8)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the last token."""
        return self.linear(self.embed[tokens].flatten(1))


def normalised() -> nn.Module:
    return nn.Sequential(perceptron(9, 16), nn.BatchNorm1d(16), nn.Linear(16, 8))


SAME = perceptron()
IDLE = {"training": None}  # who counts is not trained
REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (perceptron, {"task": "last-token"}, r"^task: input should be .*, not 'last-token'"),
    (lambda: perceptron(9, 7), {}, r"shape \(N, 7\); .* last_token needs .* = \(N, 8\)$"),
    (lambda: nn.Embedding(9, 8), {}, r"shape \(N, 4, 8\); .* needs logits \(N, v_0\) = \(N, 8\)$"),
    (perceptron, {"task": "autoregressive"}, r"\(N, 8\); .* \(N, d, v_0\) = \(N, 4, 8\)$"),
    (lambda: nn.Sequential(nn.Embedding(9, 8), nn.Flatten(0)), {}, r"\(96\) to 3 sentences"),
    (lambda: perceptron(8), {}, r"fails on tokens .* 0\.\.8, where 8 is the mask \(IndexError"),
    (lambda: perceptron().requires_grad_(False), {}, "has no parameters to train"),
    (lambda: SAME, {}, "makes the same module at every call"),
    (nn.Linear, {}, r"cannot be made \(TypeError: .*missing 2 required"),
    (Leaking, {"task": "autoregressive"}, "depend on later ones; .* needs a causal network"),
    (Peeking, {"task": "autoregressive"}, "depend on later ones; .* needs a causal network"),
    (Hiding, {}, "make what it draws a parameter or a buffer"),
    (normalised, {"optimizer": {"kind": "adam", "weight_decay": 0.1}}, "^optimizer: weight_decay"),
    (perceptron, {"width": 8}, "^width: is of built-in architectures"),
    (perceptron, {"name": "a b"}, "^name: use letters"),
    (perceptron, {"name": "1.5"}, "^name: reads as a number"),
    (perceptron, {"train_sizes": []}, "^train_sizes: is empty; write"),
    (perceptron, {"train_sizes": 64}, r"^train_sizes: write \[256, 1024\], or auto; not 64"),
    (perceptron, {"train_sizes": "atuo"}, "^train_sizes: write"),
    (perceptron, {"rule_draws": 0}, "^rule_draws: .*greater than or equal to 1, not 0"),
    (perceptron, {"samples": 1.5}, "^samples: .*a valid integer, not 1.5"),
    (perceptron, {"test_size": 0}, "^test_size: .*greater than or equal to 1, not 0"),
    (perceptron, {"optimizer": {"kind": "adma"}}, "^optimizer: needs kind: 'sgd', 'adam'"),
    (perceptron, {"optimizer": {"kind": "sgd", "lr": -1}}, r"^optimizer\.lr: .*than 0, not -1"),
    ("cnnn", {}, "^network: input should be '.*cnn', .*, not 'cnnn'"),
    ("counting", {**IDLE, "width": 8}, "^width: unknown key; it is for kind: attention or cnn or"),
    (
        "counting",
        {**IDLE, "optimizer": {"kind": "sgd"}},
        "^optimizer: unknown key; it is for kind: ",
    ),
    ("ngram", {**IDLE, "task": "autoregressive"}, "^network: 'ngram' cannot do .*; it can do cl"),
    ("cnn", {}, "^width: is missing; add it"),
    ("cnn", {"width": 8, "depth": 5}, r"^depth: depth 5 does not fit a grammar with L = 2; leave"),
    ("cnn", {"width": 8, "task": "autoregressive"}, "^network: 'cnn' cannot do .*; it can do cl"),
    ("cnn", {"widht": 8}, "^widht: unknown argument; did you mean 'width'"),
    ("cnn", {"width": 8, "rule_draw": 3}, "^rule_draw: unknown argument; .* 'rule_draws'"),
    ("cnn", {"width": 8, "kind": "lcn"}, "^kind: unknown argument; there are base_width, batch_"),
    (perceptron, {"optimiser": {"kind": "sgd"}}, "^optimiser: .*; did you mean 'optimizer'"),
    ("cnn", {"width": 8, "heads": 2}, "^heads: unknown key; it is for kind: attention or encod"),
    ("transformer", {"width": 8, "heads": 3}, "^heads: 3 does not divide the width 8"),
]


@pytest.mark.parametrize(("network", "options", "message"), REFUSED)
def test_what_would_mislead_is_refused_before_training(
    network: Any, options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: Any) -> Any:
        raise AssertionError("it began to train")

    monkeypatch.setattr("rhm_scaling.library.training._Run.trained", started)
    with pytest.raises(ValueError, match=message) as error:
        trained(network, **options)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (SAME, r"^network: take the name of an architecture, or what .*, not Sequential$"),
        (3, r"^network: take the name of an architecture, or what makes .*, not int$"),
        (lambda: 3, r"^network: must make a torch\.nn\.Module, not int 3$"),
    ],
)
def test_what_makes_no_modules_is_refused(network: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        trained(network)


def test_a_grammar_that_was_changed_is_not_drawn_again() -> None:
    rules = GRAMMAR.rules[0].copy()
    rules[0, 0], rules[0, 1] = rules[0, 1], rules[0, 0].copy()
    other = replace(GRAMMAR, rules=(rules, GRAMMAR.rules[1]))
    with pytest.raises(ValueError, match=r"^grammar: its rules are not those that its parameters"):
        rhm.train(other, "last_token", perceptron, [64])
    with pytest.raises(TypeError, match=r"^grammar: take one from draw_grammar"):
        rhm.train("deep", "last_token", perceptron, [64])  # type: ignore[arg-type]


def test_batch_normalisation_keeps_the_statistics_of_the_best_step() -> None:
    training = trained(normalised, train_sizes=[512], optimizer={"kind": "adam", "lr": 0.01})
    for network, loss in zip(training.networks, training.runs["test_loss"]):
        test = rhm.sample(network.grammar, 512, stream="test")
        answers = network(test)[np.arange(512), test.tokens[:, -1]]
        assert -np.log(answers).mean() == pytest.approx(loss, rel=1e-5)
    assert training.curves["mean"].iloc[0] < training.curves["chance"].iloc[0]


def test_progress_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="rhm_scaling"):
        trained(perceptron, train_sizes=[32])
    assert any("P=32: step 8, 2 of 2 active" in record.message for record in caplog.records)


def test_one_s_own_kinds_are_told_apart(own: Training, built_in: Training) -> None:
    again: Callable[[], nn.Module] = Cnn
    named = trained(again, name="narrow", train_sizes=[32])
    assert named.curves["architecture"].tolist() == ["narrow"]
    axes = rhm.draw_curves([own.curves, built_in.curves, named.curves])
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        *("Cnn", "cnn", "narrow", "predicted")
    ]
