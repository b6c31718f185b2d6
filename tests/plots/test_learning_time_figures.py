"""The figure of learning times: what is drawn and told, and that it can be printed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from helpers.figures import readable
from rhm_scaling.analysis.curves import CURVE_KEY
from rhm_scaling.analysis.learning_times import CURVES, SPECTRUM
from rhm_scaling.plots.learning_times import learning_times
from rhm_scaling.plots.style import style

SIZES = [64, 128, 256, 512, 1024, 2048, 4096]
SHARES = np.array([[0.1, 0.5, 0.3, 0.1, 0, 0, 0], [0, 0, 0.1, 0.2, 0.4, 0.2, 0.1]])


def keyed(rows: list[dict[str, object]], name: str) -> pd.DataFrame:
    key = dict.fromkeys(CURVE_KEY, "x") | {"architecture": name, "width": 64, "context": 0}
    return pd.DataFrame(rows).assign(**key)


def drawn(names: list[str]) -> Figure:
    style()
    parts: list[list[pd.DataFrame]] = [[], [], []]
    for name in names:
        times = [
            {"level": level, "learnt_from": size, "weight": share * (2.0 / level)}
            for level, shares in enumerate(SHARES, 1)
            for size, share in zip(SIZES, shares)
        ]
        times += [{"level": 0, "learnt_from": size, "weight": 3 / 7} for size in SIZES]
        at = {"half_at": np.nan, "threshold": 20.0}, {"half_at": 800.0, "threshold": 300.0}
        peaks = [{"level": 0, "weight": 3.0, "threshold": np.nan}]
        peaks += [{"level": i, "weight": 2.0 / i, **one} for i, one in enumerate(at, 1)]
        mean = 100.0 / np.array(SIZES)
        curve = pd.DataFrame({"train_size": SIZES, "mean": mean, "rebuilt": mean / 2})
        curve = curve.assign(low=mean / 1.2, high=mean * 1.2, rebuilt_whole=mean / 3, predicted=0.0)
        rows = (times, peaks, curve.to_dict("records"))
        for part, one in zip(parts, rows):
            part.append(keyed(one, name))
    none = pd.DataFrame(columns=[*CURVE_KEY, *CURVES])
    times, peaks, curves = (pd.concat(part or [none]) for part in parts)
    return learning_times(
        times, peaks.reindex(columns=[*CURVE_KEY, *SPECTRUM]),
        curves.reindex(columns=[*CURVE_KEY, *CURVES]), "Title",
    )  # fmt: skip


@pytest.mark.filterwarnings("error")
def test_every_level_has_its_shares_and_its_predicted_size(tmp_path: Path) -> None:
    figure = drawn(["cnn", "transformer"])
    assert len(figure.axes) == 4
    for axis in figure.axes[::2]:
        lines = [line for line in axis.lines if len(line.get_xdata()) == len(SIZES)]
        for line, shares in zip(lines, SHARES, strict=True):
            np.testing.assert_allclose(line.get_ydata(), shares / shares.sum())
        # the threshold of level 1 lies below the smallest size
        (named,) = axis.texts
        assert (named.get_text(), named.get_position()[0]) == ("$P_{2}$", 300)
        assert named.get_color() == lines[1].get_color()
        labels = [text.get_text() for text in axis.get_legend().get_texts()]
        assert labels == ["1: 2.00", "2: 1.00"]
    for axis in figure.axes[1::2]:
        assert axis.get_title("left") == "rebuilt within a factor of 2.00"
    assert figure.axes[2].get_legend().get_title().get_text().startswith("transformer: each level")
    readable(figure, tmp_path)


def test_a_study_of_failed_trainings_has_a_figure_that_says_so(tmp_path: Path) -> None:
    figure = drawn([])
    assert [text.get_text() for text in figure.axes[0].texts] == ["all trainings failed"]
    readable(figure, tmp_path)
