"""Documents that describe the code, held against the code."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from helpers.documents import documented
from helpers.grammars import GRAMMARS
from rhm_scaling.grammar.json_file import user_grammar
from rhm_scaling.plots.summary import exponent_table
from rhm_scaling.steps import columns
from rhm_scaling.steps.tables import gather_runs, tabulate_theory
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study
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


def test_what_is_said_of_columns_stands_in_the_documents() -> None:
    text = (ROOT / columns.EXPLAINED).read_text(encoding="utf-8")
    assert columns.explained(text) == text, "run make schema"
    odd = text.replace("| `steps` | steps made |", "| `steps` | steps |")
    assert odd != text and columns.explained(odd) == text
    sections = re.findall(r"^### `(\w+\.csv)`$", text, re.MULTILINE)
    listed = re.findall(r"^  (\w+\.csv) ", text, re.MULTILINE)
    assert sorted(sections) == sorted(listed) == sorted(columns.tables())
    for name, table in columns.tables().items():
        assert len({*table.columns}) == len(table.columns)
        assert {*table.key} <= {*table.columns}
        for column in table.columns:
            told = columns.field(name, column)
            assert len(told["description"]) > 2 and "](" not in told["description"]
    # no type and no unit is given to a column that no table has
    content = yaml.safe_load(columns.source())
    every = {column for table in columns.tables().values() for column in table.columns}
    lines = [line for lists in content["types"].values() for line in lists]
    named = [name for line in [*lines, *content["units"].values()] for name in line.split(", ")]
    assert {*named} <= every and {*content["keys"]} <= {*columns.tables()}


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


def test_what_the_readme_says_of_the_authors_code_is_measured() -> None:
    folder = ROOT / "results" / "reference" / "authors"
    points, runs, theory = (
        pd.read_csv(folder / f"{name}.csv") for name in ("points", "runs", "theory")
    )
    key = ["task", "grammar", "train_size", "lr"]
    limits = theory.query("quantity == 'entropy' and level == 3").set_index("grammar")["value"]
    for table in (points, runs):
        table["loss"] = table["test_loss"] - table["grammar"].map(limits).fillna(0)
    cells = runs.groupby(key)["loss"]
    ours = cells.agg(["mean", "size"]).assign(
        variance=(cells.std() / cells.mean()) ** 2, error=runs.groupby(key)["test_error"].mean()
    )
    noise = ours.groupby(["task", "train_size"])["variance"].mean()  # of replicas of one draw
    both = points.merge(ours, on=key)
    assert len(both) == len(points) == 47
    both["ratio"] = np.log(both["mean"] / both["loss"])
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    section = text.split(" ## Beside the authors' code ")[1].split(" ## ")[0]
    found = {}
    for (task, settings, size), rows in both.groupby(["task", "settings", "train_size"]):
        mean, low, high = np.exp([rows["ratio"].agg(how) for how in ("mean", "min", "max")])
        error = [rows[name].mean() for name in ("test_error", "error")]
        found[task, settings, size] = mean, *error
        if settings in ("theirs", "our rate"):
            assert len(rows) == 3
            numbers = [rows["loss"].mean(), rows["mean"].mean(), *error]
            theirs, mine, *errors = (f"{number:#.3g}" for number in numbers)
            rate = {"theirs": "theirs", "our rate": "ours"}[settings]
            row = [task.replace("_", " "), rate, f"{size}", theirs, mine]
            row += [f"{mean:.2f} ({low:.2f} to {high:.2f})", *errors]
            assert f"| {' | '.join(row)} |" in section
            spread = noise[task, size] * (1 + 1 / rows["size"].iloc[0]) / 3
            assert abs(np.log(mean)) < 2 * spread**0.5
    zeros, *_ = found["last_token", "theirs, zeros as mask", 256]
    assert f"the ratio at their rate and 256 sentences is {zeros:.2f}" in section
    often, *_ = found["last_token", "our rate, every epoch evaluated", 4096]
    assert f"the ratio at our rate is {often:.2f}" in section
    told = {}
    for code in (0, 1):
        theirs, mine = (
            [found["classification", settings, size][1 + code] for size in (8192, 32768)]
            for settings in ("theirs", "our rate")
        )
        slopes = (np.log(errors[0] / errors[1]) / np.log(4) for errors in (theirs, mine))
        told[code] = [theirs[0] / mine[0], theirs[1] / mine[1], *slopes]
    rates = (
        "{0:.1f} times that of our rate at 8192 sentences and {1:.1f} times at 32768",
        "the slope in between is {2:.1f} instead of {3:.1f} in theirs",
    )
    assert all(words.format(*told[0]) in section for words in rates)
    rates = ("{0:.1f} and {1:.1f} times in ours", "{2:.1f} instead of {3:.1f} in ours")
    assert all(words.format(*told[1]) in section for words in rates)
    # and our rows are those of the study as it is
    plan = Plan(load_study(ROOT / "config" / "studies" / "authors.yaml"))
    shapes = {name: plan.parameters(name).label() for name in runs["grammar"].unique()}
    labels = runs["grammar"].map(shapes)
    assert all(map(str.startswith, runs["product"], labels + "/"))


def test_documents_speak_of_files_that_exist() -> None:
    for document in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(((?!https?:)[^)#]+)\)", text):
            assert (ROOT / target).exists(), f"{document}: {target}"
