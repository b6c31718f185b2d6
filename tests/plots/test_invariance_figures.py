"""Matrices of layer by level, from tables with gaps: not reached, not measured, one size alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.curves import CURVE_KEY
from rhm_scaling.analysis.invariance import SUMMED
from rhm_scaling.plots.guides import order_of_invariance
from rhm_scaling.plots.invariance import invariance_ratios, invariance_sizes
from rhm_scaling.plots.numbers import size
from rhm_scaling.plots.style import save

KEY = dict(zip(CURVE_KEY, ("deep", "last_token", "cnn", 64, 3, "finite", 0)))
THRESHOLDS = pd.DataFrame({"level": [1, 2, 3], "threshold": [10.0, 100.0, 1000.0]}).assign(**KEY)
CELLS = [
    (0, 1, 3, 0, np.inf, np.nan, np.nan, 4096.0, np.inf, 900.0, 300.0),
    (0, 2, 3, 0, np.inf, np.nan, np.nan, 4096.0, np.inf, np.inf, np.inf),
    (1, 1, 3, 3, 1290.0, 900.0, 2000.0, 1290.0, 1290.0, 900.0, 300.0),
    (1, 2, 3, 2, np.inf, np.nan, np.nan, 2100.0, np.inf, np.inf, np.inf),
    (2, 1, 3, 2, np.nan, np.nan, np.nan, 0.0, 80.0, 900.0, 300.0),
    (2, 2, 3, 1, np.nan, np.nan, np.nan, 0.0, np.inf, np.inf, np.inf),
]
SIZES = pd.DataFrame(CELLS, columns=SUMMED).assign(**KEY)


def ratios(**key: object) -> pd.DataFrame:
    rows = [
        {"layer": layer, "level": level, "train_size": train_size, "mean": mean}
        for layer in (0, 1, 2)
        for level in (1, 2)
        for train_size, mean in ((64, 1.1), (256, 0.4 if level == 1 else np.nan))
    ]
    return pd.DataFrame(rows).assign(**{**KEY, **key})


@pytest.mark.parametrize(
    ("train_size", "told"),
    [
        *((64, "64"), (435.4, "435"), (999.7, "1.0k"), (1290, "1.3k"), (9960, "10k")),
        *((33e3, "33k"), (999_900, "1.0M"), (12e6, "12M")),
    ],
)
def test_sizes_for_readers_are_short(train_size: float, told: str) -> None:
    assert size(train_size) == told


@pytest.mark.filterwarnings("error")
def test_cells_say_what_was_reached(tmp_path: Path) -> None:
    figure = invariance_sizes(SIZES, "$L$ = 3")
    axis = figure.axes[0]
    told = {}
    for text in axis.texts:
        x, y = (round(at) for at in text.get_position())
        told.setdefault((y, x + 1), []).append(text.get_text())
    assert told[1, 1] == ["1.3k", ""]
    assert told[1, 2] == [">2.1k", "2/3"]
    assert told[2, 1] == ["<80", "2/3"]
    assert told[2, 2] == ["–", "1/3"]  # some before the smallest size, some beyond the largest
    assert told[0, 1] == told[0, 2] == ["–", ""]
    assert [told[row, 1][0] for row in (3, 4)] == ["900", "300"]
    assert told[3, 2] == told[4, 2] == ["–", ""]
    hatched = sum(bool(patch.get_hatch()) for patch in axis.patches)
    assert hatched == 5
    save(figure, tmp_path, "sizes")
    assert (tmp_path / "sizes.png").stat().st_size > 5000


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cells", [SIZES[:0], SIZES[:2], SIZES[2:3], pd.concat([SIZES] * 3)])
def test_matrices_of_nothing_of_one_cell_and_of_many_curves(
    cells: pd.DataFrame, tmp_path: Path
) -> None:
    many = cells.assign(grammar=[f"g{index // len(SIZES)}" for index in range(len(cells))])
    save(invariance_sizes(many, "title"), tmp_path, "sizes")
    assert (tmp_path / "sizes.pdf").is_file()


@pytest.mark.filterwarnings("error")
def test_ratios_that_were_not_measured_leave_their_cells_empty(tmp_path: Path) -> None:
    blind = ratios(architecture="blind").assign(mean=np.nan)
    other = pd.concat([THRESHOLDS, THRESHOLDS.assign(architecture="blind")])
    figure = invariance_ratios(pd.concat([ratios(), blind]), other, "title")
    small, large, *dark = figure.axes[:4]
    assert len(small.patches) == 6 and len(large.patches) == 3
    assert not any(axis.patches for axis in dark)
    dots = [line for line in large.lines if line.get_marker() == "."]
    assert len(dots) == 3 and not any(line.get_marker() == "." for line in small.lines)
    # beyond the threshold of level 2, which tells synonyms of level 1, and of no other
    assert len(small.lines) == 0 and len(large.lines) == len(dots) + 1
    save(figure, tmp_path, "ratios")
    assert (tmp_path / "ratios.png").stat().st_size > 5000


def test_the_guide_tells_the_order_from_the_tables() -> None:
    columns = {"crossed_at": np.nan, "threshold": np.nan, **KEY}
    each = pd.DataFrame(
        [
            {"rule_seed": rule, "layer": 2, "level": level, "half_at": half_at, **columns}
            for rule, sizes in enumerate([(np.nan, 900.0), (80.0, 1e3), (2000.0, np.inf)])
            for level, half_at in enumerate(sizes, 1)
        ]
    )
    assert order_of_invariance(each[:0], SIZES[:0]).startswith("Nothing is known: no training size")
    text = order_of_invariance(each, SIZES)
    assert "- `deep`, cnn of width 64: (2, 1) <80 on 2 of 3, (1, 1) 1.3k, (1, 2) >2.1k on" in text
    assert "In layer 2, the deepest, level 1 before 2 on 3 of 3 rule draws (0 undecided)" in text
    assert "this order on 0.5 of them, and on so many or more with probability 0.12" in text
