"""Where things stand, as CONTRIBUTING.md says: packages, modules, one name from rule to record."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from types import FrameType

import pytest

from conftest import ROOT, TINY, Project
from rhm_scaling.core.fingerprint import PACKAGE
from rhm_scaling.run.batches import RULES
from rhm_scaling.steps.plan import table_steps
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

RULES_OF_TABLES = [
    ROOT / "workflow" / "rules" / f"{name}.smk"
    for name in ("tables", "comparisons", "claims", "figures")
]
_MOST = 400  # lines of a module
_SHOWS_ALL = """
include: "workflow/Snakefile"
sent = {rule.name for rule in workflow.rules if not rule.norun} - workflow._localrules
print("sent to a cluster:", *sorted(sent))
"""


def modules() -> list[Path]:
    """Every module of the project, those of the workflow and of the tests too."""
    found = [path for top in ("workflow", "tests") for path in (ROOT / top).rglob("*.py")]
    return [*found, ROOT / "workflow" / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]


def packages() -> list[Path]:
    return [path.parent for path in PACKAGE.glob("*/__init__.py")]


def test_no_module_is_too_long_to_be_read() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert len(lengths) > 300
    assert {path: lines for path, lines in lengths.items() if lines > _MOST} == {}


def test_the_table_of_packages_is_in_the_order_of_the_layers() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .+ \|$", text, re.M)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    layers = [{*layer.split(" | ")} for layer in reversed(contract["layers"])]
    place = {package: number for number, layer in enumerate(layers) for package in layer}
    assert {*rows} == place.keys() == {path.name for path in packages()}
    assert rows == sorted(rows, key=place.__getitem__)


@pytest.mark.parametrize("package", packages(), ids=lambda path: path.name)
def test_a_package_says_what_it_is_for_and_has_its_tests(package: Path) -> None:
    said = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    assert said and said.splitlines()[0].endswith(".")
    assert [*(ROOT / "tests" / package.name).glob("test_*.py")]


def test_a_table_has_one_name_as_rule_step_log_and_record() -> None:
    found = []
    for path in RULES_OF_TABLES:
        text = path.read_text(encoding="utf-8")
        for rule in re.split(r"^(?=rule |use rule )", text, flags=re.M)[1:]:
            name = re.match(r"(?:rule|use rule gather_runs as) (\w+)", rule)[1]
            if name == "write_claims_page":  # of several studies
                continue
            found.append(name)
            (log,) = re.findall(r"logs/(\w+)\.log", rule)
            (record,) = re.findall(r"stages/(\w+)\.record\.json", rule)
            (ordered,) = re.findall(r'order\("(\w+)"\)', rule)
            (reading,) = re.findall(r'reads\(\s*"(\w+)"', rule)
            assert {log, record, ordered, reading} == {name}
            assert {*re.findall(r"benchmarks/(\w+)\.tsv", rule)} <= {name}
    assert sorted(found) == sorted(table_steps())


def walk() -> list[tuple[str, list[str]]]:
    """The files through which a training size passes, with what is named in each."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^## One training size.*?\n(\| where .*?)\n\n", text, re.M | re.S)
    cells = [row.split(" | ")[0] for row in table.splitlines()[3:]]
    return [(file, names) for cell in cells for file, *names in [re.findall(r"`(.+?)`", cell)]]


def test_the_walk_of_a_training_size_passes_what_is_there() -> None:
    found = walk()
    assert len(found) > 10
    for file, names in found:
        path = ROOT / file if file.startswith("workflow/") else PACKAGE / file
        text = path.read_text(encoding="utf-8")
        for name in names:
            assert re.search(rf"^(def|class|rule|use rule \w+ as) {name}\b", text, re.M), file
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for file in re.findall(r"by `(\w+/\w+\.py)`", text):
        assert (PACKAGE / file).is_file()


def test_a_training_size_is_planned_along_the_walk() -> None:
    called = set[str]()

    def note(frame: FrameType, event: str, argument: object) -> None:
        called.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        plan = Plan(load_study(ROOT / TINY))
    finally:
        sys.setprofile(None)
    planning = [file for file, _ in walk() if file.startswith("study/")]
    assert len(planning) == 4
    assert {str(PACKAGE / file) for file in planning} <= called
    assert {block.specification["train_size"] for _, block in plan.blocks} >= {16, 64}
    assert any("/P00000064/" in block.name for _, block in plan.blocks)


def test_what_takes_long_alone_waits_in_the_queue_of_a_cluster(tmp_path: Path) -> None:
    made = Project(ROOT).copy(tmp_path, results=False)
    (tmp_path / "shows.smk").write_text(_SHOWS_ALL, encoding="utf-8")
    done = made.snakemake("-n", "--snakefile", "shows.smk", "--config", f"study={TINY}")
    (line,) = re.findall(r"^sent to a cluster: (.*)$", done.stdout + done.stderr, re.M)
    assert line.split() == sorted({*RULES} - {"draw_grammars"})
