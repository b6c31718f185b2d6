"""The archive of a study: complete, the same every time, valid, and safe to unpack."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest
from requests_cache import CachedRequest, CachedResponse, CachedSession
from rocrate_validator import services

from conftest import ROOT, TINY, Project, environment
from helpers.forked import run_module
from helpers.repository import git
from rhm_scaling.core.errors import UserError
from rhm_scaling.publish import reproduce
from rhm_scaling.publish.archive import FACTS, MANIFEST, Finished, _named
from rhm_scaling.publish.crate import METADATA
from rhm_scaling.publish.unpacking import Archive
from rhm_scaling.run.status import Status
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

ZIP = Path("results", "tiny", "tiny.crate.zip")


def archived(folder: Path, *arguments: str, check: bool = True) -> str:
    """Archive the tiny study of a folder; what is printed."""
    there = environment(Project(folder))
    done = run_module("rhm_scaling", ["archive", TINY, *arguments], folder, there)
    assert (done.returncode == 0) == check, done.stdout + done.stderr
    return done.stdout if check else done.stderr


@pytest.fixture(scope="module")
def finished(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole project under version control, in which the tiny study is finished and archived."""
    folder = tmp_path_factory.mktemp("archived") / "project"
    left = shutil.ignore_patterns(".snakemake", "__pycache__")
    shutil.copytree(project.folder, folder, ignore=left)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=left)
    for extra in (folder / "config" / "studies").iterdir():
        if not (ROOT / "config" / "studies" / extra.name).exists():
            extra.unlink()  # of other tests
    for name in (
        "CITATION.cff",
        "LICENSE",
        "README.md",
        "Makefile",
        "pyproject.toml",
        ".gitignore",
    ):
        shutil.copy(ROOT / name, folder)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "as it was run")
    archived(folder)
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copytree(finished, tmp_path / "elsewhere"))


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_archives_of_the_same_results_have_the_same_bytes(finished: Path, copy: Path) -> None:
    for path in copy.rglob("*"):  # another place, other times and permissions
        if path.is_file() and ".git" not in path.relative_to(copy).parts:
            os.utime(path, (10**9, 10**9))
            path.chmod(path.stat().st_mode | stat.S_IWGRP)
    archived(copy, "--output", "again.zip")
    assert (copy / "again.zip").read_bytes() == (finished / ZIP).read_bytes()


def test_all_that_a_paper_needs_is_there(finished: Path) -> None:
    there = contents(finished / ZIP)
    assert list(there) == sorted(there)
    lines = there[MANIFEST].decode().splitlines()
    assert lines == [
        f"{hashlib.sha256(there[name]).hexdigest()}  {name}" for name in there if name != MANIFEST
    ]
    for name in git(finished, "ls-files").splitlines():
        assert there[name] == (finished / name).read_bytes()
    for path in sorted((finished / "results").rglob("*")):
        name = path.relative_to(finished).as_posix()
        mine = path != finished / ZIP and path.is_file() and not path.name.startswith(".")
        told = {"logs", "benchmarks", "batches", "locks"} & {*path.parts} or path.suffix in (
            ".npy",
            ".lock",
        )
        if not mine or told:
            continue
        if re.fullmatch(r".*-[0-9a-f]{12}\.json", path.name) and path.parent.name == "stages":
            order = json.loads(path.read_text(encoding="utf-8"))
            assert order.pop("planned") and json.loads(there[name]) == order
        else:
            assert there[name] == path.read_bytes(), name
    assert not [name for name in there if name.endswith(".npy")]
    assert [name for name in there if "/sentences/" in name]
    facts = json.loads(there[FACTS])
    assert facts["code"] == {"commit": git(finished, "rev-parse", "HEAD").strip(), "changed": []}
    assert "uncommitted.patch" not in there
    assert facts["diverged"] == 0
    assert facts["replicas"] == there["results/tiny/runs.csv"].count(b"\n") - 1
    assert facts["installed"]["torch"] and facts["versions"] and facts["machines"]
    assert facts["core_seconds"] > 1
    for name in (FACTS, METADATA, "results/tiny/study.json"):
        assert str(finished).encode() not in there[name]


