"""Networks that denoise: masks, exact posteriors, fillings, and a training that is cut short."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.models import build
from rhm_scaling.models.layers import Shape
from rhm_scaling.theory import denoising as exact
from rhm_scaling.training.batches import OnlineBatches
from rhm_scaling.training.checkpoints import Checkpoint
from rhm_scaling.training.datasets import Examples
from rhm_scaling.training.denoising import (
    MaskedBatches,
    Trial,
    exact_losses,
    exact_posteriors,
    masked_examples,
    measure,
    train,
)
from rhm_scaling.training.filling import ORDERS, Filling, composition
from rhm_scaling.training.loop import Outcome, Settings

PARAMETERS = Parameters.from_keys(v=6, s=2, L=3, m=2)
GRAMMARS = [Grammar.draw(PARAMETERS, rule) for rule in (0, 1)]
FRACTIONS = [0.2, 0.5, 0.9]
SETTINGS = Settings("adam", 0.0, 10, 32, 64, 2)


def tokens(rule: int, stream: str, count: int) -> np.ndarray:
    return Stream(GRAMMARS[rule], rule, 0, stream).take(count)["tokens"]


def held_out(count: int = 64) -> Examples:
    found = masked_examples(
        [tokens(rule, "test", count) for rule in (0, 1)], [0, 1], FRACTIONS, 6, [7, 8]
    )
    known = [exact_posteriors(g, seen) for g, seen in zip(GRAMMARS, found.inputs.numpy())]
    return Examples(found.inputs, found.targets, found.source, torch.from_numpy(np.stack(known)))


def filling(examples: Examples, count: int = 64) -> Filling:
    return Filling.of(GRAMMARS, examples, len(FRACTIONS), count, [3, 4])


def batches(rules: list[int], size: int = 32) -> MaskedBatches:
    streams = [Stream(GRAMMARS[rule], rule, 0, "train") for rule in rules]
    whole = OnlineBatches("classification", streams, range(len(rules)), size, torch.device("cpu"))
    return MaskedBatches(whole, 6, FRACTIONS, [10 + rule for rule in rules])


class Exact(torch.nn.Module):
    """The exact denoiser in the place of a pack."""

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        """Logarithms of posteriors."""
        known = [exact_posteriors(g, mine) for g, mine in zip(GRAMMARS, seen.numpy())]
        return torch.from_numpy(np.log(np.maximum(np.stack(known), 1e-300)))


def test_masks_hide_tokens_with_the_drawn_fractions_and_targets_are_what_was_there() -> None:
    drawn = batches([0, 1], size=4000)
    inputs, targets = drawn.at(0)
    masked = inputs == 6
    whole, _ = OnlineBatches(
        "classification", [Stream(GRAMMARS[0], 0, 0, "train")], [0], 4000, torch.device("cpu")
    ).at(0)
    assert torch.equal(torch.where(masked[0], targets[0], inputs[0].long()), whole[0].long())
    assert ((targets < 0) == ~masked).all()
    shares = masked.double().mean((1, 2))
    assert (shares - np.mean(FRACTIONS)).abs().max() < 0.02
    # sentences have a fraction each: their numbers of masks scatter more than those of one fraction
    counts = masked.sum(2).double().var(1)
    assert (counts > 2 * 8 * 0.25).all()
    assert not torch.equal(drawn.at(1)[0], inputs)


def test_a_replicas_masks_are_its_own() -> None:
    both, alone = batches([0, 1]), batches([1])
    for step in (0, 1):
        for mine, its in zip(both.at(step), alone.at(step)):
            assert torch.equal(mine[1], its[0])
    both.keep([1])
    for mine, its in zip(both.at(2), alone.at(2)):
        assert torch.equal(mine, its)


def test_posteriors_are_those_of_theory_and_zero_where_a_token_is_seen() -> None:
    seen = held_out().inputs[0].numpy()
    found = exact_posteriors(GRAMMARS[0], seen)
    leaves = exact.evidence(seen.astype(np.int64), "mask", 0.0, 6)
    known = exact.posteriors(GRAMMARS[0], exact.upward(GRAMMARS[0], leaves))[0]
    assert (found[seen != 6] == 0).all()
    np.testing.assert_allclose(found[seen == 6], np.moveaxis(known, 0, -1)[seen == 6])


def test_the_exact_denoiser_has_no_excess_and_every_other_has_the_loss_above_it() -> None:
    examples = held_out(2000)
    told = measure(Exact(), examples, 3)
    assert np.abs(told["excess"]).max() < 1e-12
    floors = exact_losses(examples, 3)
    np.testing.assert_allclose(told["loss"], floors, atol=0.03)
    shape = Shape(v=6, s=2, L=3, outputs=6, task="autoregressive", width=8, depth=3)
    other = measure(build("unet", shape, [0, 1]), examples, 3)
    assert (other["excess"] > 0.1).all()
    np.testing.assert_allclose(other["loss"] - other["excess"], floors, atol=0.08)
    hidden = [(examples.inputs[0, i * 2000 : (i + 1) * 2000] == 6).float().mean() for i in range(3)]
    np.testing.assert_allclose(hidden, FRACTIONS, atol=0.02)


def test_token_by_token_the_exact_denoiser_makes_sentences_of_the_language() -> None:
    examples = held_out()
    fill = filling(examples)
    whole = fill.filled(Exact(), "in turn")
    assert (whole < 6).all()
    assert torch.equal(whole[fill.seen < 6], fill.seen[fill.seen < 6])
    judged = fill.judged(whole)
    assert (judged[np.isfinite(judged)] == 1).all()
    # each from its own marginal, it does not; and less at higher levels, and with more masks
    alone = fill.judged(fill.filled(Exact(), "at once"))[:, :, 0]
    assert (alone[:, -1] < 0.9).all() and (np.diff(alone, axis=-1) <= 0).all()
    assert (np.diff(alone, axis=1) < 0).all()
    beside = Trial(examples, fill).beside()
    np.testing.assert_array_equal(beside["exact"]["at once"][:, :, 0], alone)
    assert (beside["random"]["in turn"][:, :, 0] < alone).all()


def test_turns_are_a_random_order_of_the_masked_tokens() -> None:
    fill = filling(held_out())
    masked = fill.seen == 6
    assert ((fill.ranks >= 0) == masked).all()
    for ranks, here in zip(fill.ranks[0], masked[0]):
        assert sorted(ranks[here].tolist()) == [*range(int(here.sum()))]
    first = (fill.ranks == 0).double().sum((0, 1))
    assert first.min() > 0.5 * first.mean()


def test_composition_asks_for_what_is_new_at_a_level() -> None:
    grammar = GRAMMARS[0]
    whole = tokens(0, "test", 200).astype(np.int64)
    for made in (np.ones(whole.shape, bool), np.zeros(whole.shape, bool)):
        obeying, composing = composition(grammar, whole, made)
        assert (obeying == 1).all()
        assert (composing == 1).all() if made.any() else np.isnan(composing).all()
    # halves of different sentences: all below the root obeys
    mixed = np.concatenate([whole[:, :4], np.roll(whole[:, 4:], 1, axis=0)], axis=1)
    obeying, composing = composition(grammar, mixed, np.ones(whole.shape, bool))
    assert (obeying[:2] == 1).all() and obeying[2] == composing[2] < 0.7
    # a first token of another kind: nothing above it counts as composed
    wrong = whole.copy()
    wrong[:, 0] = (wrong[:, 0] + np.arange(1, 6)[np.arange(200) % 5]) % 6
    made = np.zeros(whole.shape, bool)
    made[:, 0] = True
    obeying, composing = composition(grammar, wrong, made)
    assert obeying[0] == pytest.approx(0.75 + composing[0] / 4)
    np.testing.assert_allclose(obeying, exact.obeying(grammar, wrong))


def trained(
    stop_after: int | None = None, path: Path | None = None, rules: tuple[int, ...] = (0, 1)
) -> Outcome:
    shape = Shape(v=6, s=2, L=3, outputs=6, task="autoregressive", width=16, depth=3)
    examples = held_out()
    trial = Trial(examples, filling(examples)).keep(rules)
    validation = masked_examples(
        [tokens(rule, "validation", 64) for rule in rules], range(len(rules)), FRACTIONS, 6, rules
    )

    def progress(step: int, active: int, loss: float) -> None:
        if step == stop_after:
            raise KeyboardInterrupt

    return train(
        build("unet", shape, rules),
        batches([*rules]),
        validation,
        [0.01] * len(rules),
        SETTINGS,
        progress,
        Checkpoint(path, "this", 0.0) if path else None,
        trial,
    )


def test_it_learns_and_its_history_has_what_is_made() -> None:
    outcome = trained()
    first, last = outcome.history[0][1], outcome.history[-1][1]
    assert last["test_excess"] < 0.7 * first["test_excess"]
    assert last["validation_loss"] < first["validation_loss"]
    assert last["test_excess"] == pytest.approx(np.mean(last["masked"]["excess"]))
    assert np.array(last["made"]["in turn"]).shape == (3, 2, 3)
    assert {*last["made"]} == {*ORDERS}
    # of a masked token, of which higher fractions have more
    loss = np.average(last["masked"]["loss"], weights=FRACTIONS)
    assert last["validation_loss"] == pytest.approx(loss, abs=0.1)
    error = np.average(last["masked"]["error"], weights=FRACTIONS)
    assert last["validation_error"] == pytest.approx(error, abs=0.1)
    assert outcome.validation_loss[1] == min(
        row["validation_loss"] for replica, row in outcome.history if replica == 1
    )


def test_a_replica_alone_is_what_it_is_in_a_pack() -> None:
    both, alone = trained(), trained(rules=(1,))
    mine = [row for replica, row in both.history if replica == 1]
    its = [row for _, row in alone.history]
    assert str(mine) == str(its)  # with NaN, which equals nothing


def test_a_training_that_is_killed_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = trained()
    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        trained(stop_after=32, path=path)
    again = trained(path=path)
    assert str(again.history) == str(whole.history)
    assert again.validation_loss == whole.validation_loss
    for name, value in whole.weights.items():
        assert torch.equal(value, again.weights[name])
