"""Text of a configuration stays text: no shell, no HTML, no formula, no path, no pickle."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, Project, call
from helpers.grammars import AMBIGUOUS
from helpers.pages import Page
from rhm_scaling.study import reading

SOURCES = sorted((ROOT / "workflow" / "rhm_scaling").rglob("*.py"))
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load", "torch.save"),
    *("yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.unsafe_load_all"),
    *("pd.read_pickle", "joblib.load", "np.fromfile"),
}
SHELLS = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "pty",
    "commands",
}
# runs a user's file that a study names as an architecture, and what the modules of models declare
RUNS_FILES = "workflow/rhm_scaling/architecture/registry.py"


def dangers(tree: ast.AST) -> Iterator[str]:
    """Calls and imports in a source that load pickles or unsafe YAML, or run text."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None) or ""
            level = getattr(node, "level", 0)
            names = [alias.name for alias in node.names] if not module else [module]
            yield from (n for n in names if not level and n.split(".")[0] in SHELLS)
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        loader = [*map(ast.unparse, node.args[1:2]), given.get("Loader", "")]
        if called in FORBIDDEN or called.endswith((".read_pickle", ".exec_module")):
            yield called
        if given.get("shell", "False") != "False":
            yield f"{called}(shell)"
        if called in ("np.load", "numpy.load") and given.get("allow_pickle") != "False":
            yield f"{called} without allow_pickle=False"
        if called == "yaml.load" and loader[0] not in ("_Loader", "yaml.SafeLoader"):
            yield f"yaml.load with {loader[0]}"


def test_no_source_loads_pickles_or_unsafe_yaml_or_runs_text() -> None:
    found = {
        str(path.relative_to(ROOT)): list(dangers(ast.parse(path.read_text(encoding="utf-8"))))
        for path in SOURCES
    }
    assert len(found) > 80
    assert found.pop(RUNS_FILES) == ["loader.exec_module"]
    assert {path: what for path, what in found.items() if what} == {}
    for path in RULES:  # no Python by itself
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\b(eval|exec|os\.system|yaml\.|pickle|subprocess)\b", text)
        # in shell commands, text of the user is quoted
        for field in re.findall(r"\{((?:params|input|output|log)[.\w]*(?::q)?)\}", text):
            # what a site has written as shell for its own jobs (config/cluster.yaml) is no study's
            # and what a batch makes stands in a message for a person, of which no shell knows
            plain = {"params.setup", "params.launcher", "params.makes"}
            shells = re.findall(r"    shell:\n((?:        .*\n)+)", text)
            assert not any("params.makes" in shell for shell in shells)
            assert field.endswith(":q") or field in plain, field
    assert issubclass(reading._Loader, yaml.SafeLoader)
    assert not issubclass(reading._Loader, (yaml.FullLoader, yaml.UnsafeLoader))


def test_the_walk_finds_what_it_is_for() -> None:
    for text in (
        *(
            "import pickle",
            "from joblib import load",
            "np.load(f)",
            "np.load(f, allow_pickle=True)",
        ),
        *("yaml.load(t, yaml.Loader)", "yaml.load(t)", "os.system(t)", "run(t, shell=True)"),
        *(
            "eval(t)",
            "loader.exec_module(m)",
            "torch.load(t)",
            "yaml.load(t, Loader=yaml.FullLoader)",
            "pd.read_pickle(t)",
        ),
    ):
        assert list(dangers(ast.parse(text))), text


