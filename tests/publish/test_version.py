"""A commit is named only if it is this folder's; where there is none, the reason is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from helpers.repository import git
from rhm_scaling.publish.version import code_files, version


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "workflow").mkdir(parents=True)
    (root / "workflow" / "a.py").write_text("a = 1\n", encoding="utf-8")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    return root


def note(root: Path) -> str:
    found = version(root)
    assert found.commit is None and not found.patch
    return str(found.summary()["note"])


def test_a_commit_is_this_folders_whatever_the_environment_says(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = git(repository, "rev-parse", "HEAD").strip()
    other = tmp_path / "other"
    shutil.copytree(repository, other)
    (other / "workflow" / "a.py").write_text("a = 2\n", encoding="utf-8")
    git(other, "commit", "-qam", "second")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repository))
    assert version(repository).summary() == {"commit": mine, "changed": []}
    plain = tmp_path / "plain"
    plain.mkdir()
    assert note(plain) == "not a git repository: no version but the files"
    inside = repository / "copy"
    inside.mkdir()
    assert note(inside) == "inside another git repository: no version but the files"


def test_a_users_settings_of_git_change_nothing(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "workflow" / "a.py").write_text("a = 2\n", encoding="utf-8")
    (repository / "workflow" / "b.py").write_text("b = 1\n", encoding="utf-8")
    plain, files = version(repository), code_files(repository)
    home = tmp_path / "home"
    home.mkdir()
    (home / "ignored").write_text("*.py\n", encoding="utf-8")
    (home / ".gitconfig").write_text(
        f"[core]\nexcludesFile = {home}/ignored\n[diff]\nnoprefix = true\nexternal = false\n"
        "[color]\nui = always\n[status]\nshowUntrackedFiles = no\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("HOME", str(home))
    assert version(repository) == plain
    assert code_files(repository) == files == ["workflow/a.py", "workflow/b.py"]
    assert plain.changed == [" M workflow/a.py", "?? workflow/b.py"]
    assert b"a/workflow/a.py b/workflow/a.py" in plain.patch


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert note(tmp_path) == "a git repository without a commit: no version but the files"


def test_where_there_is_no_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert note(repository) == "git is not installed here: no version but the files"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_another_user(repository: Path) -> None:
    for path in [repository, *repository.rglob("*")]:
        os.chown(path, 12345, 12345)
    assert note(repository).startswith("a git repository of another user, which git does not trust")
