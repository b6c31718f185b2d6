"""The numbers of ``docs/latent.md`` about networks, held to the reference results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers.documents import ROOT, prose, reference, text_of
from rhm_scaling.analysis.denoisers import stays_above
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

STUDY = ROOT / "config" / "studies" / "predicting.yaml"
NETWORKS = ["codes", "tokens"]


@pytest.fixture(scope="module")
def top() -> pd.DataFrame:
    """Sizes at which the level below the root is read, a row a network and rule draw."""
    table = reference("predicting/recovered_at")
    return table[table["level"] == table["depth"] - 1]


def middle(sizes: pd.Series) -> float:
    """The geometric mean; infinite if one of them is."""
    return float(np.exp(np.log(sizes).mean()))


def cell(size: float) -> str:
    return f"{size:.0f}" if np.isfinite(size) else "beyond 4096"


def told(estimate: float, error: float, freedom: int) -> str:
    half = stats.t.ppf(0.975, freedom) * error
    text = f"{estimate:.2f} [{estimate - half:.2f}, {estimate + half:.2f}]"
    return text.replace("-0.00", "0.00")


@pytest.mark.parametrize("depth", [4, 6, 8])
def test_sizes_are_those_of_the_table(top: pd.DataFrame, depth: int) -> None:
    here = top[(top["depth"] == depth) & top["architecture"].isin([*NETWORKS])]
    known = here.groupby("architecture")[["recovered_at", "predicted"]].agg(middle)
    assert (here.groupby("architecture").size() == 4).all()
    cells = [cell(known.loc[name, "recovered_at"]) for name in NETWORKS]
    cells += [f"{known.loc[name, 'predicted']:.0f}" for name in NETWORKS]
    (line,) = [
        line
        for line in text_of("docs/latent.md").splitlines()
        if line.startswith(f"| `L = {depth}`")
    ]
    assert [part.strip() for part in line.strip("|").split("|")[1:5]] == cells


def test_growth_with_depth_is_that_of_the_table(top: pd.DataFrame) -> None:
    """Of all draws, which differ from depth to depth, against ``n m^L``, which doubles a level."""
    line = next(
        line
        for line in text_of("docs/latent.md").splitlines()
        if line.startswith("| exponent in `n m^L` |")
    )
    codes, tokens = (
        top[(top["architecture"] == name) & np.isfinite(top["recovered_at"])] for name in NETWORKS
    )
    law = _law(codes, "recovered_at")
    # tokens of the deepest grammar are beyond the largest size on every draw
    assert len(codes) == 12 and {*tokens["depth"]} == {4, 6}
    shallow, deep = (np.log(one["recovered_at"]) for _, one in tokens.groupby("depth"))
    assert deep.std() > 8 * shallow.std()
    welch = stats.ttest_ind(deep, shallow, equal_var=False)
    ends = welch.confidence_interval()
    width = 2 * np.log(2)
    slopes = [value / width for value in (deep.mean() - shallow.mean(), ends.low, ends.high)]
    cells = [told(law.slope, law.stderr, 10), "{:.2f} [{:.2f}, {:.2f}]".format(*slopes)]
    for name in NETWORKS:
        mine = top[(top["architecture"] == name) & (top["depth"].isin([4, 6, 8]))]
        cells.append(f"{_law(mine, 'predicted').slope:.2f}".replace("-0.00", "0.00"))
    assert line == f"| exponent in `n m^L` | {' | '.join(cells)} |"


def test_sizes_from_which_on_half_is_kept_grow() -> None:
    recovery = reference("predicting/recovery")
    mine = recovery[recovery["architecture"] == "codes"]
    mine = mine[mine["level"] == mine["depth"] - 1]
    rows = [
        {
            "depth": depth,
            "kept": np.exp(stays_above(draw.set_index("train_size")["recovered"], 0.5)),
        }
        for (depth, _), draw in mine.groupby(["depth", "rule_seed"])
    ]
    table = pd.DataFrame(rows)
    law, text = _law(table, "kept"), text_of("docs/latent.md")
    assert f"kept from there on | {told(law.slope, law.stderr, len(table) - 2)} |" in text
    deepest = np.exp(np.log(table[table["depth"] == 8]["kept"]).mean())
    assert f"`L = 8` takes {deepest:.0f} sentences" in prose("docs/latent.md")


def _law(table: pd.DataFrame, column: str) -> Any:
    return stats.linregress(table["depth"] * np.log(2), np.log(table[column]))


def test_the_network_beside_the_learner_that_counts(top: pd.DataFrame) -> None:
    sizes = top.pivot(index=["depth", "rule_seed"], columns="architecture", values="recovered_at")
    ratio = (sizes["codes"] / sizes["counting"]).dropna()
    assert len(ratio) == 4
    told = f"at {ratio.min():.1f} to {ratio.max():.1f} times its sizes on the four draws"
    assert told in prose("docs/latent.md")


def test_tokens_take_more_sentences_draw_by_draw(top: pd.DataFrame) -> None:
    text = prose("docs/latent.md")
    parts = []
    for depth in (4, 6):
        sizes = top[top["depth"] == depth].pivot(
            index="rule_seed", columns="architecture", values="recovered_at"
        )
        ratio = np.log(sizes["tokens"] / sizes["codes"])
        half = stats.t.ppf(0.975, 3) * ratio.sem()
        ends = np.exp([ratio.mean(), ratio.mean() - half, ratio.mean() + half])
        parts.append("{:.1f} [{:.1f}, {:.1f}]".format(*ends))
    assert f"{parts[0]} and {parts[1]} times" in text


def test_labels_and_ends_are_those_of_the_tables() -> None:
    text, runs = prose("docs/latent.md"), reference("predicting/runs")
    networks = runs[runs["architecture"] != "counting"]
    assert {*networks["status"]} == {"ok"}
    assert f"None of the {len(networks)} trainings of the study did" in text
    at = networks[networks["train_size"] == 256]
    errors = at.groupby(["depth", "architecture"])["test_error"].mean()
    shown = [f"{errors[depth, 'codes']:.2f}" for depth in (4, 6, 8)]
    others = [f"{errors[depth, 'tokens']:.2f}" for depth in (4, 6)]
    assert f"{shown[0]}, {shown[1]} and {shown[2]} of the labels are wrong" in text
    assert f"from codes that predict tokens {others[0]} and {others[1]}" in text


def test_what_the_optimizer_does_to_tokens_is_told() -> None:
    text, recovery = prose("docs/latent.md"), reference("predicting/recovery")
    here = recovery[(recovery["level"] == 5) & (recovery["grammar"] == "depth-L6")]
    read = here.groupby(["architecture", "train_size"])["recovered"].mean()
    pairs = {
        how: [f"{read[f'tokens{how}', size]:.2f}" for size in (512, 1024)]
        for how in ("", "-long", "-slow")
    }
    assert f"read to {pairs[''][0]} at 512 and {pairs[''][1]} at 1,024 sentences" in text
    assert f"with three times the steps to {pairs['-long'][0]} and {pairs['-long'][1]}" in text
    assert f"a third of the rate to {pairs['-slow'][0]} and {pairs['-slow'][1]}" in text
    table = reference("predicting/recovered_at")
    long = table[(table["architecture"] == "tokens-long") & (table["level"] == 5)]["recovered_at"]
    assert np.isfinite(long).sum() == 3
    sizes = table[table["level"] == 5].pivot(
        index=["grammar", "rule_seed"], columns="architecture", values="recovered_at"
    )
    ratio = (sizes["tokens-long"] / sizes["codes"]).replace(np.inf, np.nan).dropna()
    ends = f"{ratio.min():.1f} to {ratio.max():.1f} times what codes take"
    assert f"read from {long.min():.0f} to {long.max():.0f}, {ends}" in text


def test_the_reference_is_of_the_study_as_it_is() -> None:
    experiments = load_study(STUDY).experiments
    runs = reference("predicting/runs")
    for name, experiment in experiments.items():
        assert {*experiment.architectures} <= {*runs["architecture"]}, name
    sizes = {size for grid in Plan(load_study(STUDY)).grids.values() for size in grid.sizes}
    assert {*runs["train_size"]} == sizes
