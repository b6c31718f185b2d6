"""The figure of errors by the rarest rule: what is drawn, what is told, and nothing at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.analysis.curves import CURVE_KEY
from rhm_scaling.analysis.rule_errors import COLLAPSE, CURVES, FEWEST
from rhm_scaling.plots.rule_errors import rule_errors
from rhm_scaling.plots.style import save

SIZES = [64, 256, 1024]
COLLAPSED = pd.DataFrame(
    [
        {
            **{"architecture": "cnn", "width": 16, "depth": L, "L": L, "grammars": f"z{L} y{L}"},
            **dict.fromkeys(COLLAPSE, np.nan),
            **{"bins": 3, "spread": spread, "shuffled": 7.0},
        }
        for L, spread in ((2, 1.25), (3, np.nan))
    ]
)


def curves() -> pd.DataFrame:
    """Two grammars of each depth with two ranges of ranks, and one range with few sentences."""
    key = dict.fromkeys(CURVE_KEY, "")
    rows = [
        {
            **{**key, "grammar": f"{letter}{L}", "architecture": "cnn", "width": 16, "depth": L},
            **{"train_size": size, "level": 1, "rank_low": low, "rank_high": low, "zipf": a},
            **{"threshold": 100.0 * low, "sentences": sentences, "chance": 0.5},
            **{"mean": 0.5 / (1 + size / (100 * low)), "predicted": 0.25},
        }
        for L in (2, 3)
        for letter, a in (("z", 1.0), ("y", 2.0))
        for low, sentences in ((1, 500), (4, FEWEST), (8, FEWEST - 1))
        for size in SIZES
    ]
    return pd.DataFrame(rows, columns=[*CURVE_KEY, *CURVES])


@pytest.mark.filterwarnings("error")
def test_every_panel_has_its_own_points(tmp_path: Path) -> None:
    figure = rule_errors(curves(), COLLAPSED)
    panels = figure.axes[:2]
    for axis in panels:
        points = [line for line in axis.lines if line.get_marker() in ("o", "s")]
        assert len(points) == 4  # two grammars, two ranges with enough sentences
        for line in points:
            ratios, errors = line.get_xdata(), line.get_ydata()
            np.testing.assert_allclose(errors, 1 / (1 + ratios))
        black = [line for line in axis.lines if line.get_color() == "black"]
        assert all((line.get_ydata() == 0.5).all() for line in black)
        assert len(black) == 2
    told = [axis.texts[0].get_text() for axis in panels]
    assert "spread 1.25\nshuffled ranks: 7.0" in told[0]
    assert told[1].startswith("no two ranges of ranks")
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["$a = 1$", "$a = 2$", "a single rule, from uniform rules"]
    save(figure, tmp_path, "drawn")
    assert (tmp_path / "drawn.pdf").is_file()


def test_nothing_to_draw_is_drawn(tmp_path: Path) -> None:
    save(rule_errors(curves()[:0], COLLAPSED), tmp_path, "empty")
    assert (tmp_path / "empty.png").stat().st_size > 5000
