"""Documents that describe the code, held against the code."""

import re
from typing import Any

import numpy as np
import pytest
import yaml

from helpers.documents import ROOT, code, documented, prose, reference, text_of
from helpers.grammars import GRAMMARS
from helpers.pages import Page
from rhm_scaling.core.errors import UserError
from rhm_scaling.grammar.json_file import user_grammar
from rhm_scaling.plots.summary import exponent_table
from rhm_scaling.steps import columns
from rhm_scaling.steps.tables import gather_runs, tabulate_theory
from rhm_scaling.study.artifacts import KINDS
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study
from rhm_scaling.theory.solve import solve

COVERAGE = "results/reference/coverage.txt"


def test_columns_of_runs_and_theory_are_documented() -> None:
    assert documented("runs.csv") == gather_runs.COLUMNS
    assert documented("theory.csv") == tabulate_theory.COLUMNS
    assert documented("predictions.csv") == tabulate_theory.CURVE_COLUMNS
    assert documented("correlations.csv") == tabulate_theory.CORRELATION_COLUMNS
    text = text_of("results/README.md")
    for grammar, task in (
        ("zipf", "classification"),
        ("deep", "last_token"),
        ("deep", "autoregressive"),
    ):
        solution = solve(GRAMMARS[grammar], task)
        for name in {*solution.quantities["quantity"], *solution.curves["prediction"]}:
            assert re.search(rf"^\| ([a-z_, ]+, )?{name}[ ,]", text, re.MULTILINE), name


def test_every_kind_of_product_is_listed_where_it_lands() -> None:
    (listed,) = re.findall(r"^store/ .*\n((?: .*\n)+)", text_of("results/README.md"), re.M)
    assert {*re.findall(r"^  (\w+)/<", listed, re.M)} == {*KINDS}


def test_pages_that_git_keeps_lead_nowhere_else() -> None:
    pages = [Page(path) for path in (ROOT / "results" / "reference").rglob("*.html")]
    assert [page.path.name for page in pages if page.links]
    assert {page.path: page.dead() for page in pages if page.dead()} == {}


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


def test_the_theory_that_is_shown_runs() -> None:
    (theory,) = code("docs/theory.md", "python")
    names: dict[str, Any] = {}
    exec(theory, names)  # noqa: S102
    assert set(names["solution"].quantities["method"]) >= {"enumerated", "correlations"}


def test_the_grammar_file_that_is_shown_is_one() -> None:
    (example,) = code("docs/theory.md", "json")
    grammar = user_grammar(example)
    assert (grammar.parameters.L, grammar.parameters.n) == (2, 2)
    assert len(grammar.shared_tuples(1)) == 1


def test_the_study_of_the_readme_is_one() -> None:
    (example,) = code("README.md", "yaml")
    assert parse_study(example, "my-study.yaml", ROOT).name == "my-study"
    (told,) = re.findall(r"^my-study.yaml: .*$", text_of("docs/studies.md"), re.M)
    with pytest.raises(UserError, match=f"^{re.escape(told)}$"):
        parse_study(example.replace("m: 3", "m: 9"), "my-study.yaml", ROOT)


def test_the_table_of_the_readme_is_the_reference() -> None:
    table = exponent_table(reference("laptop/fits")).drop(columns="window").to_string(index=False)
    assert f"```\n{table}\n```" in text_of("README.md")


def test_what_the_quick_start_says_of_the_table_is_the_reference() -> None:
    text = prose("docs/quick-start.md")
    fits = reference("laptop/fits").set_index(["grammar", "architecture"])
    cnn, transformer = (fits.loc["deep", name] for name in ("cnn", "transformer"))
    assert f"at the ends ({cnn['low']:.2f} to {transformer['high']:.2f})" in text
    assert f"for these grammars, {cnn['predicted_same_fit']:.2f}, which" in text
    assert cnn["low"] < cnn["predicted_same_fit"] < cnn["high"] < cnn["predicted_asymptotic"]
    assert transformer["high"] < transformer["predicted_same_fit"]
    two = [fits.loc[name, "cnn"] for name in ("zipf-1", "zipf-2")]
    off = [abs(fit["predicted_same_fit"] - fit["exponent"]) for fit in two]
    assert "are off by {:.2f} and {:.2f}, just outside".format(*off) in text
    curves = reference("laptop/curves").set_index("grammar")
    ratio = curves["predicted_smooth"] / curves["mean"]
    away = [100 * (ratio[name] - 1).abs().max() for name in ("zipf-1", "zipf-2")]
    assert "within {:.0f} % and {:.0f} % of the points".format(*away) in text
    for name in ("zipf-1-L3", "zipf-2-L3"):
        fit = fits.loc[name, "cnn"]
        assert abs(fit["predicted_smooth_fit"] - fit["low"]) < 0.02
        assert fit["predicted_same_fit"] < fit["predicted_smooth_fit"]
        assert ratio[name].between(0.4, 0.6).all()  # "a factor of about two too low"