TITLE = "it's \"$(touch pwned)\" `touch pwned`; {output} <script>alert('title')</script> $x^ \\$ %s"
HEADING = "$\\frac{1}{$ $(touch pwned) <img src=x onerror=alert('heading')> {wildcards.name} & \\"
FOLDER = "of $(touch pwned) 'a' \"b\" `touch pwned`; & $x^ *?[a]"
HOSTILE_STUDY = {
    "name": "hostile",
    "title": TITLE,
    "grammars": {"mine-_.0": {"file": f"{FOLDER}/ # ; touch pwned"}},
    "architectures": {
        "swept__": {
            "kind": "cnn",
            "width": [4, 8],
            "optimizer": {"kind": "sgd", "lr": [0.1, 0.4]},
            "training": {"max_steps": 16, "min_steps": 8, "evaluations_per_octave": 1},
        },
        "counts-": {"kind": "counting"},
    },
    "experiments": {
        "e.0-_": {
            "title": HEADING,
            "task": "last_token",
            "grammars": ["mine-_.0"],
            "architectures": ["swept__", "counts-"],
            "train_sizes": [16],
            "validation_size": 16,
            "test_size": 64,
            "replicas": {"rule_draws": 1},
        }
    },
}


def files(folder: Path) -> set[Path]:
    """All but what Snakemake remembers, and Python's compiled code."""
    apart = {".snakemake", "__pycache__"}
    return {path for path in folder.rglob("*") if not apart & {*path.parts}}


@pytest.mark.slow
def test_text_of_a_study_stays_text_through_the_whole_pipeline(tmp_path: Path) -> None:
    folder = tmp_path / "outside" / "project"
    folder.mkdir(parents=True)
    project = Project(ROOT).copy(folder, results=False)
    grammar = HOSTILE_STUDY["grammars"]["mine-_.0"]["file"]
    study = project.folder / f"{FOLDER} <script>alert(1)< {{output}}.yaml"
    study.write_text(yaml.safe_dump(HOSTILE_STUDY), encoding="utf-8")
    (project.folder / grammar).parent.mkdir()
    (project.folder / grammar).write_text(AMBIGUOUS, encoding="utf-8")
    before = files(tmp_path)
    chosen = ["--config", f"study={study.name}"]
    project.snakemake(*chosen)
    project.snakemake(*chosen, "--report", "results/hostile/snakemake.html")
    status, _, errors = call(project, "report", study.name)
    assert (status, errors) == (0, [])

    results = project.folder / "results"
    made = files(tmp_path) - before
    assert made
    assert all(path == results or results in path.parents for path in made)
    assert not list(tmp_path.rglob("pwned*"))
    page = (results / "hostile" / "figures" / "exponents-table.html").read_text(encoding="utf-8")
    assert page.count(html.escape(TITLE)) == 2
    reports = [results / "hostile" / name for name in ("report.html", "snakemake.html")]
    ours, theirs = (path.read_text(encoding="utf-8") for path in reports)
    assert ours.count(html.escape(TITLE)) == 2 and html.escape(HEADING) in ours
    assert Page(reports[0]).dead() == []
    for text in (page, ours, theirs):
        assert "<script>alert(" not in text
        assert "<img src=x" not in text
    figures = [
        path
        for folder in ("figures", "theory")
        for path in (results / "hostile" / folder).iterdir()
        if path.name != ".snakemake_timestamp"
    ]
    assert len(figures) == 2 * 5 + 1
    assert all(path.stat().st_size > 1000 for path in figures)


@pytest.mark.slow
def test_settings_that_run_code_are_refused_before_snakemake_reads_them(tmp_path: Path) -> None:
    project = Project(ROOT).copy(tmp_path, results=False)
    for text, line in (
        ("!!python/object/apply:os.system ['touch pwned']", "config/config.yaml: not valid YAML: "),
        ("study: 2001-99-99", "config/config.yaml: not valid YAML: month must be in 1..12"),
        ("study: x\nthreads: 010", "config/config.yaml: '010' (line 2): YAML reads a number"),
        ("device: $(touch pwned)", "config/config.yaml: study: Field required"),
    ):
        (tmp_path / "config" / "config.yaml").write_text(text, encoding="utf-8")
        done = project.snakemake("-n", check=False)
        assert done.returncode != 0
        assert done.stderr.startswith(line)
        assert len(done.stderr.splitlines()) == 1
        assert not list(tmp_path.rglob("pwned*"))
