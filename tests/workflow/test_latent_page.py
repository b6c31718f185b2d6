"""The numbers of ``docs/latent.md``, held to the reference results."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.documents import prose, reference, text_of
from rhm_scaling.claims.frozen import rules_of
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.theory.latents import marginal, with_sibling

RULES = rules_of("C1")
FIRST = RULES.first_rule_seed


def told(row: pd.Series) -> str:
    return f"{row['estimate']:.2f} [{row['low']:.2f}, {row['high']:.2f}]".replace("-0.00", "0.00")


def test_laws_are_those_of_the_tables() -> None:
    text = prose("docs/latent.md")
    laws = reference("latent/scan_laws").set_index(["experiment", "law", "term"])
    assert f"`L` = 4, 5, 6 | 1.0 +- 0.1 | {told(laws.loc['labels', 'bare', 'bare'])}" in text
    # n m^L doubles from level to level
    law = laws.loc[("depth", "parameters", "L"), ["estimate", "low", "high"]] / np.log(2)
    assert f"at most 0.05, with its interval | {told(law)} |" in text and law["high"] < 0.05
    law = laws.loc["rules", "threshold", "threshold"]
    points = reference("latent/scan_points").query("experiment == 'rules'")
    many = points[points["m"] >= 4]
    slope = np.polyfit(np.log(many["threshold"]), np.log(many["crossed_at"]), 1)[0]
    assert f"{told(law)}: missed; with `m >= 4` alone {slope:.2f}" in text and law["high"] < 0.9
    law = laws.loc["rules", "parameters", "m"]
    assert f"{law['predicted_same_fit']:.2f} by the same thresholds | {told(law)} |" in text
    every = reference("latent/scan_points").query("experiment != 'labels' and m == 2")["ratio"]
    (many_rules,) = points.loc[points["m"] == 8, "ratio"]
    ends = f"it is {every.min():.2f} to {every.max():.2f} of it, at `m = 8` {many_rules:.2f}."
    assert ends in text
    asymptotic = points["crossed_at"] / (points["v"] * points["m"] ** 2)
    assert 0.77 < asymptotic.min() < asymptotic.max() < 1.235  # "within 23 %"
    assert (points["v"] >= 16).all() and (points["m"] / points["v"] <= 1 / 3).all()
    assert (points["draws"] == 12).all()


def test_the_deepest_grammar_is_that_of_the_tables() -> None:
    text = prose("docs/latent.md")
    recovery, runs = reference("latent/recovery-deepest"), reference("latent/runs-deepest")
    assert len(recovery) == 12 * 11 and {*recovery["train_size"]} == {1024}
    worst = recovery["recovered"].min()
    well = (recovery["recovered"] >= 0.9).sum()
    assert (
        worst > 0.5 and f"{well} of the 132 levels to 0.9 or more, the worst to {worst:.2f}" in text
    )
    ends = f"{runs['seconds'].min():.1f} to {runs['seconds'].max():.1f} s a draw"
    assert ends in text and len(runs) == 12


def test_verdicts_are_those_of_the_tables() -> None:
    text = text_of("docs/latent.md")
    for name, table in (("C1", reference("latent/c1")), ("C2", reference("latent/c2"))):
        (verdict,) = {*table["claim_verdict"]}
        rivals = [f"{rival:.2f}: " for rival in table["rival"]]
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
        assert f"| {verdict} |" in line and f"{told(table.iloc[0])} |" in line
        assert f"| {abs(table['prediction'].iloc[0]):.2f} |" in line
        assert all(rival in line for rival in rivals)
        (line,) = [
            one for one in text_of("README.md").splitlines() if one.startswith(f"| {name} |")
        ]
        assert f"| {verdict} |" in line and told(table.iloc[0]) in line
        assert table["decisive"].all() and {*table["criteria"]} == {rules_of("C1").hash}
    assert f"rule `{rules_of('C1').hash}`, dated {rules_of('C1').date}" in prose("docs/latent.md")


def test_one_draw_has_symbols_that_no_sibling_tells_apart() -> None:
    p = Parameters.from_keys(v=16, s=2, L=12, m=2)
    found = []
    for draw in range(FIRST, FIRST + 12):
        grammar = Grammar.draw(p, draw)
        for level in range(1, 12):
            used = marginal(grammar, level) > 0
            siblings = np.concatenate([*with_sibling(grammar, level)], axis=1)[used]
            siblings /= siblings.sum(axis=1, keepdims=True)
            apart = np.abs(siblings[:, None] - siblings).max(axis=2) + np.eye(len(siblings))
            found += [level] if apart.min() < 1e-9 else []
    assert found == [7]
    assert "one has such a pair (at level 7)" in prose("docs/latent.md")
