"""The figures and the guides of the claims on denoising, from tables that are known."""

from pathlib import Path
from typing import get_args

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from helpers.figures import readable
from rhm_scaling.analysis.curves import CURVE_KEY
from rhm_scaling.claims.names import ClaimName
from rhm_scaling.claims.verdicts import AGREES
from rhm_scaling.plots.claim_panels import PANELS, Tables
from rhm_scaling.plots.claims import claim
from rhm_scaling.plots.guides import _CAVEATS, _SOURCES, guide
from rhm_scaling.plots.style import style
from rhm_scaling.plots.transition_panels import composed, crossings, steepness

NOTHING = pd.DataFrame()


def tables() -> Tables:
    rows = [
        {"rule_seed": draw, "L": L, "critical": 0.5 + 0.01 * draw}
        | {"crossing": 0.5 + 0.01 * draw + 0.02 / L, "half": 0.5 + 0.01 * draw - 0.1 / L}
        | {"steepness": 1.2**L * (1 + 0.1 * draw), "response": 1.1 * 1.2**L}
        for draw in range(3)
        for L in range(2, 13)
    ]
    table = pd.DataFrame(rows)
    table.loc[table["L"] == 2, ["crossing", "half", "steepness"]] = np.nan
    table.loc[(table["L"] == 3) & (table["rule_seed"] > 0), "crossing"] = np.nan
    return Tables(*[pd.DataFrame(columns=CURVE_KEY)] * 6, {}, table)


def criteria() -> pd.DataFrame:
    row = {"criterion": "curves cross", "about": "deep, mask", "verdict": AGREES, "bound": np.nan}
    row |= {"claim_verdict": AGREES, "rule": "where", "rival_is": "a half", "limit": np.nan}
    row |= {"estimate": 51.1, "low": 50.7, "high": 51.4, "prediction": 50.8, "rival": 49.8}
    row |= {"prediction_low": 50.8, "prediction_high": 50.8}
    row |= {"decisive": True, "holds": True, "needed": np.nan, "controls": np.nan}
    return pd.DataFrame([{**row, "claim_agrees": 0.9, "rival_agrees": 0.0}])


def test_panels_have_what_the_table_says() -> None:
    figure, axes = plt.subplots(2)
    crossings(axes[0], tables())
    measured, half = (c.lines[0].get_xydata() for c in axes[0].containers)
    np.testing.assert_allclose(measured, [[L, 0.02 / L] for L in range(4, 13)])
    np.testing.assert_allclose(half, [[L, -0.1 / L] for L in range(3, 13)])
    steepness(axes[1], tables())
    (fall,) = axes[1].containers
    mean = np.exp(np.log([1.0, 1.1, 1.2]).mean())
    np.testing.assert_allclose(
        fall.lines[0].get_xydata()[:, 1], [mean * 1.2**L for L in range(3, 13)]
    )
    known = {line.get_label(): line for line in axes[1].lines}["recursion"]
    np.testing.assert_allclose(known.get_xydata()[:, 1], [1.1 * 1.2**L for L in range(2, 13)])
    plt.close(figure)


def test_it_can_be_read_at_a_columns_width(tmp_path: Path) -> None:
    style()
    readable(claim("D1", pd.concat([criteria()] * 3), tables()), tmp_path)


def test_the_guide_says_that_nothing_was_trained() -> None:
    text = guide("D1", "d1", {}, NOTHING, criteria(), NOTHING)
    assert text.startswith("# D1: agrees\n")
    assert "Nothing was trained" in text and "51.10 [50.70, 51.40]" in text
    assert "Whether training limits it" not in text and "before training" not in text
    assert "denoising/denoising-*.pdf" in text and "learning_curves" not in text


def generated() -> pd.DataFrame:
    """Levels that are composed from 100 sentences on, each 3 times later than the one below."""
    rows = [
        {"rule_seed": draw, "sentences": size, "order": order, "fraction": fraction}
        | {"level": level, "composing": float(size > 100 * 3**level)}
        for draw in range(2)
        for size in (0, 64, 512, 4096, 32768)
        for order in ("in turn", "at once")
        for fraction in (0.3, 0.5)
        for level in (1, 2, 3)
    ]
    table = pd.DataFrame(rows)
    table.loc[(table["order"] == "at once") | (table["fraction"] < 0.5), "composing"] = 0.2
    return table


def test_composition_is_drawn_level_by_level(tmp_path: Path) -> None:
    tables_of = Tables(*[pd.DataFrame(columns=CURVE_KEY)] * 6, {}, generated=generated())
    figure, axis = plt.subplots()
    composed(axis, tables_of)
    sizes = np.array([64, 512, 4096, 32768])
    for level, points in enumerate(axis.containers, 1):
        shown = points.lines[0].get_xydata()
        np.testing.assert_allclose(shown, np.c_[sizes, sizes > 100 * 3**level])
    plt.close(figure)
    # what some draw has no subtree for, or draws do not agree on, is not drawn
    unclear = tables_of.generated
    early = (unclear["level"] == 3) & (unclear["rule_seed"] == 0)
    unclear.loc[early & (unclear["sentences"] == 64), "composing"] = np.nan
    unclear.loc[early & (unclear["sentences"] == 512), "composing"] = 1.0
    figure, axis = plt.subplots()
    composed(axis, tables_of)
    assert [len(points.lines[0].get_xydata()) for points in axis.containers] == [4, 4, 2]
    plt.close(figure)
    style()
    readable(claim("D2", pd.concat([criteria()] * 2), tables_of), tmp_path)


@pytest.mark.parametrize("known", [PANELS, _SOURCES, _CAVEATS])
def test_no_claim_is_without_a_figure_and_words(known: dict[str, object]) -> None:
    assert sorted(known) == sorted(get_args(ClaimName))
