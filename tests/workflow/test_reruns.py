"""What runs again after a change: exactly what depends on it, whatever Snakemake remembers.

Every case is tried in a finished study as it is, and without ``.snakemake``, as after a fresh clone
or a copy.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

from conftest import TINY, Project

TABLES = {
    **{"gather_runs": 1, "aggregate_curves": 1, "fit_curves": 1, "find_crossings": 1},
    "draw_figures": 1,
}
THEORY = {"tabulate_theory": 1, "draw_theory": 1}
ALL_TABLES = {**TABLES, **THEORY, "compare_rates": 1, "gather_recovery": 1}


@pytest.fixture(params=["remembered", "forgotten"])
def finished(request: pytest.FixtureRequest, project: Project) -> Iterator[Project]:
    """The finished study, with and without Snakemake's memory."""
    forgotten = request.param == "forgotten"
    with project.without_memory() if forgotten else contextlib.nullcontext():
        yield project


def jobs(project: Project, *arguments: str, study: str = TINY) -> dict[str, int]:
    """Planned jobs."""
    return project.planned(*arguments, study=study)


def test_nothing_changed(finished: Project) -> None:
    assert jobs(finished) == {}


def test_touched_files(finished: Project) -> None:
    for path in finished.folder.rglob("*"):
        path.touch()
    assert jobs(finished) == {}


def test_a_fresh_clone_over_existing_results_and_results_moved_elsewhere(
    project: Project, tmp_path: Path
) -> None:
    assert jobs(project.copy(tmp_path)) == {}


def test_reworded_comments_and_docstrings(finished: Project) -> None:
    with (
        finished.source("training/loop", "# earlier evaluations would", "# sooner ones would"),
        finished.source(
            "grammar/sampling", '"""The first `size` sentences', '"""So many sentences'
        ),
        finished.source("analysis/power_law", '"""', '"""Reworded. '),
    ):
        assert jobs(finished) == {}


def test_reordered_keys(finished: Project) -> None:
    study = yaml.safe_load((finished.folder / TINY).read_text(encoding="utf-8"))
    for name in ("cnn", "swept"):
        architecture = study["architectures"][name]
        study["architectures"][name] = dict(reversed(architecture.items()))
    experiments = study["experiments"].items()
    reordered = {name: dict(reversed(one.items())) for name, one in reversed([*experiments])}
    study["experiments"] = reordered
    path = finished.folder / "config" / "studies" / "reordered.yaml"
    path.write_text(yaml.safe_dump(dict(reversed(study.items())), sort_keys=False))
    assert jobs(finished, study=str(path.relative_to(finished.folder))) == {}


def test_another_machine_setting(finished: Project) -> None:
    assert finished.planned("--config", "threads=2", "memory_mb=3000", "device=auto") == {}


def test_a_renamed_study(finished: Project) -> None:
    study = finished.edited("renamed", ("name: tiny", "name: renamed"))
    assert jobs(finished, study=study) == {**ALL_TABLES, "describe_tables": 1}


# the experiment on labels has one architecture, the last one tries learning rates
RATE = "width: 16\n    optimizer: {kind: sgd, lr: 0.3}\n"
SWEPT = "width: [8, 16]\n    optimizer: {kind: sgd, lr: [0.1, 0.4]}"
GRAMMAR = "  other: {v: 5, n: 3, s: 2, L: 2, m: 2}\narchitectures:\n"


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        (
            "a new training size",
            [("[16, 32, 64, 128]", "[16, 32, 64, 128, 256]")],
            {"train_block": 2, **TABLES, "compare_rates": 1},
        ),
        (
            "a new replica block",
            [("replicas: {rule_draws: 2}\n  last:", "replicas: {rule_draws: 4}\n  last:")],
            # of 2 grammars 2 more draws, each of 3 sets; 2 blocks for each of 4 sizes
            {
                **{"draw_grammar": 4, "sample_sentences": 12, "predict_exactly": 4},
                **{"solve_grammar": 4, "train_block": 8},
                **{**ALL_TABLES, "gather_recovery": 1},
            },
        ),
        (
            "a new architecture",
            [
                ("  transformer: {kind", "  new: {kind: cnn, width: 4}\n  transformer: {kind"),
                ("zipf]\n    architectures: [cnn]", "zipf]\n    architectures: [cnn, new]"),
            ],
            {"train_block": 8, **TABLES, "compare_rates": 1, "gather_recovery": 1},
        ),
        (
            "a new grammar",
            [("architectures:\n", GRAMMAR), ("[flat, zipf]", "[flat, zipf, other]")],
            {
                **{"draw_grammar": 2, "sample_sentences": 6, "predict_exactly": 2},
                **{"solve_grammar": 2, "survey_grammars": 1, "train_block": 4},
                **ALL_TABLES,
            },
        ),
        (
            "another optimizer setting",
            [("width: 16\n", RATE)],
            {"train_block": 11, **TABLES, "compare_rates": 1},
        ),
        (
            "another list of rates",
            [(SWEPT, SWEPT.replace("0.4", "0.2"))],
            # the coordinate check takes the middle one
            {"train_block": 2, "check_coordinates": 1, **TABLES, "compare_rates": 1},
        ),
        (
            "another title",
            [("title: Classification", "title: Labels")],
            {"draw_figures": 1},
        ),
        (
            "a second study that shares cells",
            [("name: tiny", "name: second"), ("[16, 32, 64, 128]", "[32, 64, 256]")],
            {"train_block": 2, **ALL_TABLES, "describe_tables": 1},
        ),
    ],
)  # fmt: skip
def test_a_changed_study(
    finished: Project, name: str, changes: list[tuple[str, str]], expected: dict[str, int]
) -> None:
    study = finished.edited("changed", *changes)
    assert jobs(finished, study=study) == expected