def test_the_change_that_the_quick_start_shows_makes_what_depends_on_it() -> None:
    assert "name: my-study, and of the grammar deep m: 3 instead of m: 2" in prose(
        "docs/quick-start.md"
    )
    text = text_of("config/studies/laptop.yaml")
    changed = text
    for old, new in (("name: laptop", "name: my-study"), ("L: 4, m: 2}", "L: 4, m: 3}")):
        assert changed.count(old) == 1
        changed = changed.replace(old, new)
    before, after = (
        {(kind, name) for kind, products in plan.products.items() for name in products}
        for plan in (Plan(parse_study(one, "s.yaml")) for one in (text, changed))
    )
    assert before & after
    assert all("v8-n8-s2-L4-m3" in name for _, name in after - before)


def test_what_is_said_of_learning_rates_is_the_reference() -> None:
    text = prose("docs/learning-rates.md")
    for _, row in reference("rates/rate_scaling").iterrows():
        assert f"{row['exponent']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" in text
        assert row["at_edge"] == 0
    best = reference("rates/best_rates")
    assert best.query("architecture == 'cnn'")["optimum"].between(0.7, 1).all()


def test_what_is_said_of_network_sizes_is_the_reference() -> None:
    text = prose("docs/network-size.md")
    table = reference("sizes/scaling")
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
    levels = reference("sizes/levels").set_index(["architecture", "level"])
    for key in (("cnn", 2), ("cnn", 3), ("transformer", 2)):
        row = levels.loc[key]
        assert f"{row['reached']:.0f} [{row['low']:.0f}, {row['high']:.0f}]" in text
    assert list(levels.loc["cnn"]["needed_shared"])[1:] == [48, 72]
    assert list(levels.loc["cnn"]["needed_unshared"])[1:] == [72, 168]
    assert levels.loc[("transformer", 3), "draws"] == 2
    bias = reference("sizes/frontier")["parabola_bias"]
    assert f"errs by up to {100 * (bias - 1).abs().max():.0f} %" in text


def rows(file: str) -> dict[str, list[float]]:
    """Numbers of each row of a benchmark, behind its name; the last row of each name."""
    found = re.findall(r"^ *(\S.*?)((?: +(?:-|\d+(?:\.\d+)?))+)$", text_of(file), re.M)
    return {
        " ".join(name.split()): [float(number) for number in numbers.split() if number != "-"]
        for name, numbers in found
    }


def test_what_is_said_of_performance_is_the_reference() -> None:
    text = prose("docs/performance.md")
    bench, zen5, gpu, verdict, spent = (
        rows(f"results/reference/{name}.txt")
        for name in ("bench", "bench-zen5", "bench-gpu", "bench-verdict", "spent")
    )
    packs = ["cnn, width 256, 8 replicas, cpu", "transformer, width 64, 8 replicas, cpu"]
    (_, _, more, *_, cnn), (_, _, less, *_, transformer) = (bench[name] for name in packs)
    assert f"The CNN reaches {100 * cnn:.0f} % of" in text
    assert f"width eight {100 * transformer:.0f} %. That is {more:.1f} and {less:.1f} times" in text
    (_, _, more, *_, cnn), (_, _, less, *_, transformer) = (zen5[name] for name in packs)
    shares = f"{100 * cnn:.0f} and {100 * transformer:.0f} %"
    assert f"shares were {shares}, but the ratios {more:.1f} and {less:.1f}, as" in text
    exact = bench["v=32 m=8 s=2 L=4 last token, all contexts"]
    assert round(exact[1], -1) == 10 and "some ten times as fast as a plain loop" in text
    for name in ("v=32 m=8 s=2 L=4", "the same, Zipf a=1 at every level"):
        assert bench[f"{name} sampler, 2 processes"][0] > 250
    one_graph = rows("results/reference/bench-graph.txt")
    (runs, _, apart, _), (graph, _, together, _) = one_graph.values()
    assert f"took {runs:.0f} seconds as nine runs and {graph:.0f} as one graph" in text
    assert f"jobs kept {100 * apart:.0f} and {100 * together:.0f} % of the cores busy" in text
    table = {
        "CNN of width 512 | 32": "cnn, width 512, 32 replicas, cuda",
        "transformer of width 64 | 32": "transformer, width 64, 32 replicas, cuda",
    }
    for told, name in table.items():
        _, _, ratio, flops, *_ = gpu[name]
        assert f"| {told} | {ratio:.0f} | {flops / 1000:.0f} |" in text
    saved = [verdict[f"cnn, width 64, v {v} s 2 L 4 m 2, last_token"][2] for v in (8, 16)]
    assert "{:.1f} and {:.1f} times the steps for CNNs".format(*saved) in text
    assert f"training was {100 * spent['training'][-1]:.0f} % in a run" in text


