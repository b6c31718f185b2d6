"""What the page on learning times says, held against the reference results."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.documents import ROOT, prose, reference, text_of
from rhm_scaling.analysis.learning_times import residual
from rhm_scaling.study.reading import load_study

PAGE = "docs/spectrum.md"
CURVE = ["grammar", "architecture"]
GRAMMARS = {"deep": "`v = 16, m = 3`", "small": "`v = 8, m = 2`"}


@pytest.fixture(scope="module")
def peaks() -> pd.DataFrame:
    """Levels above 0, beside the places where mean curves cross them."""
    known = reference("spectrum/learning_spectrum").query("level > 0")
    crossed = reference("spectrum/thresholds")[[*CURVE, "level", "crossed_at", "draws"]]
    return known.merge(crossed, on=[*CURVE, "level"])


def between(values: pd.Series, digits: int = 1) -> str:
    return f"{values.min():.{digits}f} to {values.max():.{digits}f}"


def test_the_table_is_the_reference(peaks: pd.DataFrame) -> None:
    lines = []
    for row in peaks.itertuples():
        network = "CNN" if row.architecture.startswith("cnn") else row.architecture
        in_draws = f"in {row.draws} of 6 draws" if row.draws else "in no draw"
        crossed = f"{row.crossed_at:,.0f}" if row.draws == 6 else in_draws
        lines.append(
            f"| {network}, {GRAMMARS[row.grammar]} | {row.level} "
            f"| {row.half_at:,.0f} [{row.low:,.0f}, {row.high:,.0f}] | {row.threshold:,.0f} "
            f"| {row.half_at / row.threshold:.1f} | {crossed} |"
        )
    shown = [line for line in text_of(PAGE).splitlines() if line.startswith(("| CNN", "| trans"))]
    assert shown == lines and len(lines) == 12


def test_positions_and_widths_of_peaks(peaks: pd.DataFrame) -> None:
    text, upper = prose(PAGE), peaks.query("level > 1")
    ratios = upper["half_at"] / upper["threshold"]
    assert f"lie at {between(ratios)} times the predicted sizes" in text
    held = upper[(upper["low"] < upper["threshold"]) & (upper["threshold"] < upper["high"])]
    assert [*zip(held["architecture"], held["level"])] == [
        *(("cnn-brief", 2), ("cnn-brief", 4), ("transformer", 3), ("transformer", 4))
    ]
    late = (upper["crossed_at"] / upper["threshold"]).replace(np.inf, np.nan)
    assert f"crosses the levels at {between(late)} times them" in text
    first = peaks.query("level == 1")
    assert (first["half_at"] / first["threshold"]).min() > 1.5 * ratios.max()
    wide = peaks["spread"][np.isfinite(peaks["spread"])]
    assert f"is {wide.min():.1f} to {wide.max():.1f} times the lower one" in text
    small = peaks[peaks["grammar"] == "small"].set_index(["level", "architecture"])
    measured, predicted = (
        small[name].unstack()["transformer"] / small[name].unstack()["cnn-brief"]
        for name in ("half_at", "threshold")
    )
    assert (
        f"level 2 of the same grammars at {measured[2]:.1f} times the size of CNNs, where theory "
        f"predicts equal sizes, level 3 at {measured[3]:.1f} times ({predicted[3]:.1f} predicted) "
        f"and level 4 at {measured[4]:.1f} times ({predicted[4]:.1f} predicted)"
    ) in text
    assert predicted[2] == pytest.approx(1)
    relative = measured / measured[2]
    assert f"these are {relative[3]:.1f} and {relative[4]:.1f}: the order" in text
    assert (relative[[3, 4]] < predicted[[3, 4]]).all()
    assert (peaks["weight"] / peaks["weight_predicted"]).between(0.97, 1.03).all()


def test_how_well_curves_are_rebuilt() -> None:
    text, curves = prose(PAGE), reference("spectrum/rebuilt_curves")
    by_curve = [mine for _, mine in curves.groupby(CURVE)]
    levels, whole = (
        pd.Series([residual(mine, column) for mine in by_curve])
        for column in ("rebuilt", "rebuilt_whole")
    )
    assert f"within a typical factor of {between(levels)}; a single" in text
    assert f"time a context within {between(whole)}." in text
    assert f"up to {100 * curves['beyond'].max():.0f} % of the excess lies above" in text
    assert (curves["rebuilt"] < curves["mean"]).all()
    last = 100 * curves.groupby(CURVE)["beyond"].last()
    assert f"At the largest size this is {between(last, 0)} %" in text
    middle = curves.groupby(CURVE)[["misfit", "misfit_shuffled"]].median()
    assert f"its steps by {between(middle['misfit'], 2)} of the mean excess" in text
    assert f"(`misfit_shuffled`, {between(middle['misfit_shuffled'], 2)})" in text
    assert (middle["misfit"] < middle["misfit_shuffled"]).all()


def test_the_study_is_that_of_the_reference() -> None:
    study = load_study(ROOT / "config" / "studies" / "spectrum.yaml")
    sizes = reference("spectrum/rebuilt_curves").groupby("grammar")["train_size"].unique()
    for experiment in study.experiments.values():
        (grammar,) = experiment.grammars
        assert [*sizes[grammar]] == experiment.train_sizes
        assert experiment.replicas.rule_draws == 6
