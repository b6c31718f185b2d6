"""The figure of controls, from a table whose content is known."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rhm_scaling.analysis.control_names import WORDS
from rhm_scaling.analysis.controls import BETTER, NOT_COMPARED, WITHIN, WORSE
from rhm_scaling.plots.controls import controls
from rhm_scaling.plots.style import style

KEY = {"task": "classification", "architecture": "cnn", "width": 64, "depth": 2, "context": 0}
GRAMMARS = ("zipf-L2-zipf1_0.5", "zipf-L2-zipf1_0.75", "zipf-L2-zipf1_1")
FINDINGS = (WITHIN, BETTER, WORSE)


def row(grammar: str, control: str, **told: Any) -> dict[str, Any]:
    finite = {"protocol": "finite", "quantity": "test_error", "train_size": 65536, "level": np.nan}
    return {"grammar": grammar, **KEY, "control": control, **finite, **told}


def ratio(value: float, half: float = 0.1) -> dict[str, float]:
    return {"log2_ratio": value, "log2_low": value - half, "log2_high": value + half}


def drawn(*rows: dict[str, Any]) -> Figure:
    style()
    return controls(pd.DataFrame(rows), "Classification, $5")


def test_a_point_a_control_filled_if_it_lies_within() -> None:
    rows = [
        row(grammar, control, finding=finding, **ratio(at))
        for at, grammar, finding in zip((0.02, -0.5, 0.6), GRAMMARS, FINDINGS)
        for control in WORDS
    ]
    figure = drawn(*rows)
    figure.canvas.draw()
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_yticklabels()] == [
        f"{grammar}, $P$ = 65,536" for grammar in GRAMMARS
    ]
    points = [line for line in axis.lines if line.get_marker() in ("o", "s", "D")]
    assert len(points) == 9
    assert [point.get_markerfacecolor() == "white" for point in points] == 3 * [False] + 6 * [True]
    low, high = axis.get_xlim()
    assert low == -high and high > 0.7
    zero = [line for line in axis.lines if {*line.get_xdata()} == {0}]
    assert len(zero) == 1
    # nothing is covered, and all is inside 85 mm
    assert figure.get_figwidth() * 25.4 < 86
    below = figure.legends[0].get_window_extent()
    assert not below.overlaps(axis.get_window_extent())
    assert axis.get_window_extent().width > figure.bbox.width / 3
    plt.close(figure)


def test_what_has_no_ratio_stands_at_an_edge() -> None:
    online = {"protocol": "online", "quantity": "crossed_at", "train_size": np.nan, "level": 2}
    none = dict.fromkeys(("log2_ratio", "log2_low", "log2_high"), np.nan)
    rows = [
        row("g", control, finding=finding, **online | none)
        for control, finding in zip(WORDS, (BETTER, WORSE, NOT_COMPARED))
    ]
    figure = drawn(*rows)
    (axis,) = figure.axes
    low, high = axis.get_xlim()
    alone = [line for line in axis.lines if len(line.get_xdata()) == 1]
    at = {line.get_marker(): line.get_xdata()[0] for line in alone}
    assert at == {"<": low, ">": high, "x": high}
    assert axis.get_yticklabels()[0].get_text() == "cnn, level 2"
    plt.close(figure)
