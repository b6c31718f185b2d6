"""When memorising begins and levels are learnt, found in made-up histories that know it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from rhm_scaling.analysis.memorisation import (
    EVENTS,
    LAWS,
    MARGIN,
    events,
    gap_opens,
    onset_laws,
)
from rhm_scaling.training.loop import evaluation_steps

Array = NDArray[np.float64]
GUESS = float(np.log(8))
BATCH = 128
STEPS = np.array(evaluation_steps(16384, 4), dtype=float)
FINE = np.concatenate([[0.0], np.arange(1, 16385, dtype=float)])


def learning(steps: Array, at: float = 60.0) -> Array:
    """A loss that falls from that of a guess to 0.4 nats, half of the way at a step."""
    return np.asarray(0.4 + (GUESS - 0.4) / (1 + (steps / at) ** 3))


def losses(onset: float, learnt: float = 60.0) -> tuple[Array, Array]:
    """Training losses since the evaluation before, and validation losses, at `STEPS`.

    The gap grows with the square of the step and is `MARGIN` at the onset; half of it is a training
    loss that falls, half a validation loss that rises.
    """
    gap = MARGIN * GUESS * (FINE / onset) ** 2 if np.isfinite(onset) else np.zeros(len(FINE))
    gap = np.minimum(gap, 0.7)
    training, validation = learning(FINE, learnt) - gap / 2, learning(FINE, learnt) + gap / 2
    sums = np.concatenate([[0.0], np.cumsum(training[:-1])])
    at = STEPS.astype(int)
    means = np.full(len(at), np.nan)
    means[1:] = np.diff(sums[at]) / np.diff(STEPS)
    return means, validation[at]


def history(
    size: float, rule: int, onset: float, learnt: float = 60.0, init: int = 0
) -> pd.DataFrame:
    """Evaluations of one replica."""
    training, validation = losses(onset, learnt)
    seeds = {"rule_seed": rule, "sample_seed": 0, "init_seed": init}
    measured = {"train_loss": training, "validation_loss": validation}
    return pd.DataFrame(
        {"train_size": size, **seeds, "step": STEPS, "sentences": STEPS * BATCH, **measured}
    )


@pytest.mark.parametrize("onset", [90.0, 333.0, 2500.0])
def test_the_gap_opens_where_it_was_made_to(onset: float) -> None:
    training, validation = losses(onset)
    assert gap_opens(STEPS, training, validation, MARGIN * GUESS) == pytest.approx(onset, rel=0.04)


def test_losses_that_fall_as_one_never_part() -> None:
    # the training loss is that of earlier steps, and lies above the validation loss as it falls
    training, validation = losses(np.inf, learnt=30.0)
    assert np.nanmax(training - validation) > 0.1
    assert gap_opens(STEPS, training, validation, 0.02) == np.inf


def test_one_noisy_evaluation_is_no_onset() -> None:
    training, validation = losses(1000.0)
    training[8] -= 0.5
    assert gap_opens(STEPS, training, validation, MARGIN * GUESS) == pytest.approx(1000, rel=0.04)


def test_events_tell_steps_sentences_and_epochs() -> None:
    middle = np.array([(GUESS + 0.4) / 2, 0.1])  # the second is never crossed
    seen = pd.concat([history(1024, 3, 500.0), history(np.inf, 3, np.inf)])
    found = events(seen, GUESS, {3: middle}, "validation_loss")
    assert list(found) == EVENTS
    finite = found[found["train_size"] == 1024].set_index(["event", "level"])
    assert finite.loc[("learnt", 1), "at_step"] == pytest.approx(60, rel=0.05)
    assert finite.loc[("learnt", 2), "at_step"] == np.inf
    assert finite.loc[("memorised", 0), "at_step"] == pytest.approx(500, rel=0.04)
    rows = seen[seen["train_size"] == 1024]
    least = rows.loc[rows["validation_loss"].idxmin(), "step"]
    assert finite.loc[("least_loss", 0), "at_step"] == least < 500
    known = finite[np.isfinite(finite["at_step"])]
    np.testing.assert_allclose(known["at_sentences"], known["at_step"] * BATCH)
    np.testing.assert_allclose(known["at_epochs"], known["at_sentences"] / 1024)
    # fresh sentences are not memorised, and have no epochs
    online = found[np.isinf(found["train_size"])]
    assert set(online["event"]) == {"learnt"}
    assert online["at_epochs"].isna().all()


def test_a_loss_that_still_falls_has_no_least_step() -> None:
    found = events(history(1024, 0, np.inf), GUESS, {}, "validation_loss").set_index("event")
    assert found.loc["least_loss", "at_step"] == np.inf
    assert found.loc["memorised", "at_step"] == np.inf


def test_of_no_training_nothing_is_told() -> None:
    found = events(history(1024, 0, 300.0)[:0], GUESS, {}, "validation_loss")
    assert found.empty and onset_laws(found).empty


def made_up(
    exponent: float, source: np.random.Generator, draws: int = 4, scatter: float = 0.1
) -> pd.DataFrame:
    """Events of trainings at six sizes whose onset is a power of ``P``."""
    rows = [
        history(size, rule, 300 * (size / 1024) ** exponent * factor, 40.0)
        for rule in range(draws)
        for size, factor in zip(
            2.0 ** np.arange(9, 15), np.exp(scatter * source.standard_normal(6))
        )
    ]
    heights = {rule: np.array([(GUESS + 0.4) / 2]) for rule in range(draws)}
    return events(pd.concat(rows), GUESS, heights, "validation_loss")


@pytest.mark.parametrize("exponent", [1.0, 0.7])
def test_the_exponent_is_recovered(exponent: float) -> None:
    covered = 0
    for seed in range(20):
        laws = onset_laws(made_up(exponent, np.random.default_rng(seed)))
        assert list(laws) == LAWS
        told = laws.set_index(["event", "window"]).loc[("memorised", "level 1 before")]
        assert told["exponent"] == pytest.approx(exponent, abs=0.15)
        assert told["points"] == 6
        covered += told["low"] < exponent < told["high"]
    assert covered >= 17  # of 20, at 95 %
    learnt = laws[laws["event"] == "learnt"].iloc[0]
    assert learnt["exponent"] == pytest.approx(0, abs=0.02)
    assert (learnt["claimed"], told["claimed"]) == (0, 1)


def test_sizes_at_which_memorising_waits_for_level_1_are_told_apart() -> None:
    # an onset that is the time to learn plus a time in proportion to P
    sizes = 2.0 ** np.arange(6, 14)
    rows = [history(size, rule, 60 + 0.2 * size) for rule in range(3) for size in sizes]
    heights = {rule: np.array([(GUESS + 0.4) / 2]) for rule in range(3)}
    laws = onset_laws(events(pd.concat(rows), GUESS, heights, "validation_loss"))
    laws = laws[laws["event"] == "memorised"].set_index("window")
    assert laws.loc["all", "points"] == 8
    assert laws.loc["level 1 before", "smallest"] == 512  # 60 + 0.2 P is over twice 60 from here on
    assert laws.loc["all", "exponent"] < 0.8 < laws.loc["level 1 before", "exponent"] < 1


def test_what_did_not_happen_everywhere_is_no_point() -> None:
    found = made_up(1.0, np.random.default_rng(0))
    never = (found["train_size"] == 512) & (found["rule_seed"] == 2)
    found.loc[never & (found["event"] == "memorised"), "at_step"] = np.inf
    law = onset_laws(found).set_index(["event", "window"]).loc[("memorised", "all")]
    assert (law["points"], law["smallest"]) == (5, 1024)
    few = onset_laws(found[found["train_size"] < 2048]).set_index(["event", "window"])
    assert np.isnan(few.loc[("memorised", "all"), "exponent"])
    # of one rule draw, replicas are the units
    one = pd.concat(history(P, 0, P * (1 + 0.1 * i), init=i) for P in SIZES for i in range(3))
    told = onset_laws(events(one, GUESS, {}, "validation_loss")).iloc[0]
    assert told["rule_draws"] == 1
    assert told[["low", "exponent", "high"]].tolist() == pytest.approx([1] * 3, abs=0.02)


SIZES = (512.0, 1024.0, 2048.0, 4096.0)
