"""Figures of trainings step by step: lines and points are where the tables have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.figures import readable
from rhm_scaling.analysis.repetition import effective_over_unique
from rhm_scaling.plots.memorisation import onsets, repetition, training_losses
from rhm_scaling.plots.style import style

SIZES = (256.0, 1024.0, 4096.0)
STEPS = 2.0 ** np.arange(3, 12)
WORTH = 12.0


def key(network: str, protocol: str = "finite") -> dict[str, object]:
    shape = {"architecture": network, "width": 64, "depth": 3, "protocol": protocol, "context": 0}
    return {"grammar": "deep", "task": "last_token", **shape}


def tables(*networks: str, law: bool = True) -> dict[str, pd.DataFrame]:
    made: dict[str, list[pd.DataFrame]] = {
        name: [] for name in ("histories", "onsets", "laws", "values", "worth")
    }
    for network in networks:
        for size in (*SIZES, np.inf):
            named = key(network, "finite" if np.isfinite(size) else "online")
            for rule in range(2):
                replica = {**named, "train_size": size, "rule_seed": rule, "sample_seed": 0}
                replica["init_seed"] = 0
                losses = {
                    "train_loss": 2 - 0.1 * np.arange(9),
                    "validation_loss": 2 - 0.05 * np.arange(9),
                }
                made["histories"].append(pd.DataFrame({**replica, "step": STEPS, **losses}))
                happened = {"event": ["learnt", "memorised"], "level": [1, 0]}
                happened["at_step"] = [50 * 2.0**rule, size / 4 * 2.0**rule if law else np.inf]
                if np.isfinite(size):
                    made["onsets"].append(pd.DataFrame({**replica, **happened}))
            if np.isfinite(size):
                epochs = STEPS * 128 / size
                told = size * effective_over_unique(epochs, WORTH)
                ends = {"low": told / 1.2, "high": told * 1.2, "fitted": told}
                sized = {**named, "train_size": size, "epochs": epochs, "effective": told, **ends}
                made["values"].append(pd.DataFrame(sized))
        fit = {"exponent": [0.0, 1.0], "low": [-0.1, 0.9], "high": [0.1, 1.1]}
        fit = fit if law else dict.fromkeys(fit, np.nan)
        window = {"event": ["learnt", "memorised"], "level": [1, 0], "window": "all"}
        ends = {"smallest": SIZES[0], "largest": SIZES[-1]}
        made["laws"].append(pd.DataFrame({**key(network), **window, **ends, **fit}))
        found = {"estimate": WORTH, "low": WORTH - 1, "high": WORTH + 1}
        made["worth"].append(
            pd.DataFrame({**key(network), "train_size": [*SIZES, np.nan], **found})
        )
    return {name: pd.concat(parts, ignore_index=True) for name, parts in made.items()}


@pytest.mark.filterwarnings("error")
def test_both_losses_of_every_size_are_drawn(tmp_path: Path) -> None:
    style()
    known = tables("cnn", "transformer")
    figure = training_losses(known["histories"], known["onsets"], "Trainings")
    assert len(figure.axes) == 2
    for axis in figure.axes:
        lines = [line for line in axis.lines if len(line.get_xdata()) == len(STEPS)]
        assert len(lines) == 2 * 4
        for training, validation in zip(lines[::2], lines[1::2]):
            assert training.get_linestyle() == "--"
            np.testing.assert_allclose(training.get_ydata(), 2 - 0.1 * np.arange(9))
            np.testing.assert_allclose(validation.get_ydata(), 2 - 0.05 * np.arange(9))
        at = [float(line.get_xdata()[0]) for line in axis.lines if len(line.get_xdata()) == 1]
        assert at == pytest.approx([size / 4 * np.sqrt(2) for size in SIZES])
    readable(figure, tmp_path)


@pytest.mark.filterwarnings("error")
def test_onsets_lie_on_their_laws(tmp_path: Path) -> None:
    style()
    known = tables("cnn")
    figure = onsets(known["onsets"], known["laws"], "Trainings")
    (axis,) = figure.axes
    assert axis.get_title(loc="left") == "memorising begins, exponent 1.00 [0.90, 1.10]"
    lines = [line for line in axis.lines if len(line.get_xdata()) == 2]
    flat, law, guide = (np.asarray(line.get_ydata(), dtype=float) for line in lines)
    np.testing.assert_allclose(flat, 50 * np.sqrt(2))
    np.testing.assert_allclose(law, np.array([64, 1024]) * np.sqrt(2))
    np.testing.assert_allclose(guide, law)
    readable(figure, tmp_path)


@pytest.mark.filterwarnings("error")
def test_what_never_happens_has_no_points(tmp_path: Path) -> None:
    style()
    known = tables("cnn", law=False)
    figure = onsets(known["onsets"], known["laws"], "Trainings")
    assert "too few sizes" in figure.axes[0].get_title(loc="left")
    assert len(figure.legends[0].get_texts()) == 1
    readable(figure, tmp_path)
    readable(training_losses(known["histories"], known["onsets"], "Trainings"), tmp_path)
    empty = {name: table[:0] for name, table in known.items()}
    readable(training_losses(empty["histories"], empty["onsets"], "Nothing"), tmp_path)
    readable(onsets(empty["onsets"], empty["laws"], "Nothing"), tmp_path)


@pytest.mark.filterwarnings("error")
def test_what_happens_at_once_has_no_point_on_an_axis_of_logarithms(tmp_path: Path) -> None:
    style()
    known = tables("cnn")
    found = known["onsets"]
    memorised = (found["event"] == "memorised") & (found["train_size"] == SIZES[0])
    found.loc[memorised & (found["rule_seed"] == 0), "at_step"] = 0.0
    figure = onsets(found, known["laws"], "Trainings")
    for line in figure.axes[0].lines:
        assert (np.asarray(line.get_ydata(), dtype=float) > 0).all()
    readable(figure, tmp_path)


@pytest.mark.filterwarnings("error")
def test_effective_sentences_stand_beside_their_law(tmp_path: Path) -> None:
    style()
    known = tables("cnn")
    figure = repetition(known["values"], known["worth"], "Trainings")
    (axis,) = figure.axes
    lines = [line for line in axis.lines if len(line.get_xdata()) == len(STEPS)]
    for size, points, law in zip(SIZES, lines[::2], lines[1::2]):
        epochs = STEPS * 128 / size
        for line in (points, law):
            np.testing.assert_allclose(line.get_xdata(), epochs)
            told = effective_over_unique(epochs, WORTH)
            np.testing.assert_allclose(line.get_ydata(), told)
    assert axis.get_title(loc="left") == "one $R^*$ for all sizes: 12.00 [11.00, 13.00]"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == "$P$ = 256, $R^*$ = 12"
    readable(figure, tmp_path)
    readable(repetition(known["values"][:0], known["worth"], "Nothing"), tmp_path)
    # nothing is told of any size
    nothing = known["values"].assign(effective=np.nan, fitted=np.nan)
    none = known["worth"].assign(estimate=np.nan)
    readable(repetition(nothing, none, "Trainings"), tmp_path)