def test_sentences_are_included_when_asked_for(finished: Path) -> None:
    archived(finished, "--datasets", "--output", "whole.zip")
    there = contents(finished / "whole.zip")
    (finished / "whole.zip").unlink()
    found = sorted((finished / "results" / "store" / "sentences").rglob("*.npy"))
    assert found
    for path in found:
        assert there[path.relative_to(finished).as_posix()] == path.read_bytes()


def test_a_damaged_product_is_refused(copy: Path) -> None:
    path = min((copy / "results" / "store" / "models").rglob("weights.safetensors"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    before = (copy / ZIP).read_bytes()
    error = archived(copy, check=False)
    assert error.count("\n") == 1
    assert str(path.relative_to(copy)) in error and "SHA-256" in error
    assert (copy / ZIP).read_bytes() == before


def test_an_incomplete_study_is_refused(copy: Path) -> None:
    (copy / "results" / "tiny" / "fits.csv").unlink()
    assert archived(copy, check=False) == (
        f"rhm_scaling: {TINY}: is not complete; first run `make run STUDY={TINY}`\n"
    )


def test_uncommitted_changes_are_recorded(copy: Path) -> None:
    with (copy / "README.md").open("a", encoding="utf-8") as file:
        file.write("more\n")
    (copy / "config" / "studies" / "new.yaml").write_text("name: new\n", encoding="utf-8")
    (copy / "config" / "schema.json").unlink()
    archived(copy)
    there = contents(copy / ZIP)
    assert json.loads(there[FACTS])["code"]["changed"] == [
        " M README.md",
        " D config/schema.json",
        "?? config/studies/new.yaml",
    ]
    assert there["config/studies/new.yaml"] == b"name: new\n"
    assert "config/schema.json" not in there
    # the patch leads from the commit to the archived code
    git(copy, "checkout", "-q", "--", ".")
    (copy / "p").write_bytes(there["uncommitted.patch"])
    git(copy, "apply", "p")
    assert (copy / "README.md").read_bytes() == there["README.md"]
    assert not (copy / "config" / "schema.json").exists()


def test_without_git_the_archive_says_so(finished: Path, copy: Path) -> None:
    shutil.rmtree(copy / ".git")
    (copy / "workflow" / "__pycache__").mkdir()
    (copy / "workflow" / "__pycache__" / "x.pyc").write_bytes(b"")
    git(copy.parent, "init", "-q")  # somebody else's repository around it
    archived(copy)
    there = contents(copy / ZIP)
    assert json.loads(there[FACTS])["code"]["commit"] is None
    assert set(there) == set(contents(finished / ZIP))


def test_an_unpacked_archive_has_nothing_to_do(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    archive = Archive(finished / ZIP)
    assert archive.unpack(folder) == len(contents(finished / ZIP))
    assert archive.study == TINY
    assert Project(folder).planned() == {}
    python = Path(sys.executable)
    reproduce.nothing_to_do(folder, archive.study, python)
    min((folder / "results" / "store" / "models").rglob("runs.csv")).unlink()
    with pytest.raises(UserError, match="not everything is there"):
        reproduce.nothing_to_do(folder, archive.study, python)


def test_a_copy_to_run_again_has_no_results(finished: Path, tmp_path: Path) -> None:
    Archive(finished / ZIP).unpack(tmp_path / "again", results=False)
    assert (tmp_path / "again" / TINY).is_file()
    assert not (tmp_path / "again" / "results").exists()


def test_nothing_is_unpacked_over_other_files(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="is not empty"):
        Archive(finished / ZIP).unpack(tmp_path)
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "mine"


def test_a_study_from_elsewhere_gets_a_place(tmp_path: Path) -> None:
    def named(grammar: str) -> dict[str, Path]:
        text = (ROOT / TINY).read_text(encoding="utf-8")
        text = text.replace("small: {v: 6, s: 2, L: 2, m: 2}", f"small: {{file: {grammar}}}")
        # a file is a single rule draw
        path = tmp_path / "mine.yaml"
        path.write_text(text.replace("{rule_draws: 2}", "{rule_draws: 1}"), encoding="utf-8")
        plan = Plan(load_study(path))
        return _named(Finished(path, plan, Status(plan, root=tmp_path)), ROOT)

    rules = '{"v": 2, "rules": {"1": [[[0, 1]], [[1, 0]]], "2": [[[0, 1]], [[1, 1]]]}}'
    (tmp_path / "rules").mkdir()
    for path in (tmp_path / "rules" / "g.json", tmp_path.parent / "outside.json"):
        path.write_text(rules, encoding="utf-8")
    assert named("rules/g.json") == {
        "config/studies/mine.yaml": tmp_path / "mine.yaml",
        "config/studies/rules/g.json": tmp_path / "rules" / "g.json",
    }
    with pytest.raises(UserError, match="copy it beside the study"):
        named(str(tmp_path.parent / "outside.json"))


# The context of RO-Crate 1.1 is not on this disk; that of 1.3, which the library rocrate brings,
# has all its terms. Those that moved are put back.
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
MOVED = {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": "https://bioschemas.org/ComputationalWorkflow#input",
    "output": "https://bioschemas.org/ComputationalWorkflow#output",
}


def problems(folder: Path, cache: Path) -> list[str]:
    """What the validator of the profile finds, without a network: contexts are in its cache."""
    context = json.loads(files("rocrate").joinpath("data", "ro-crate.jsonld").read_text())
    context["@context"].update(MOVED)
    with CachedSession(str(cache), backend="sqlite", expire_after=-1) as session:
        answer = CachedResponse(
            status_code=200,
            url=CONTEXT,
            content=json.dumps(context).encode(),
            headers={"Content-Type": "application/ld+json"},
            request=CachedRequest(method="GET", url=CONTEXT),
        )
        session.cache.save_response(answer)
    settings = {
        "rocrate_uri": str(folder),
        "profile_identifier": "workflow-run-crate-0.5",
        "requirement_severity": "REQUIRED",
        "cache_path": cache,
        "offline": True,
    }
    result = services.validate(settings)
    found = [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()]
    assert result.passed() == (not found)
    return found


def test_the_description_is_a_valid_workflow_run_crate(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "crate"
    Archive(finished / ZIP).unpack(folder)
    assert problems(folder, tmp_path / "cache") == []
    description = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    entities = {known["@id"]: known for known in description["@graph"]}
    for known in entities.values():
        if "contentSize" in known:
            content = (folder / known["@id"]).read_bytes()
            assert known["contentSize"] == str(len(content))
            assert known["sha256"] == hashlib.sha256(content).hexdigest()
    assert entities["#run"]["endTime"] > entities["#run"]["startTime"]
    cited = [known["@id"] for known in entities["./"]["citation"]]
    assert cited == ["https://arxiv.org/abs/2505.07067", "https://arxiv.org/abs/2505.07070"]
    # the check can fail
    entities["#run"]["instrument"] = {"@id": "README.md"}
    del entities["Snakefile"]["programmingLanguage"]
    (folder / METADATA).write_text(json.dumps(description), encoding="utf-8")
    found = " ".join(problems(folder, tmp_path / "cache"))
    assert "instrument" in found and "programmingLanguage" in found


def test_only_the_report_of_these_tables_is_archived(copy: Path) -> None:
    report = copy / "results" / "tiny" / "report.html"
    record = copy / "results" / "tiny" / "stages" / "report.record.json"
    whole, kept = report.read_bytes(), record.read_text(encoding="utf-8")
    unknown = (
        "results/tiny/report.html: is not known to show these tables and figures; make it again"
    )
    report.write_bytes(whole + b"<!-- more -->")
    assert unknown in archived(copy, check=False)
    report.write_bytes(whole[:-1] + b"x")
    assert "results/tiny/report.html: damaged (its SHA-256" in archived(copy, check=False)
    report.write_bytes(whole)
    record.unlink()
    assert unknown in archived(copy, check=False)
    record.write_text(kept, encoding="utf-8")
    assert set(json.loads(kept)["specification"]) == {"study", "shows"}
    report.unlink()  # none is none
    archived(copy, "--output", "without.zip")
    assert not [name for name in contents(copy / "without.zip") if name.endswith("report.html")]
