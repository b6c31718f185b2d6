"""Axes of sizes name sizes, whichever there are."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.figure import Figure

from rhm_scaling.plots.style import amounts, sizes_axis


@pytest.mark.parametrize(
    "sizes",
    [
        [64],
        [100, 300, 700],
        [1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800],  # between two powers of two
        [2**power for power in range(4, 16)],
        [128 * step for step in range(8, 4096, 16)],
    ],
    ids=str,
)
def test_an_axis_has_a_few_ticks_within_its_sizes(sizes: list[int]) -> None:
    figure, axis = plt.subplots()
    sizes_axis(axis, pd.Series(sizes))
    ticks = axis.get_xticks()
    assert 1 <= len(ticks) <= 5
    assert len(ticks) >= min(len(sizes), 3)
    assert min(sizes) <= min(ticks) and max(ticks) <= max(sizes)
    plt.close(figure)


@pytest.mark.parametrize("limits", [(130, 9000), (300, 4000), (3, 5000)])
def test_an_axis_of_sizes_has_at_least_two_names(limits: tuple[float, float]) -> None:
    figure = Figure()
    axis = figure.add_subplot()
    axis.set(yscale="log", ylim=limits)
    amounts(axis)
    figure.canvas.draw()
    named = [
        label.get_text()
        for label in axis.get_yticklabels(which="both")
        if label.get_text() and limits[0] <= label.get_position()[1] <= limits[1]
    ]
    assert len(named) >= 2
