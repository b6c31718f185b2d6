"""The page of verdicts, the guides and the figures, from tables whose content is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from rhm_scaling.claims.frozen import all_rules, frozen
from rhm_scaling.claims.names import CLAIM_TASKS, ClaimName
from rhm_scaling.claims.verdicts import AGREES, DISAGREES, NEARER, UNDETERMINED
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.plots.claim_panels import Tables
from rhm_scaling.plots.claims import claim
from rhm_scaling.plots.claims_page import (
    Decided,
    claims_table,
    errors_table,
    number,
    page,
    predicted,
)
from rhm_scaling.plots.guides import guide

CLAIMS = [*frozen().claims]
GRAMMARS = {
    "plain": Parameters.from_keys(v=8, s=2, L=3, m=4),
    "zipf": Parameters.from_keys(v=8, s=2, L=3, m=4, zipf={1: 1.0}),
}
KEY = {"architecture": "cnn", "width": 64, "depth": 3, "protocol": "finite", "context": 0}


def criterion(name: ClaimName, **changes: Any) -> dict[str, Any]:
    return {
        "claim": name,
        "claim_verdict": AGREES,
        "criterion": "the <slope>",
        "about": "cnn",
        "rule": "slope of a & b",
        "rival_is": "no slope",
        "limit": 1.0,
        "bound": np.nan,
        "prediction": 0.9,
        "prediction_low": 0.9,
        "prediction_high": 0.9,
        "rival": 0.0,
        "estimate": 0.87,
        "low": 0.7,
        "high": 1.04,
        "rule_draws": 6,
        "replicas": 6,
        "holds": True,
        "nearer": True,
        "holds_limit": False,
        "verdict": AGREES,
        "decisive": True,
        "claim_agrees": 0.93,
        "rival_agrees": 0.02,
        "needed": np.nan,
        **changes,
    }


POWER = pd.DataFrame([{"criterion": "the <slope>", "about": "cnn", "half_width": 0.11}])


def decided(name: ClaimName, **changes: Any) -> Decided:
    table = pd.DataFrame([criterion(name, **changes)])
    return Decided(f"study-{name}", f"config/studies/{name}.yaml", name, table)


def test_page_shows_every_verdict_with_its_numbers(tmp_path: Path) -> None:
    studies = [decided(name) for name in CLAIMS]
    studies[2] = decided("A3", claim_verdict=DISAGREES, verdict=DISAGREES, estimate=-3.25)
    studies[4] = Decided("b1", "config/studies/b1.yaml", "B1", None)
    html = page(studies, tmp_path, "Claims <all>")
    assert html.count("<section") == len(CLAIMS) == 9
    assert "Claims &lt;all&gt;" in html
    assert "the &lt;slope&gt;" in html
    assert "<slope>" not in html
    assert "7 agrees, 1 disagrees, 1 not run" in html
    assert "−3.25 [0.70, 1.04]" in html
    assert "93% / 2%" in html
    assert frozen().hash in html and frozen().date in html
    assert "8 criteria of 8 claims are decisive" in html
    assert "at most 16%" in html
    assert "make run STUDY=config/studies/b1.yaml" in html


def test_page_holds_its_figures(tmp_path: Path) -> None:
    figures = tmp_path / "study-A1" / "figures"
    figures.mkdir(parents=True)
    (figures / "claim-A1.png").write_bytes(b"\x89PNG")
    html = page([decided("A1"), decided("A2")], tmp_path, "Claims")
    assert html.count("data:image/png;base64,iVBORw==") == 1
    assert html.count("No figure; it is drawn by") == 1


def test_terminal_table_has_a_row_a_criterion() -> None:
    table = claims_table([decided("A1"), Decided("b1", "b1.yaml", "B1", None)])
    assert table["verdict"].tolist() == [AGREES, "not run"]
    assert table.loc[0, "measured"] == "0.87 [0.70, 1.04]"


def test_errors_of_made_up_studies_are_a_table_of_their_own() -> None:
    table = errors_table([decided("A1"), decided("A2", claim_agrees=np.nan)])
    assert table[["claim", "rival", "rival agrees"]].to_numpy().tolist() == [
        ["A1", "no slope", "2%"]
    ]


@pytest.mark.parametrize(
    ("rates", "told"), [((0.02, 0.03), "at most 5%"), ((0.0, 0.0), "less than 1%")]
)
def test_no_share_of_made_up_studies_is_a_probability_of_nothing(
    rates: tuple[float, float], told: str, tmp_path: Path
) -> None:
    studies = [
        decided(name, rival_agrees=rate) for name, rate in zip(("A1", "A2"), rates, strict=True)
    ]
    html = page(studies, tmp_path, "Claims")
    assert f"with a probability of {told} (the sum" in html


def test_inequalities_are_above_their_bounds_as_pages_say() -> None:
    claims = [claim for rules in all_rules() for claim in rules.claims.values()]
    unequal = [c for claim in claims for c in claim.criteria if c.bound is not None]
    assert unequal
    assert all(
        c.example is not None and c.bound is not None and c.example > c.bound for c in unequal
    )


@pytest.mark.parametrize(
    ("value", "text"), [(1.234, "1.23"), (-0.5, "−0.50"), (np.inf, "∞"), (np.nan, "–")]
)
def test_numbers_for_readers(value: float, text: str) -> None:
    assert number(value) == text


def curves(name: ClaimName) -> pd.DataFrame:
    rows = []
    for grammar in GRAMMARS:
        for size in (64, 256, 1024, 4096):
            key = {"grammar": grammar, "task": CLAIM_TASKS[name], **KEY}
            told = {"sentences": size, "mean": 40 / size, "chance": 0.8, "lookup": 0.7}
            told["predicted_smooth"] = 50 / size
            told |= {"low": 30 / size, "high": np.nan, "measure": "test_error"}
            rows.append({**key, **told, "rule_draws": 6, "diverged": 0, "collapsed": 0})
    return pd.DataFrame(rows)


@pytest.mark.parametrize("name", CLAIMS)
def test_guide_takes_its_numbers_from_the_tables(name: ClaimName) -> None:
    def told(**changes: Any) -> str:
        table = pd.DataFrame([criterion(name, **changes)])
        return guide(name, "study", GRAMMARS, curves(name), table, POWER)

    text = told()
    assert text.startswith(f"# {name}: agrees\n")
    assert "0.87 [0.70, 1.04]" in text
    assert "Zipf 1 at level 1" in text
    assert "64 to 4096 sentences, 6 rule draws" in text
    assert "0.87" not in told(estimate=0.12)
    assert "is measured below" in told(verdict=DISAGREES, estimate=0.1, low=0.0, high=0.2)
    assert "is measured above" in told(verdict=NEARER, estimate=2.1, low=2.0, high=2.2)
    assert "expected before training: 0.11" in text
    assert "2% when its rival did" in text
    assert "could not be estimated" in told(estimate=np.nan, low=np.nan, high=np.nan)
    assert "needs about 12 rule draws" in told(verdict=UNDETERMINED, needed="about 12 rule draws")
    assert "not decisive" in told(decisive=False)
    assert "**In which order" not in text
    table = pd.DataFrame([criterion(name)])
    text = guide(name, "study", GRAMMARS, curves(name), table, POWER, order="(1, 1) 64.")
    assert "**In which order layers become invariant.** (1, 1) 64.\n" in text


MARKS = ["limited by training: cnn on a & b: half", "limited by training: cnn on zipf: twice"]
CONTROLS = {
    "controls": "9 comparisons: 6 within, 2 better, 1 worse",
    "limited_by_training": "; ".join(MARKS),
    "controls_differ": "the control differs: worse: cnn on zipf: half",
}


def test_what_controls_say_stands_beside_the_verdict(tmp_path: Path) -> None:
    html = page([decided("A1", **CONTROLS), decided("A2")], tmp_path, "Claims")
    marked, unmarked = html.split("<section")[1:]
    for section, mark in ((marked, 1), (unmarked, 0)):
        assert section.count(">limited by training</span>") == mark
        assert section.count('<span class="verdict agrees">agrees</span>') == 1
    for line in (*MARKS, CONTROLS["controls_differ"], f"Controls: {CONTROLS['controls']}."):
        assert line.replace("&", "&amp;") in marked
    assert "Controls: none." in unmarked
    assert "2 agrees" in html


def test_a_control_that_is_worse_marks_nothing(tmp_path: Path) -> None:
    html = page([decided("A1", **{**CONTROLS, "limited_by_training": np.nan})], tmp_path, "Claims")
    assert ">limited by training</span>" not in html
    assert CONTROLS["controls_differ"] in html


def test_guide_tells_what_training_limits() -> None:
    def told(**changes: Any) -> str:
        table = pd.DataFrame([criterion("A1", **changes)])
        text = guide("A1", "study", GRAMMARS, curves("A1"), table, POWER)
        return text.split("**Whether training limits it.** ")[1].split("\n\n**")[0]

    assert told() == "Not tested: no experiment of the study has `controls`."
    lines = told(**CONTROLS).splitlines()
    assert lines[0].startswith(CONTROLS["controls"])
    assert lines[2:] == [f"- {line}" for line in (*MARKS, CONTROLS["controls_differ"])]


def tables(name: ClaimName) -> Tables:
    keys = curves(name).drop_duplicates(["grammar"])[["grammar", "task", *KEY]]
    fits = keys.assign(exponent=0.5, low=0.4, high=np.nan, predicted_same_fit=0.6)
    fits["predicted_smooth_fit"] = np.nan
    levels = pd.DataFrame({"level": [1, 2, 3], "crossed_at": [30.0, 120.0, np.inf]})
    levels = levels.assign(low=20.0, high=200.0, threshold=[10.0, 40.0, 200.0])
    levels = levels.assign(threshold_cnn=levels["threshold"], threshold_transformer=9.0)
    crossed = keys.merge(levels, how="cross")
    steps = pd.DataFrame({"level": [0, 1, 2, 3], "value": [2.0, 1.0, 0.4, 0.2]})
    theory = keys[["grammar"]].merge(steps, how="cross").assign(quantity="entropy")
    layers = pd.DataFrame({"layer": [0, 1], "level": [1, 1], "train_size": [64, 64]})
    layers = keys.merge(layers.assign(mean=[0.9, 0.3]), how="cross")
    return Tables(curves(name), fits, crossed, crossed, theory, layers, GRAMMARS)


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_has_a_figure(name: ClaimName) -> None:
    rows = [
        criterion(name),
        criterion(name, estimate=np.nan, low=np.nan, high=np.nan, verdict=UNDETERMINED),
        criterion(name, bound=0.0, prediction=np.nan, low=np.nan, high=np.nan),
    ]
    figure = claim(name, pd.DataFrame(rows), tables(name))
    figure.canvas.draw()
    last = [text.get_text() for text in figure.axes[-1].texts]
    told = ("0.87 [0.70, 1.04]: agrees", "no estimate: undetermined", "0.87: agrees")
    assert last == ["the <slope>", *(f"cnn\n{said}" for said in told)]
    plt.close(figure)


def test_growth_is_drawn_from_the_second_level() -> None:
    figure = claim("B2", pd.DataFrame([criterion("B2")]), tables("B2"))
    lines = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    drawn = [line.get_ydata() for line in lines if len(line.get_ydata())]
    assert drawn
    plt.close(figure)


def test_the_range_of_what_is_predicted_is_shown() -> None:
    """An interval may hold its end, and not the mean."""
    row = criterion("B1", prediction_low=0.7, prediction_high=1.1)
    assert predicted(row) == "0.90 (0.70 to 1.10)"
    assert predicted(criterion("B1")) == "0.90"
