"""Documents that describe the code, held against the code."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.documents import documented
from helpers.grammars import GRAMMARS
from rhm_scaling.grammar.json_file import user_grammar
from rhm_scaling.plots.summary import exponent_table
from rhm_scaling.steps.tables import gather_runs, tabulate_theory
from rhm_scaling.theory.solve import solve

ROOT = Path(__file__).parents[2]


def test_columns_of_runs_and_theory_are_documented() -> None:
    assert documented("runs.csv") == gather_runs.COLUMNS
    assert documented("theory.csv") == tabulate_theory.COLUMNS
    assert documented("predictions.csv") == tabulate_theory.CURVE_COLUMNS
    assert documented("correlations.csv") == tabulate_theory.CORRELATION_COLUMNS
    text = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    for grammar, task in (
        ("zipf", "classification"),
        ("deep", "last_token"),
        ("deep", "autoregressive"),
    ):
        solution = solve(GRAMMARS[grammar], task)
        for name in {*solution.quantities["quantity"], *solution.curves["prediction"]}:
            assert re.search(rf"^\| ([a-z_, ]+, )?{name}[ ,]", text, re.MULTILINE), name


def test_the_theory_of_the_readme_runs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    theory, *_ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)  # others: `test_recipes`
    names: dict[str, Any] = {}
    exec(theory, names)  # noqa: S102
    assert set(names["solution"].quantities["method"]) >= {"enumerated", "correlations"}


def test_the_grammar_file_of_the_readme_is_one() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    grammar = user_grammar(example)
    assert (grammar.parameters.L, grammar.parameters.n) == (2, 2)
    assert len(grammar.shared_tuples(1)) == 1


def test_the_table_of_the_readme_is_the_reference() -> None:
    fits = pd.read_csv(ROOT / "results" / "reference" / "laptop" / "fits.csv")
    table = exponent_table(fits).drop(columns="window").to_string(index=False)
    assert f"```\n{table}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_what_the_readme_says_of_learning_rates_is_the_reference() -> None:
    table = pd.read_csv(ROOT / "results" / "reference" / "rates" / "rate_scaling.csv")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for _, row in table.iterrows():
        assert f"{row['exponent']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" in text
        assert row["at_edge"] == 0
    best = pd.read_csv(ROOT / "results" / "reference" / "rates" / "best_rates.csv")
    assert best.query("architecture == 'cnn'")["optimum"].between(0.7, 1).all()


def test_what_the_readme_says_of_the_claims_is_the_reference() -> None:
    table = pd.read_csv(ROOT / "results" / "reference" / "claims" / "laptop.csv")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("\n## The nine claims\n")[1].split("\n## ")[0]
    known = {f"{r.estimate:.2f} [{r.low:.2f}, {r.high:.2f}]" for r in table.itertuples()}
    told = re.findall(r"-?[0-9.]+ \[-?[0-9.]+, -?[0-9.]+\]", section)
    assert len(told) >= 10 and {*told} <= known
    verdicts = table.groupby("claim")["claim_verdict"].first().items()
    assert all(f"| {claim} | {verdict} |" in section for claim, verdict in verdicts)


def test_what_the_readme_says_of_single_rules_is_the_reference() -> None:
    table = pd.read_csv(ROOT / "results" / "reference" / "claims" / "rule_collapse.csv")
    two, three = (table[table["L"] == L].iloc[0] for L in (2, 3))
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"a factor of {two['spread']:.2f} apart at `L = 2` and {three['spread']:.2f} at" in text
    assert f"({two['shuffled']:.1f} and {three['shuffled']:.1f} if ranks are shuffled)" in text
    assert f"`P f_k` = {two['learnt_at_f']:.1f} and {three['learnt_at_f']:.1f}, the same" in text


def test_what_the_readme_says_of_network_sizes_is_the_reference() -> None:
    folder = ROOT / "results" / "reference" / "sizes"
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    table = pd.read_csv(folder / "scaling.csv")
    fits = table[table["floor"] == "exact"]
    told = fits[
        (fits["fit"] == "joint") & fits["quantity"].isin(["size_exponent", "data_exponent"])
        | (fits["quantity"] == "optimal_size_exponent")
    ]
    assert len(told) == 6
    for _, row in told.iterrows():
        assert f"{row['estimate']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" in text
        assert row["converged"]
    free = table[(table["fit"] == "joint") & (table["quantity"] == "floor")]
    cnn, transformer = free["estimate"]
    assert f"by {cnn:.3f} nats for the CNN and {transformer:.2f} for the transformer" in text
    levels = pd.read_csv(folder / "levels.csv").set_index(["architecture", "level"])
    for key in (("cnn", 2), ("cnn", 3), ("transformer", 2)):
        row = levels.loc[key]
        assert f"{row['reached']:.0f} [{row['low']:.0f}, {row['high']:.0f}]" in text
    assert list(levels.loc["cnn"]["needed_shared"])[1:] == [48, 72]
    assert list(levels.loc["cnn"]["needed_unshared"])[1:] == [72, 168]
    assert levels.loc[("transformer", 3), "draws"] == 2
    bias = pd.read_csv(folder / "frontier.csv")["parabola_bias"]
    assert f"errs by up to {100 * (bias - 1).abs().max():.0f} %" in text


def test_stopping_early_changes_nothing_beyond_the_noise() -> None:
    runs = pd.read_csv(ROOT / "results" / "reference" / "stopping" / "runs.csv")
    key = ["grammar", "architecture", "rule_seed"]
    longer = runs["architecture"].str.endswith("-longer")
    late = runs[longer].assign(architecture=runs["architecture"].str.removesuffix("-longer"))
    both = runs[~longer].merge(late, on=key, suffixes=("", "_late"))
    assert len(both) == 18
    # a replica that goes on keeps its best step or finds a better one, ten times as long
    assert (both["steps_late"] >= 9 * both["steps"]).all()
    assert (both["best_step_late"] >= both["best_step"]).all()
    assert (both["best_step_late"] == both["best_step"]).sum() == 17
    for _, group in both.groupby(["grammar", "architecture"]):
        change = (group["test_loss_late"] - group["test_loss"]).mean()
        noise = group["test_loss"].std() / len(group) ** 0.5
        assert abs(change) < noise / 10


def test_documents_speak_of_files_that_exist() -> None:
    for document in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(((?!https?:)[^)#]+)\)", text):
            assert (ROOT / target).exists(), f"{document}: {target}"
