"""Fingerprints follow the meaning of the code that really makes a product."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rhm_scaling import provenance
from rhm_scaling.architectures import kinds

Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Work on a copy of the package; edits replace text in one of its modules."""
    copy = tmp_path / provenance.PACKAGE.name
    shutil.copytree(provenance.PACKAGE, copy)
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    clear()

    def change(module: str, old: str, new: str) -> None:
        path = copy / f"{module}.py"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        clear()

    yield change
    clear()


def clear() -> None:
    provenance.fingerprint.cache_clear()
    provenance._read.cache_clear()


def prints() -> dict[str, str]:
    stages = ["grammars", "sentences", "exact", "theory", "runs", "curves", "fits", "scaling"]
    stages.append("figures")
    found = {stage: provenance.fingerprint(f"stages.{stage}") for stage in stages}
    for kind in kinds():
        found[kind] = provenance.fingerprint("stages.models", f"models.{kind}")
    return found


def changed(before: dict[str, str]) -> set[str]:
    return {name for name, value in prints().items() if value != before[name]}


MODELS = set(kinds())


@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        ("grammar", "# Above this many", "# Over this many", set()),
        ("sampling", '"""The first `size` sentences, a chunk at a time."""', '"""Some."""', set()),
        ("models/cnn", "def layers(self, ", "def layers( self, ", set()),
        ("models/cnn", ".relu_()", ".tanh_()", {"cnn"}),
        ("scaling", "_MOST_STEPS = 24", "_MOST_STEPS = 25", {"scaling", "figures"}),
        ("models/transformer", "self.up, self.down)", "self.up, -self.down)", {"transformer"}),
        ("models/lcn", ".relu_()", ".tanh_()", {"lcn"}),
        ("models/layers", "tril(-1)", "tril(-2)", MODELS),
        ("training", "_FIRST_EVALUATION = 8", "_FIRST_EVALUATION = 16", MODELS),
        ("figures", "Agg", "agg", {"figures"}),
        ("fitting", "HUBER = 0.1", "HUBER = 0.2", {"fits", "scaling", "figures"}),
        ("sampling", "CHUNK = 4096", "CHUNK = 8192", {"sentences", "theory", *MODELS}),
        ("products", "2**10", "2**11", set()),
        ("config", "= 2048", "= 4096", set()),
        ("cli", "default=1", "default=2", set()),
    ],
)
def test_what_an_edit_touches(
    edit: Edit, module: str, old: str, new: str, expected: set[str]
) -> None:
    before = prints()
    edit(module, old, new)
    assert changed(before) == expected


def test_changing_back_gives_the_same_fingerprint(edit: Edit) -> None:
    before = prints()
    edit("models/cnn", ".relu_()", ".tanh_()")
    edit("models/cnn", ".tanh_()", ".relu_()")
    assert changed(before) == set()


def test_a_helper_imported_inside_a_function_counts(edit: Edit) -> None:
    edit("fitting", "def mean_curve(", "def unused():\n    from . import theory\n\ndef mean_curve(")
    before = prints()
    edit("theory", "- 1 > 1e-12", "- 1 > 1e-13")
    assert "fits" in changed(before)


def test_an_unknown_module_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no module 'stages\.nothing'"):
        provenance.fingerprint("stages.nothing")


def test_seeds_and_identities_do_not_depend_on_order() -> None:
    assert provenance.identity({"a": 1, "b": 2}) == provenance.identity({"b": 2, "a": 1})
    assert provenance.seed_from("x", {"a": 1, "b": 2}) == provenance.seed_from(
        "x", {"b": 2, "a": 1}
    )
    assert provenance.seed_from("x", 1) != provenance.seed_from("y", 1)


def test_files_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    provenance.write_text(path, "old")

    def fail(aside: Path) -> None:
        aside.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        provenance.write_aside(path, fail)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(path.parent.iterdir()) == [path]


def test_unchanged_text_keeps_its_time_stamp(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    assert provenance.write_if_changed(path, "one")
    stamp = path.stat().st_mtime_ns
    assert not provenance.write_if_changed(path, "one")
    assert path.stat().st_mtime_ns == stamp
    assert provenance.write_if_changed(path, "two")
