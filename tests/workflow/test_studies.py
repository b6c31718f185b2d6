"""Several studies in one graph, a workflow that imports this one, and what the catalog needs."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, TINY, Project, environment, labels_only
from rhm_scaling.run.machine import Machine, settings_schema

pytestmark = pytest.mark.slow
STUDIES = "config/studies/one.yaml,config/studies/two.yaml"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two studies, run as one graph: the second has the cells of the first and one size more."""
    made = Project(ROOT).copy(tmp_path_factory.mktemp("pair"), results=False)
    labels_only(made, "one", ("[16, 32, 64, 128]", "[16, 32]"))
    labels_only(made, "two", ("[16, 32, 64, 128]", "[16, 32, 64]"))
    planned = made.planned(study=STUDIES)
    # two rule draws, each of three sets; a block a size, of which two are shared
    assert planned["draw_grammar"] == 2 and planned["sample_sentences"] == 6
    assert planned["train_block"] == 3
    assert planned["gather_runs"] == planned["draw_figures"] == 2
    made.snakemake("--quiet", "all", "--config", f"study={STUDIES}")
    return made


def test_several_studies_are_one_run(pair: Project) -> None:
    assert pair.planned(study=STUDIES) == {}
    for name in ("one", "two"):
        assert pair.planned(study=f"config/studies/{name}.yaml") == {}
        folder = pair.folder / "results" / name
        assert json.loads((folder / "study.json").read_text(encoding="utf-8"))["file"]
        assert (folder / "figures" / "exponents-table.html").is_file()
    rows = [(pair.folder / "results" / name / "runs.csv").read_text() for name in ("one", "two")]
    products = [{line.rsplit(",", 1)[1] for line in text.splitlines()[1:]} for text in rows]
    assert products[0] < products[1]
    logs = [*(pair.folder / "results" / "logs" / "models").rglob("*.log")]
    assert len(logs) == 3
    assert all(log.read_text(encoding="utf-8").count("made in ") == 1 for log in logs)


def test_the_rule_graph_shows_the_stages(pair: Project) -> None:
    study = ("--config", f"study={TINY}")
    graph = pair.snakemake("--rulegraph", *study).stdout
    names = dict(line.split('[label = "') for line in graph.splitlines() if "label" in line)
    label = {number.strip(): text.split('"')[0] for number, text in names.items()}
    arrows = {
        tuple(label[end.strip()] for end in line.split("->"))
        for line in graph.splitlines()
        if "->" in line
    }
    chain = (
        *("draw_grammars", "sample_datasets", "train_networks", "gather_runs"),
        *("aggregate_curves", "fit_curves", "draw_figures", "everything"),
    )
    assert set(itertools.pairwise(chain)) <= arrows


def test_two_studies_of_one_name_are_refused(pair: Project) -> None:
    one = pair.folder / "config" / "studies" / "one.yaml"
    copy = one.with_name("copy.yaml")
    shutil.copyfile(one, copy)
    both = "study=config/studies/one.yaml,config/studies/copy.yaml"
    done = pair.snakemake("-n", "--config", both, check=False)
    line = "config/studies/copy.yaml: name: 'one' is also the name of config/studies/one.yaml"
    assert done.returncode != 0 and line in done.stderr + done.stdout
    # in another run: what is there is not overwritten
    before = (pair.folder / "results" / "one" / "runs.csv").read_bytes()
    copy.write_text(one.read_text(encoding="utf-8").replace("[16, 32]", "[32]"), encoding="utf-8")
    done = pair.snakemake("--config", "study=config/studies/copy.yaml", check=False)
    assert done.returncode != 0
    assert f"{line}, whose results are in results/one; take another name" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert (pair.folder / "results" / "one" / "runs.csv").read_bytes() == before


def test_figures_that_a_study_no_longer_makes_go(pair: Project) -> None:
    text = (pair.folder / "config" / "studies" / "one.yaml").read_text(encoding="utf-8")
    renamed = text.replace("  labels:\n", "  classes:\n").replace("name: one", "name: three")
    path = pair.folder / "config" / "studies" / "three.yaml"
    for content in (text.replace("name: one", "name: three"), renamed):
        path.write_text(content, encoding="utf-8")
        pair.snakemake("--quiet", "all", "--config", "study=config/studies/three.yaml")
    figures = {known.name for known in (pair.folder / "results" / "three" / "figures").iterdir()}
    assert {"learning_curves-classes.pdf", "learning_curves-classes.png"} <= figures
    assert not [name for name in figures if "labels" in name]


def test_claims_are_one_run_of_nine_studies(pair: Project) -> None:
    planned = pair.planned("claims")
    assert planned["decide_claim"] == planned["draw_figures"] == 9
    assert planned["write_claims_page"] == planned["claims"] == 1


MODULE = """
module rhm:
    snakefile: "{snakefile}"
    config: {{"study": "mine.yaml"}}

use rule * from rhm as rhm_*

rule mine:
    input: "results/one/fits.csv",
    output: "mine.csv",
    default_target: True
    shell: "cp {{input}} {{output}}"
"""


def test_another_workflow_imports_this_one(pair: Project, tmp_path: Path) -> None:
    shutil.copyfile(pair.folder / "config" / "studies" / "one.yaml", tmp_path / "mine.yaml")
    snakefile = pair.folder / "workflow" / "Snakefile"
    (tmp_path / "Snakefile").write_text(MODULE.format(snakefile=snakefile), encoding="utf-8")
    other = Project(tmp_path)
    done = other.snakemake("--quiet", "rules")
    mine = (tmp_path / "mine.csv").read_text(encoding="utf-8")
    assert mine == (pair.folder / "results" / "one" / "fits.csv").read_text(encoding="utf-8")
    assert (tmp_path / "results" / "one" / "study.json").is_file()
    assert "rhm_train_networks" in done.stdout + done.stderr
    assert "not present in the Snakefile" not in done.stdout + done.stderr
    again = other.snakemake("-n")
    assert "Nothing to be done" in again.stdout + again.stderr


def test_the_catalog_finds_what_it_needs() -> None:
    described = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text("utf-8"))
    assert described["usage"]["software-stack-deployment"]["conda"] is True
    assert (ROOT / "workflow" / "Snakefile").is_file()
    assert (ROOT / "config" / "README.md").is_file()
    schema = (ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text(encoding="utf-8")
    assert schema == settings_schema()
    for folder in (ROOT, ROOT / ".test"):
        Machine.from_settings(
            yaml.safe_load((folder / "config" / "config.yaml").read_text("utf-8"))
        )


def test_the_catalogs_test_folder_has_a_rule_graph(pair: Project) -> None:
    shutil.copytree(ROOT / ".test", pair.folder / ".test", ignore=lambda *_: {"results"})
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"),
            *("--directory", ".test", "--rulegraph"),
        ],
        cwd=pair.folder,
        env=environment(pair),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "train_networks" in done.stdout
