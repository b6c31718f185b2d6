"""What repeated sentences are worth, recovered from made-up losses of a known law."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.repetition import (
    LAWS,
    VALUES,
    effective_over_unique,
    effective_sentences,
    repetition_laws,
    repetition_values,
    worth_of_repeating,
)
from rhm_scaling.training.loop import evaluation_steps

BATCH = 128
STEPS = np.array(evaluation_steps(16384, 4), dtype=float)
SIZES = (512.0, 2048.0, 8192.0)


def loss(sentences: np.ndarray) -> np.ndarray:
    """That of fresh sentences: a power law from 2 nats to 0.2."""
    return 0.2 + 1.8 / (1 + (sentences / 4000) ** 0.8)


def histories(
    worth: float,
    draws: int = 3,
    scatter: float = 0.0,
    seed: int = 0,
    sizes: tuple[float, ...] = SIZES,
    memorised: float = 40.0,
) -> pd.DataFrame:
    """Evaluations of trainings on fresh and on repeated sentences; `scatter` of the latter.

    After the epoch `memorised` their losses rise.
    """
    source, parts = np.random.default_rng(seed), []
    seen = STEPS * BATCH
    for rule in range(draws):
        known = {"rule_seed": rule, "sample_seed": 0, "init_seed": 0, "step": STEPS}
        known["sentences"] = seen
        parts.append(pd.DataFrame({**known, "train_size": np.inf, "validation_loss": loss(seen)}))
        for size in sizes:
            effective = size * effective_over_unique(seen / size, worth)
            moved = effective * np.exp(scatter * source.standard_normal())
            risen = loss(moved) * (1 + np.maximum(seen / size - memorised, 0) / 40)
            parts.append(pd.DataFrame({**known, "train_size": size, "validation_loss": risen}))
    return pd.concat(parts, ignore_index=True)


def test_the_law_is_that_of_the_paper() -> None:
    assert effective_over_unique(np.array([0.5, 1.0]), 5.0).tolist() == [0.5, 1.0]
    told = effective_over_unique(np.array([4.0, 1e9]), 15.0)
    assert told[0] == pytest.approx(1 + 15 * (1 - np.exp(-3 / 15)))
    assert told[1] == pytest.approx(16)
    assert effective_over_unique(np.array([7.0]), np.inf).tolist() == [7.0]


@pytest.mark.parametrize("worth", [0.3, 5.0, 80.0])
def test_its_number_is_found(worth: float) -> None:
    epochs = np.geomspace(1.2, 500, 30)
    source = np.random.default_rng(1)
    ratios = effective_over_unique(epochs, worth) * np.exp(0.03 * source.standard_normal(30))
    assert worth_of_repeating(epochs, ratios) == pytest.approx(worth, rel=0.15)
    assert worth_of_repeating(epochs, epochs) == np.inf


@pytest.mark.parametrize("worth", [3.0, 15.0])
def test_it_is_recovered_from_losses(worth: float) -> None:
    effective = effective_sentences(histories(worth))
    # what is told is told right, up to the memorising
    told = effective[np.isfinite(effective["effective"]) & (effective["epochs"] < 30)]
    expected = told["train_size"] * effective_over_unique(told["epochs"].to_numpy(), worth)
    np.testing.assert_allclose(told["effective"], expected, rtol=0.03)
    laws = repetition_laws(effective)
    assert list(laws) == LAWS
    assert laws["train_size"].tolist()[:-1] == [*SIZES]
    assert laws["estimate"].tolist() == pytest.approx([worth] * 4, rel=0.1)
    assert (laws["spread"] < 1.05).all()
    assert laws["spread_fresh"].iloc[0] > 3
    values = repetition_values(effective, laws)
    assert list(values) == VALUES
    known = values.dropna(subset="effective")
    np.testing.assert_allclose(known["effective"], known["fitted"], rtol=0.1)


def test_one_epoch_is_worth_what_it_is() -> None:
    effective = effective_sentences(histories(3.0))
    first = effective[(effective["epochs"] <= 1) & effective["effective"].notna()]
    assert len(first) > 10
    np.testing.assert_allclose(first["effective"], first["sentences"], rtol=1e-6)
    np.testing.assert_allclose(first["loss"], first["fresh_loss"])


def test_the_interval_holds_it() -> None:
    covered = 0
    for seed in range(20):
        laws = repetition_laws(effective_sentences(histories(8.0, 4, 0.15, seed, (2048.0,))))
        covered += laws["low"].iloc[0] < 8.0 < laws["high"].iloc[0]
    assert covered >= 16  # of 20, at 95 %


def test_losses_that_tell_no_size_are_left_out() -> None:
    seen = histories(15.0)
    # fresh sentences end early: what repeated ones reach beyond is not told
    seen = seen[np.isfinite(seen["train_size"]) | (seen["step"] <= 64)]
    effective = effective_sentences(seen)
    assert effective["effective"].max() <= 64 * BATCH
    assert effective["sentences"].max() == 64 * BATCH or effective["effective"].isna().any()
    # and without fresh sentences, nothing is
    alone = effective_sentences(seen[np.isfinite(seen["train_size"])])
    assert alone.empty
    laws = repetition_laws(alone)
    assert len(laws) == 1
    assert np.isnan(laws["estimate"].iloc[0])


def test_repeating_that_is_as_good_as_fresh_has_no_end() -> None:
    seen = histories(np.inf, sizes=(8192.0,), memorised=np.inf)
    law = repetition_laws(effective_sentences(seen)).iloc[0]
    assert law["largest_epochs"] == STEPS[-1] * BATCH / 8192
    assert law["estimate"] == np.inf
    assert law["spread"] == law["spread_fresh"] == pytest.approx(1)
