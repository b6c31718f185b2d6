"""A block trained in parts, for want of memory, is the block."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from conftest import TINY, Project
from rhm_scaling.core.errors import UserError
from rhm_scaling.steps.files import write_rows
from rhm_scaling.steps.products import train_block
from rhm_scaling.study.artifacts import Product
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import load_study

TIMING = ["seconds", "pack"]


@pytest.fixture
def swept(project: Project) -> Product:
    """A block of four: two rule draws at two learning rates."""
    plan = Plan(load_study(project.folder / TINY))
    return next(block for curve, block in plan.blocks if curve.architecture == "swept")


@pytest.fixture
def again(project: Project, swept: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the block once more, beside the stored one; its files by role, and the log."""
    monkeypatch.chdir(project.folder)

    def make(pack: int | None = None) -> tuple[dict[str, Path], list[str]]:
        lines: list[str] = []
        outputs = {
            role: tmp_path / Path(path).name
            for role, path in swept.files.items()
            if role != "record"
        }
        inputs = {role: Path(path) for role, path in swept.sources.items()}
        specification = json.loads(swept.json)
        train_block.make(specification, inputs, outputs, pack=pack, log=lines.append)
        return outputs, lines

    return make


def assert_equals_the_stored(project: Project, swept: Product, made: dict[str, Path]) -> None:
    stored = {role: project.folder / path for role, path in swept.files.items()}
    for role in ("runs", "history"):
        one, other = (pd.read_csv(files[role]) for files in (stored, made))
        columns = [column for column in one.columns if column not in TIMING]
        pd.testing.assert_frame_equal(one[columns], other[columns], check_exact=True)
    one, other = (load_file(files["weights"]) for files in (stored, made))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_parts_make_the_same_block(project: Project, swept: Product, again: Any) -> None:
    made, lines = again(pack=3)
    assert_equals_the_stored(project, swept, made)
    assert list(pd.read_csv(made["runs"])["pack"]) == [3, 3, 3, 1]
    assert lines[0].endswith("4 replicas do not fit into the memory given; 3 at a time")


def test_a_block_that_outgrows_the_memory_is_halved_under_way(
    project: Project, swept: Product, again: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = train_block.train

    def hungry(network: Any, *rest: Any) -> Any:
        if len(next(network.parameters())) > 1:
            torch.empty(2**50)  # more than any machine has: PyTorch's own error
        return real(network, *rest)

    monkeypatch.setattr(train_block, "train", hungry)
    made, lines = again()
    assert_equals_the_stored(project, swept, made)
    assert list(pd.read_csv(made["runs"])["pack"]) == [1, 1, 1, 1]
    assert lines[0].endswith("4 replicas do not fit into memory; 2 at a time")


def test_not_even_one_network_fits(again: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"not even one network fits .* set memory_mb"):
        again(pack=0)
    monkeypatch.setattr(train_block, "train", lambda *_: torch.empty(2**50))
    with pytest.raises(MemoryError):  # which the command line tells in a line
        again(pack=1)


def test_another_error_is_not_taken_for_want_of_memory(
    again: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_block, "train", lambda *_: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match=r"size|dot"):
        again()


def test_rows_are_written_as_pandas_would(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": 0.1 + 0.2, "c": "x,y"}, {"a": 2, "b": math.nan, "c": ""}]
    write_rows(tmp_path / "rows.csv", rows)
    assert (tmp_path / "rows.csv").read_text() == pd.DataFrame(rows).to_csv(index=False)
