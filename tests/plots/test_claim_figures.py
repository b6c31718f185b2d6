"""The figure of each claim, from tables with gaps: no estimate, no crossing, other tasks beside."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from helpers.figures import readable
from rhm_scaling.claims.names import CLAIM_TASKS, ClaimName
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.plots.claim_panels import Tables
from rhm_scaling.plots.claims import claim
from rhm_scaling.plots.style import style

GRAMMARS = {
    "plain": Parameters.from_keys(v=8, s=2, L=3, m=2),
    "zipf": Parameters.from_keys(v=8, s=2, L=3, m=2, zipf={1: 1.0}),
}
SIZES = np.geomspace(64, 4096, 7)
NOTHING = pd.DataFrame()


def key(grammar: str, task: str) -> dict[str, object]:
    shape = {"architecture": "cnn", "width": 64, "depth": 3, "protocol": "finite", "context": 0}
    return {"grammar": grammar, "task": task, **shape, "low": np.nan, "high": np.nan}


def curve(grammar: str, task: str, mean: object) -> pd.DataFrame:
    columns = {"sentences": SIZES, "mean": mean, "chance": 2.0, "lookup": np.nan}
    columns["predicted_smooth"] = mean
    columns["measure"] = "test_error" if task == "classification" else "test_excess"
    return pd.DataFrame({**key(grammar, task), **columns})


def criterion(**given: object) -> pd.DataFrame:
    row = {"criterion": "growth", "about": "cnn", "verdict": "undetermined", "bound": np.nan}
    row["decisive"] = True
    missing = dict.fromkeys(("estimate", "low", "high"), np.nan)
    given = {"prediction": 0.0, "rival": 1.0, **given}
    ends = dict.fromkeys(("prediction_low", "prediction_high"), given["prediction"])
    return pd.DataFrame([{**row, **missing, **ends, **given}])


def tables(task: str, at: tuple[float, ...] = (200.0, np.nan, np.inf), **other: object) -> Tables:
    curves = pd.concat([curve(name, task, 2 * SIZES**-0.3) for name in GRAMMARS])
    steps = pd.DataFrame(
        [
            {
                **key(name, task),
                "level": level + 1,
                "crossed_at": crossed,
                "threshold": 30.0 * 4**level,
                "threshold_cnn": 30.0 * 2**level,
                "threshold_transformer": 30.0 * 4**level,
            }
            for name in GRAMMARS
            for level, crossed in enumerate(at)
        ]
    )
    entropies = [
        {"grammar": name, "task": task, "quantity": "entropy", "level": level, "value": value}
        for name in GRAMMARS
        for level, value in enumerate((2.0, 1.2, 0.6, 0.2))
    ]
    fitted = {"exponent": np.nan, "predicted_same_fit": np.nan, "predicted_smooth_fit": np.nan}
    given = {
        "curves": curves,
        "fits": pd.DataFrame([{**key(name, task), **fitted} for name in GRAMMARS]),
        "crossings": steps.assign(rule_seed=0),
        "thresholds": steps,
        "theory": pd.DataFrame(entropies),
        "invariance": NOTHING,
    }
    return Tables(**{**given, **other}, grammars=GRAMMARS)  # type: ignore[arg-type]


def xs(axis: Axes, marker: str) -> list[float]:
    lines = [line for line in axis.lines if line.get_marker() == marker and len(line.get_xdata())]
    return [float(np.asarray(line.get_xdata()).flat[0]) for line in lines]


def words(axis: Axes) -> list[str]:
    return [line for text in axis.texts for line in text.get_text().split("\n")]


@pytest.mark.parametrize("name", CLAIM_TASKS)
def test_every_claim_can_be_read_at_a_columns_width(name: ClaimName, tmp_path: Path) -> None:
    style()
    task = CLAIM_TASKS[name]
    fitted = {"exponent": 0.4, "predicted_same_fit": 0.5, "predicted_smooth_fit": 0.5}
    fits = pd.DataFrame([{**key(grammar, task), **fitted} for grammar in GRAMMARS])
    told = {"estimate": 0.5, "low": -0.1, "high": 0.7, "about": "a network, of such a kind " * 3}
    decided = pd.concat([criterion(**told)] * 3)
    figure = claim(name, decided, tables(task, (200.0, 500.0, 900.0), fits=fits))
    readable(figure, tmp_path)
    axis = figure.axes[-1]
    intervals = axis.transData.transform((-3.0, 0.0))[0]
    figure.draw_without_rendering()  # at the resolution of the screen
    heading, *curves = (text.get_window_extent() for text in axis.texts)
    assert heading.x1 < figure.bbox.x1 and all(curve.x1 < intervals for curve in curves)


@pytest.mark.parametrize(("name", "panel"), [("B2", 0), ("B3", 0), ("A3", 1)])
def test_levels_are_whole_numbers(name: ClaimName, panel: int) -> None:
    figure = claim(name, criterion(), tables(CLAIM_TASKS[name], (200.0, 500.0, 900.0)))
    figure.draw_without_rendering()
    ticks = [text.get_text() for text in figure.axes[panel].get_xticklabels()]
    assert ticks and all(tick.isdigit() for tick in ticks)
    plt.close(figure)


@pytest.mark.parametrize("name", CLAIM_TASKS)
def test_gaps_are_drawn_as_gaps(name: ClaimName) -> None:
    figure = claim(name, criterion(), tables(CLAIM_TASKS[name]))
    assert words(figure.axes[-1]) == ["growth", "cnn", "no estimate: undetermined"]
    plt.close(figure)


def test_other_tasks_beside_are_left_out() -> None:
    mine = tables("last_token")
    other = mine.curves.assign(task="classification", grammar="elsewhere")
    figure = claim("B1", criterion(), tables("last_token", curves=pd.concat([mine.curves, other])))
    assert not any("elsewhere" in label for label in figure.axes[0].get_legend_handles_labels()[1])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["plain", "zipf"]
    plt.close(figure)


def test_invariance_without_a_threshold_is_left_out() -> None:
    mine = tables("last_token")
    layers = pd.concat(
        [
            mine.curves.rename(columns={"sentences": "train_size"}).assign(layer=2, level=level)
            for level in (1, 2)
        ]
    )
    known = mine.thresholds[mine.thresholds["level"] <= 2]
    figure = claim("B4", criterion(), tables("last_token", invariance=layers, thresholds=known))
    _, labels = figure.axes[0].get_legend_handles_labels()
    assert "level 1" in labels and "level 2" not in labels
    plt.close(figure)


def test_a_learners_growth_starts_at_level_two() -> None:
    axis = claim("B2", criterion(), tables("last_token", (200.0, 500.0, 900.0))).axes[0]
    for line, factor in ((":", 2.0), ("--", 4.0)):
        drawn = [each for each in axis.lines if each.get_linestyle() == line]
        y = np.asarray(drawn[0].get_ydata(), dtype=float)
        assert y[0] == 500.0 and y[1] / y[0] == pytest.approx(factor)
    plt.close()


@pytest.mark.parametrize("name", ["A3", "B2"])
def test_each_protocol_has_panels_of_its_own_and_a_curve_the_same_look_in_all(
    name: ClaimName,
) -> None:
    task = CLAIM_TASKS[name]
    finite = tables(task, (200.0, 500.0, 900.0))
    online = finite.thresholds.assign(crossed_at=9e4, protocol="online")
    # of fewer grammars, so that a curve has another place among those of its protocol
    later = finite.curves.assign(protocol="online", sentences=100 * finite.curves["sentences"])
    later = later[later["grammar"] != later["grammar"].iloc[0]]
    both = {"thresholds": [finite.thresholds, online], "curves": [finite.curves, later]}
    figure = claim(name, criterion(), tables(task, **{k: pd.concat(v) for k, v in both.items()}))
    first, second, finite_only, online_only, _ = figure.axes
    for axis, protocol in zip(figure.axes, ["finite", "online"] * 2):
        assert axis.get_xlabel().endswith(f" ({protocol})")
    for axis in (finite_only, online_only):
        drawn = [np.asarray(line.get_ydata()) for line in axis.lines if len(line.get_xdata())]
        assert all(sizes.max() < 10 * sizes.min() for sizes in drawn)
    named = [
        {c.get_label(): c.lines[0].get_color() for c in axis.containers} for axis in (first, second)
    ]
    assert {*named[1]} <= {*named[0]} and named[1].items() <= named[0].items()
    plt.close(figure)


def test_what_theory_leaves_open_is_a_line_below_the_interval() -> None:
    for ends, drawn in (((0.4, 0.4), 0), ((0.3, 0.5), 1)):
        told = dict(zip(("prediction_low", "prediction_high"), ends))
        told |= {"estimate": 0.5, "prediction": 0.4, "rival": 0.2}
        axis = claim("A4", criterion(**told), tables("last_token")).axes[-1]
        (at,) = (line.get_ydata()[0] for line in axis.lines if line.get_marker() == "|")
        below = [line for line in axis.lines if (np.asarray(line.get_ydata()) < at).all()]
        assert len(below) == drawn
        assert all(np.allclose(line.get_xdata(), [0.0, 2.0]) for line in below)
        plt.close()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_rival_and_prediction_stand_at_the_same_places_in_every_row(sign: float) -> None:
    told = {"estimate": 0.5 * sign, "prediction": 0.4 * sign, "rival": 0.2 * sign}
    axis = claim("A4", criterion(**told), tables("last_token")).axes[-1]
    assert [xs(axis, marker)[0] for marker in ("x", "|", "o")] == pytest.approx([-1.0, 1.0, 2.0])
    plt.close()


def test_constants_are_those_at_their_own_exponent_beside_the_predicted_ones() -> None:
    parts = [curve(name, "classification", 3 * SIZES**-0.5) for name in GRAMMARS]
    mine = pd.concat(part.assign(predicted_smooth=7 * SIZES**-0.5) for part in parts)
    axis = claim("A3", criterion(), tables("classification", curves=mine)).axes[1]
    drawn = [line.get_ydata() for line in axis.lines if len(line.get_ydata())]
    assert [float(y[0]) for y in map(np.asarray, drawn)] == pytest.approx([3.0, 7.0])
    plt.close()


def test_an_inequality_shows_its_bound_and_no_prediction() -> None:
    told = criterion(bound=1.0, estimate=2.0, prediction=np.nan, rival=1.0)
    axis = claim("A1", told, tables("classification")).axes[-1]
    assert xs(axis, "x") == [-1.0] and not xs(axis, "|")
    plt.close()


def test_an_inequality_that_is_not_fulfilled_lies_on_the_other_side_of_its_bound() -> None:
    for verdict, at in (("agrees", 0.5), ("disagrees", -0.5)):
        told = {"estimate": at, "low": at - 0.1, "high": at + 0.1, "verdict": verdict}
        row = criterion(bound=0.0, prediction=np.nan, rival=0.0, **told)
        axis = claim("B1", row, tables("last_token")).axes[-1]
        ((bound,), (measured,)) = xs(axis, "x"), xs(axis, "o")
        assert np.sign(measured - bound) == np.sign(at)
        # and its interval with it, which is drawn to its ends
        (ends,) = (
            np.asarray(line.get_xdata()) for line in axis.lines if line.get_linewidth() == 1.4
        )
        assert (np.sign(ends - bound) == np.sign(at)).all() and np.abs(ends).max() < 3.0
        plt.close()


def test_a_criterion_of_several_curves_has_one_heading() -> None:
    rows = pd.concat([criterion(about="cnn"), criterion(about="lcn"), criterion(criterion="sharp")])
    axis = claim("B1", rows, tables("last_token")).axes[-1]
    none = "no estimate: undetermined"
    assert words(axis) == ["growth", "cnn", none, "lcn", none, "sharp", "cnn", none]
    plt.close()


def test_an_interval_that_leaves_the_row_says_so() -> None:
    wide = criterion(estimate=0.1, low=-9.0, high=0.3)
    axis = claim("B2", wide, tables("last_token")).axes[-1]
    assert xs(axis, ">") == [3.0] and not xs(axis, "<")  # the rival lies to the left
    plt.close()


def test_a_drop_of_uniform_rules_is_no_exponent() -> None:
    fitted = {"exponent": 9.0, "predicted_same_fit": 0.5, "predicted_smooth_fit": 0.5}
    for name, drawn in (("A2", [1.0]), ("A4", [0.0, 1.0])):
        task = CLAIM_TASKS[name]
        fits = pd.DataFrame([{**key(grammar, task), **fitted} for grammar in GRAMMARS])
        figure = claim(name, criterion(), tables(task, fits=fits))
        assert sorted(xs(figure.axes[1], "x")) == pytest.approx(drawn, abs=0.1)
        plt.close(figure)
