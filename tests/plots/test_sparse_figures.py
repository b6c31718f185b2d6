"""Figures of sparse grammars: points, predictions and sensitivities are where their tables say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.figures import readable
from rhm_scaling.plots.sparse import scan_sparsity, sensitivities
from rhm_scaling.plots.style import style
from rhm_scaling.training.sensitivity import OUTPUT

NETWORKS = {"cnn": 2.0, "lcn": 3.5}
SIZES = [128, 256, 512, 1024]


def key(network: str, s0: int) -> dict[str, object]:
    shape = {"architecture": network, "width": 32, "depth": 3, "protocol": "finite", "context": 0}
    return {"grammar": f"g-sparsity{s0}", "task": "classification", **shape}


def scans() -> tuple[pd.DataFrame, pd.DataFrame]:
    points, laws = [], []
    for network, power in NETWORKS.items():
        for s0 in range(3):
            at = 100.0 * (s0 + 1) ** power
            sizes = {"crossed_at": at, "low": at / 1.2, "high": at * 1.2, "threshold": 2 * at}
            bare = 50.0 * (s0 + 1) ** 3
            points.append({**key(network, s0), **sizes, "bare": bare, "sparsity": s0})
        told = {"architecture": network, "width": 32, "protocol": "finite", "term": "sparsity"}
        ends = {"estimate": power, "low": power - 0.1, "high": power + 0.1}
        same = {"predicted_same_fit": power, "bare_same_fit": 3.0}
        laws += [{**told, "law": law, **ends, **same} for law in ("parameters", "blanks")]
    return pd.DataFrame(points).assign(reason=np.nan), pd.DataFrame(laws)


@pytest.mark.filterwarnings("error")
def test_sizes_grow_with_the_blanks(tmp_path: Path) -> None:
    style()
    points, laws = scans()
    figure = scan_sparsity(points, laws, "Blanks")
    (axis,) = figure.axes
    lines = [
        line for line in axis.lines if len(line.get_xdata()) == 3 and line.get_linestyle() != "None"
    ]
    assert len(lines) == 4
    for (_, mine), (exact, bare) in zip(points.groupby("architecture"), zip(*[iter(lines)] * 2)):
        np.testing.assert_allclose(exact.get_ydata(), mine["crossed_at"])
        ratio = bare.get_ydata() / mine["bare"]
        np.testing.assert_allclose(ratio, ratio.iloc[0])
        # through the mean of the points
        middle = np.log(bare.get_ydata()).mean()
        assert middle == pytest.approx(np.log(mine["crossed_at"]).mean())
    legend = [text.get_text() for text in axis.get_legend().get_texts()]
    assert legend == [
        "cnn: exponent 2.00 [1.90, 2.10], predicted 2.0, paper 3.0",
        "lcn: exponent 3.50 [3.40, 3.60], predicted 3.5, paper 3.0",
    ]
    readable(figure, tmp_path)


@pytest.mark.filterwarnings("error")
def test_a_scan_without_points_has_no_fit(tmp_path: Path) -> None:
    style()
    points, laws = scans()
    figure = scan_sparsity(points.assign(reason="beyond"), laws[:0], "Blanks")
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["cnn: exponent no fit", "lcn: exponent no fit"]
    readable(figure, tmp_path)


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, curves = [], []
    for s0 in (1, 2):
        for place, size in enumerate(SIZES):
            for layer in ("0", "1", OUTPUT):
                for level in (1, 2, 3):
                    for change, shift in (("synonyms", 0.0), ("blanks", 0.05)):
                        mean = (1 - place / 4) * level / 3 + shift if layer == OUTPUT else 5.0
                        told = {"layer": layer, "level": level, "change": change, "mean": mean}
                        rows.append({**key("cnn", s0), "train_size": size, **told})
            error = {"sentences": size, "mean": 0.4 - 0.1 * place, "chance": 0.5}
            curves.append({**key("cnn", s0), **error})
    return pd.DataFrame(rows), pd.DataFrame(curves)


@pytest.mark.filterwarnings("error")
def test_sensitivities_are_those_of_the_answer(tmp_path: Path) -> None:
    style()
    table, curves = tables()
    figure = sensitivities(table, curves, "Blanks")
    assert len(figure.axes) == 2
    for axis in figure.axes:
        *lines, error = axis.lines
        drawn = {tuple(np.round(line.get_ydata(), 6)) for line in lines}
        answer = table[table["layer"] == OUTPUT].groupby(["level", "change"])["mean"]
        assert drawn == {tuple(np.round(values[:4], 6)) for _, values in answer}
        assert {line.get_linestyle() for line in lines} == {"-", "--"}
        np.testing.assert_allclose(error.get_ydata(), [0.8, 0.6, 0.4, 0.2])
    readable(figure, tmp_path)