def test_stopping_early_changes_nothing_beyond_the_noise() -> None:
    runs = reference("stopping/runs")
    key = ["grammar", "architecture", "rule_seed"]
    longer = runs["architecture"].str.endswith("-longer")
    late = runs[longer].assign(architecture=runs["architecture"].str.removesuffix("-longer"))
    both = runs[~longer].merge(late, on=key, suffixes=("", "_late"))
    assert len(both) == 18
    # a replica that goes on keeps its best step or finds a better one, ten times as long
    assert (both["steps_late"] >= 9 * both["steps"]).all()
    assert (both["best_step_late"] >= both["best_step"]).all()
    assert (both["best_step_late"] == both["best_step"]).sum() == 17
    text = prose("docs/stopping.md")
    assert "Of 18 replicas, 17 choose the very same step" in text
    for (_, architecture), group in both.groupby(["grammar", "architecture"]):
        changes = group["test_loss_late"] - group["test_loss"]
        noise = group["test_loss"].std() / len(group) ** 0.5
        assert abs(changes.mean()) < noise / 10
        if changes.any():
            told = f"One {architecture} improves its test loss by {-changes.min():.3f} nats"
            assert told in text and f"mean over rule draws is {noise:.3f}" in text


def test_what_is_said_of_the_authors_code_is_measured() -> None:
    points, runs, theory = (reference(f"authors/{name}") for name in ("points", "runs", "theory"))
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
    section = prose("docs/authors-code.md")
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
    for whose in (0, 1):
        theirs, mine = (
            [found["classification", settings, size][1 + whose] for size in (8192, 32768)]
            for settings in ("theirs", "our rate")
        )
        slopes = (np.log(errors[0] / errors[1]) / np.log(4) for errors in (theirs, mine))
        told[whose] = [theirs[0] / mine[0], theirs[1] / mine[1], *slopes]
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


def test_what_is_said_of_the_coverage_of_intervals_is_the_reference() -> None:
    text = prose("docs/studies.md")
    rows = re.findall(r"^ *(.+?) +(\d+ rule|stopped)\D.* ([\d.]+)$", text_of(COVERAGE), re.M)
    found: dict[tuple[bool, bool], list[float]] = {}
    for curves, design, held in rows:
        key = (curves == "power laws", design == "stopped")
        found.setdefault(key, []).append(100 * float(held))
    assert len(rows) == 20
    told = "the design that stops held the exponent of {:.0f} %, those of 4, 6 and 12 fixed draws "
    told += "of {:.0f}, {:.0f} and {:.0f} %."
    assert told.format(*found[True, True], *found[True, False]) in text
    fixed, stopped = found[False, False], found[False, True]
    told = f"hold the exponent of {min(fixed):.0f} to {max(fixed):.0f} %, those of the design that "
    assert told + f"stops of {min(stopped):.0f} to {max(stopped):.0f} %" in text


def test_what_is_said_of_the_stop_by_training_loss_is_the_reference() -> None:
    runs = reference("zipf-stopping/runs")
    key = ["grammar", "train_size", "rule_seed"]
    both = runs.pivot(index=key, columns="architecture", values=["best_step", "test_error"])
    steps, errors = both["best_step"], both["test_error"]
    same = (steps["cnn"] == steps["patient"]).groupby("grammar").all()
    zipf = same[same.index.str.startswith("zipf")]
    assert [*zipf.index[~zipf]] == ["zipf-L2-zipf1_2", "zipf-L3-zipf1_2"]
    few = both.xs("few-L3")
    chosen = (few["best_step"]["cnn"] == few["best_step"]["patient"]).groupby("train_size").all()
    assert chosen.to_dict() == {8192: True, 16384: False}
    after = few["test_error"].loc[16384].mean()
    told = (
        f"they become {after['patient'] / after['cnn']:.2f} times as large, and all six trainings "
    )
    assert told + "would go on beyond `max_steps`." in prose("docs/stopping.md")
    ended = runs.query("architecture == 'patient' & grammar == 'few-L3' & train_size == 16384")
    assert [*ended["stop_reason"]] == ["max_steps"] * 6
    smaller = 1 - errors.groupby(["grammar", "train_size"]).mean().pipe(
        lambda means: means["patient"] / means["cnn"]
    )
    two, three = (100 * smaller[f"zipf-L{L}-zipf1_2"].sort_index() for L in (2, 3))
    told = "{:.0f} and {:.0f} % smaller on 65,536 (`L = 2`) and 131,072 (`L = 3`) sentences, and "
    told += "{:.0f} and {:.0f} % on 262,144 and 524,288."
    assert told.format(two.iloc[1], three.iloc[1], two.iloc[2], three.iloc[2]) in prose(
        "docs/stopping.md"
    )
    fits = reference("zipf-stopping/fits").pivot(
        index="grammar", columns="architecture", values="exponent"
    )
    told = "is {patient:.2f} instead of {cnn:.2f} at `L = 2` and "
    told = told.format(**fits.loc["zipf-L2-zipf1_2"])
    told += "{patient:.2f} instead of {cnn:.2f} at `L = 3`".format(**fits.loc["zipf-L3-zipf1_2"])
    assert told in prose("docs/claims.md")