BLOCKS, COUNTED = 22, 9
COUNTING = ("training/counting", "pseudo = 0.2 *", "pseudo = 0.3 *")


@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        (
            "models/cnn",
            ".relu_()",
            ".tanh_()",
            {"train_block": 13, "check_coordinates": 1, **TABLES, "compare_rates": 1},
        ),
        (
            "models/transformer",
            "self.up, self.down)",
            "self.up, -self.down)",
            {"train_block": 6, **TABLES, "compare_rates": 1},
        ),
        (
            "training/loop",
            "_FIRST_EVALUATION = 8",
            "_FIRST_EVALUATION = 4",
            {"train_block": BLOCKS, **TABLES, "compare_rates": 1},
        ),
        (
            "training/optimizers",
            "_EPSILON = (0.9, 0.999), 1e-8",
            "_EPSILON = (0.9, 0.999), 1e-7",
            {"train_block": BLOCKS, "check_coordinates": 1, **TABLES, "compare_rates": 1},
        ),
        (
            *COUNTING,
            {"count_block": COUNTED, **TABLES, "compare_rates": 1, "gather_recovery": 1},
        ),
        ("plots/style", '"Agg"', '"agg"', {"draw_figures": 1, "draw_theory": 1}),
        ("plots/rates", "def ", "_UNUSED = 1\n\n\ndef ", {}),
        ("analysis/power_law", "HUBER = 0.1", "HUBER = 0.2", {"fit_curves": 1, "draw_figures": 1}),
        ("study/schema", "= 2048", "= 2048 + 0", {}),
        ("cli/jobs", "default=1)", "default=1 + 0)", {}),
    ],
)
def test_a_changed_source(
    finished: Project, module: str, old: str, new: str, expected: dict[str, int]
) -> None:
    with finished.source(module, old, new):
        assert jobs(finished) == expected


def test_going_back_to_an_earlier_source_makes_no_product_again(project: Project) -> None:
    before = project.table("runs").drop(columns="seconds")
    with project.source(*COUNTING):
        project.snakemake("--config", f"study={TINY}")
        assert jobs(project) == {}
    # the tables hold one study at a time
    tables = {**TABLES, "compare_rates": 1, "gather_recovery": 1}
    assert jobs(project) == tables
    project.snakemake("--config", f"study={TINY}")
    again = project.table("runs").drop(columns="seconds")
    pd.testing.assert_frame_equal(again, before, check_exact=True)


def test_single_files_are_made_again_too(finished: Project) -> None:
    with finished.source("analysis/power_law", "HUBER = 0.1", "HUBER = 0.2"):
        assert jobs(finished, "results/tiny/local_exponents.csv") == {"fit_curves": 1}
        assert jobs(finished, "results/tiny/curves.csv") == {}


def test_an_edited_rule(finished: Project) -> None:
    """Products do not depend on how the workflow is written; what is missing is still made."""
    path = finished.folder / "workflow" / "rules" / "batches.smk"
    text = path.read_text(encoding="utf-8")
    study = finished.edited("edited", ("[16, 32, 64, 128]", "[16, 32, 64, 128, 256]"))
    try:
        path.write_text(text.replace('"python -m', '"true; python -m'), encoding="utf-8")
        assert jobs(finished) == {}
        expected = {"train_block": 2, **TABLES, "compare_rates": 1}
        assert jobs(finished, study=study) == expected
    finally:
        path.write_text(text, encoding="utf-8")


def test_missing_intermediates_are_made_only_where_they_are_needed(finished: Project) -> None:
    store = finished.folder / "results" / "store"
    shutil.move(store / "sentences", store / "away")
    study = finished.edited("changed", ("[16, 32, 64, 128]", "[16, 32, 64, 128, 256]"))
    try:
        assert jobs(finished) == {}
        # of 2 grammars 2 draws of 3 sets
        expected = {"sample_sentences": 12, "train_block": 2, **TABLES, "compare_rates": 1}
        assert jobs(finished, study=study) == expected
        assert jobs(finished, "datasets")["sample_sentences"] == 18
    finally:
        shutil.move(store / "away", store / "sentences")


def test_forced_runs_go_through_the_whole(finished: Project) -> None:
    everything = {"train_block": BLOCKS, "count_block": COUNTED, "sample_sentences": 18}
    assert everything.items() <= jobs(finished, "--forceall").items()
    forced = jobs(finished, "--forcerun", "sample_datasets")
    assert everything.items() <= forced.items()
    assert "draw_grammar" not in forced


def test_a_deleted_block_is_made_again_the_same(project: Project) -> None:
    before = {name: project.table(name) for name in ("runs", "curves", "fits")}
    product = before["runs"].query("architecture == 'transformer'")["product"].iloc[0]
    folder = project.folder / "results" / "store" / "models" / product
    weights = (folder / "weights.safetensors").read_bytes()
    shutil.rmtree(folder)
    assert jobs(project) == {"train_block": 1}
    # tables follow when they are asked to
    runs = project.folder / "results" / "tiny" / "runs.csv"
    runs.unlink()
    assert jobs(project) == {"train_block": 1, "gather_runs": 1}
    project.snakemake("--config", f"study={TINY}")
    assert (folder / "weights.safetensors").read_bytes() == weights
    for name, table in before.items():
        again = project.table(name)
        ignored = ["seconds"] if name == "runs" else []
        pd.testing.assert_frame_equal(
            again.drop(columns=ignored), table.drop(columns=ignored), check_exact=True
        )
    assert jobs(project) == {}
