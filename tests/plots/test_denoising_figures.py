"""Figures of denoising, of made-up numbers: readable, and they show what the tables say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.figures import readable
from rhm_scaling.plots.denoising import denoising, restoring
from rhm_scaling.plots.style import style

FRACTIONS = [0.3, 0.5, 0.7]


def made_up(depth: int = 12) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = []
    for fraction in FRACTIONS:
        for level in range(depth + 1):
            value = 1 / (1 + np.exp((fraction - 0.5) * 4 * level))
            names = ["symbol"] if level == 0 else ["symbol", "root", "obeying_alone", "obeying"]
            for name in names:
                mean = 1.0 if name == "obeying" else value
                rows.append((name, fraction, level, mean, mean - 0.02, mean + 0.02, mean))
        rows.append(("susceptibility", fraction, np.nan, 3.0, 2.0, 4.0, np.nan))
    columns = ["quantity", "fraction", "level", "mean", "low", "high", "predicted"]
    crossings = pd.DataFrame(
        {
            "corruption": "mask",
            "L": range(2, depth + 1),
            "crossing": [np.nan, *np.linspace(0.45, 0.5, depth - 2)],
            "crossing_low": [np.nan, *np.linspace(0.4, 0.48, depth - 2)],
            "crossing_high": [np.nan, *np.linspace(0.5, 0.52, depth - 2)],
            **{"critical": 0.5, "critical_low": 0.49, "critical_high": 0.51},
        }
    )
    return pd.DataFrame(rows, columns=columns), crossings


@pytest.mark.parametrize("depth", [2, 12])
@pytest.mark.parametrize("draw", [denoising, restoring])
def test_figures_are_readable(draw: object, depth: int, tmp_path: Path) -> None:
    style()
    readable(draw(*made_up(depth), "Masked: $v_16"), tmp_path)  # type: ignore[operator]


def test_points_are_means_and_lines_the_recursion() -> None:
    style()
    rows, crossings = made_up()
    figure = denoising(rows, crossings, "t")
    above, below = figure.axes
    deepest = rows[(rows["quantity"] == "root") & (rows["level"] == 12)]
    drawn = [line.get_xydata() for line in above.lines]
    for column in ("mean", "predicted"):
        wanted = deepest[["fraction", column]].to_numpy(dtype=float)
        assert any(xy.shape == wanted.shape and np.allclose(xy, wanted) for xy in drawn)
    wanted = crossings[["L", "crossing"]].to_numpy(dtype=float)
    assert any(
        xy.shape == wanted.shape and np.allclose(xy, wanted, equal_nan=True)
        for xy in (line.get_xydata() for line in below.lines)
    )
    assert "0.5" in above.get_title(loc="left")
