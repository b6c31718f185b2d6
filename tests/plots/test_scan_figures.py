"""Figures of a scan: points and curves are where their tables have them, or there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.figures import readable
from rhm_scaling.plots.scans import scan_collapse, scan_laws
from rhm_scaling.plots.style import style

NETWORKS = [("cnn", 0.6), ("lcn", 2.0)]
SHAPES = [(8, 3, 3), (16, 3, 3), (8, 4, 2), (16, 4, 2), (8, 4, 4), (12, 5, 2)]


def key(v: int, L: int, m: int, network: str) -> dict[str, object]:
    shape = {"architecture": network, "width": 64, "depth": L, "protocol": "finite", "context": 0}
    return {"grammar": f"g-v{v}-L{L}-m{m}", "task": "classification", **shape}


def tables() -> dict[str, pd.DataFrame]:
    points, curves, laws, collapsed = [], [], [], []
    for network, constant in NETWORKS:
        named = {"architecture": network, "width": 64, "protocol": "finite"}
        for v, L, m in SHAPES:
            bare = float(v * m**L)
            at = {"threshold": 1.5 * bare, "bare": bare, "crossed_at": 1.5 * constant * bare}
            ends = {"low": at["crossed_at"] / 1.2, "high": at["crossed_at"] * 1.2}
            row = {**key(v, L, m, network), "v": v, "L": L, "m": m, **at, **ends}
            points.append({**row, "reason": np.nan})
            curves += [
                {**key(v, L, m, network), "scaled_by": scale, "ratio": ratio * one,
                 "mean": 1 / (1 + ratio**2)}
                for scale, one in (("predicted", constant), ("measured", 1.0))
                for ratio in 2.0 ** np.arange(-3, 3)
            ]  # fmt: skip
        points[-1]["reason"] = "too large a part of its language"
        fitted = {"estimate": 1.0, "low": 0.9, "high": 1.1, "spread": 1.02}
        laws += [{**named, "law": law, **fitted} for law in ("threshold", "bare")]
        collapsed += [
            {**named, "scaled_by": scale, "points": 5, "constant": constant, "residual": 1.02,
             "low": 1.0, "high": 1.05, "shuffled": 3.5}
            for scale in ("predicted", "measured")
        ]  # fmt: skip
    made = {"points": points, "curves": curves, "laws": laws, "collapsed": collapsed}
    return {name: pd.DataFrame(rows) for name, rows in made.items()}


@pytest.mark.filterwarnings("error")
def test_points_lie_on_the_line_of_their_network(tmp_path: Path) -> None:
    style()
    known = tables()
    figure = scan_laws(known["points"], known["laws"], 1.25, "A scan")
    panels = figure.axes
    assert len(panels) == 4
    for axis, (network, constant) in zip(panels[::2], NETWORKS):
        line = axis.lines[0]
        assert (line.get_ydata() / line.get_xdata()).tolist() == pytest.approx([constant] * 2)
        drawn = [one for one in axis.lines if len(one.get_xdata()) == 1 and one.get_marker() != "_"]
        assert {(float(o.get_xdata()[0]), float(o.get_ydata()[0])) for o in drawn} >= {
            (row.threshold, row.crossed_at)
            for row in known["points"].itertuples()
            if row.architecture == network and isinstance(row.reason, float)
        }
        assert axis.get_legend() is None
        assert axis.get_title(loc="left") == f"{network}, exponent 1.00 [0.90, 1.10], spread 1.02"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    # of points of laws alone
    assert labels == ["$L$ = 3", "$L$ = 4", "$m$ = 2", "$m$ = 3", "$m$ = 4"]
    readable(figure, tmp_path)


@pytest.mark.filterwarnings("error")
def test_curves_that_are_one_are_drawn_on_one(tmp_path: Path) -> None:
    style()
    known = tables()
    figure = scan_collapse(known["curves"], known["points"], known["collapsed"], "A scan")
    for axis, (_, constant) in zip(figure.axes[::2], NETWORKS):
        lines = [line for line in axis.lines if line.get_marker() not in ("None", "")]
        assert len(lines) == len(SHAPES) - 1
        for line in lines:
            ratio = line.get_xdata() / constant
            np.testing.assert_allclose(line.get_ydata(), 1 / (1 + ratio**2))
    assert [axis.get_title(loc="left") for axis in figure.axes[:2]] == [
        "cnn, 5 grammars, residual 1.02 [1.00, 1.05], shuffled 3.50"
    ] * 2
    readable(figure, tmp_path)


def test_a_scan_without_points_is_drawn_as_one(tmp_path: Path) -> None:
    style()
    known = tables()
    points = known["points"].assign(reason="P* lies beyond the last size")
    nothing = [known[name][:0] for name in ("laws", "collapsed")]
    figure = scan_laws(points, nothing[0], 1.25, "Nothing is learnt")
    assert "too few grammars" in figure.axes[0].get_title(loc="left")
    readable(figure, tmp_path)
    figure = scan_collapse(known["curves"][:0], points, nothing[1], "Nothing is learnt")
    readable(figure, tmp_path)
