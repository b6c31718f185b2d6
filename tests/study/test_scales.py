"""One study in several sizes: merge patches, names, errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import ROOT
from rhm_scaling.core.errors import UserError
from rhm_scaling.run.clean import referred
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study, parse_study, scales, split_scale

STUDY = """
name: small
title: Small
grammars:
  g: {v: 4, L: 2, m: {1: 2, 2: 3}}
  h: {v: 4, L: 2, m: 2}
architectures:
  cnn: {kind: cnn, width: 8, optimizer: {kind: sgd, lr: 0.5}}
experiments:
  e: {task: last_token, grammars: [g, h], architectures: [cnn], train_sizes: [8, 16]}
scales:
  large:
    grammars: {g: {v: 8, m: 4}, h: null}
    experiments: {e: {grammars: [g], train_sizes: {largest: 4096}, title: null}}
  same: {}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "s.yaml"
    file.write_text(STUDY)
    return file


def at(path: Path, scale: str) -> Path:
    return path.with_name(f"{path.name}:{scale}")


def test_a_scale_is_merged_into_the_study(path: Path) -> None:
    plain, large = load_study(path), load_study(at(path, "large"))
    assert (plain.name, large.name) == ("small", "small-large")
    assert list(plain.grammars) == ["g", "h"]
    assert list(large.grammars) == ["g"]
    assert large.grammars["g"].parameters().m == (4, 4)
    assert large.grammars["g"].parameters().v == (8, 8)
    assert large.architectures == plain.architectures
    assert not isinstance(large.experiments["e"].train_sizes, list)
    assert large.experiments["e"].train_sizes.largest == 4096
    assert large.title == "Small"


def test_a_study_knows_nothing_of_scales_that_were_not_chosen(path: Path) -> None:
    before = Plan(load_study(path)).resolved()
    path.write_text(STUDY.replace("largest: 4096", "largest: 2048"))
    assert Plan(load_study(path)).resolved() == before
    assert "large" not in str(before)


def test_equal_scales_share_all_products(path: Path) -> None:
    assert Plan(load_study(path)).products == Plan(load_study(at(path, "same"))).products


def test_a_file_of_that_very_name_is_no_scale(path: Path) -> None:
    other = at(path, "large")
    other.write_text(STUDY.replace("name: small", "name: other"))
    assert split_scale(other) == (other, "")
    assert load_study(other).name == "other"


@pytest.mark.parametrize(
    ("old", "new", "scale", "message"),
    [
        ("", "", "huge", r"scales: no 'huge' defined; known: 'large', 'same'"),
        ("  same: {}", "  same: 3", "", r"scales: needs names, and the keys"),
        ("h: null", "i: {v: 1, L: 1, m: 1}", "large", r"grammars\.i\.v: "),
        (
            "{e: {grammars: [g]",
            "{e: {grammars: [h]",
            "large",
            r"e\.grammars: no 'h' defined; known: g",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(old: str, new: str, scale: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as told:
        parse_study(STUDY.replace(old, new), "s.yaml", scale=scale)
    assert "\n" not in str(told.value)


def test_every_scale_of_every_shipped_study_is_valid() -> None:
    found = 0
    for path in sorted((ROOT / "config" / "studies").glob("*.yaml")):
        for scale in scales(path):
            found += bool(scale)
            study = load_study(at(path, scale) if scale else path)
            assert study.name.endswith(scale)
    assert found >= 9


def test_products_of_all_scales_are_kept(path: Path, tmp_path: Path) -> None:
    (tmp_path / "config" / "studies").mkdir(parents=True)
    path.rename(tmp_path / "config" / "studies" / "s.yaml")
    kept = {str(file) for file in referred(tmp_path)}
    assert any("grammars/v8" in file for file in kept)
    assert any("grammars/v4" in file for file in kept)
