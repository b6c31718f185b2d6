"""Each job has a GPU to itself, for as long as it lives; no GPU is needed to see that."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from conftest import ROOT
from rhm_scaling.cli import jobs as cli
from rhm_scaling.core.errors import UserError
from rhm_scaling.run import gpus

JOB = """
import sys
from rhm_scaling.run.gpus import claim
visible, *uuids = sys.argv[1:]
print(claim(uuids, visible, lambda line: print(line, flush=True)), flush=True)
sys.stdin.read()
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a job that takes a GPU and has it until its input ends."""
    with contextlib.ExitStack() as jobs:

        def begin(*uuids: str, visible: str = "") -> subprocess.Popen[str]:
            job = subprocess.Popen(
                [sys.executable, "-c", JOB, visible, *uuids],
                env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT / "workflow")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            jobs.enter_context(job)
            jobs.callback(job.kill)
            return job

        yield begin


def said(job: subprocess.Popen[str]) -> str:
    assert job.stdout is not None
    return job.stdout.readline().rstrip("\n")


@pytest.mark.parametrize("end", ["ends", "is killed"])
def test_jobs_have_gpus_of_their_own_and_one_too_many_waits(end: str, start: Start) -> None:
    first = start("a", "b")
    assert (said(first), said(first)) == ("has GPU 0 (a)", "0")
    second = start("a", "b")
    assert (said(second), said(second)) == ("has GPU 1 (b)", "1")
    third = start("a", "b")
    assert said(third) == "waits for a GPU; all 2 are taken by other jobs"
    told = []
    waiting = threading.Thread(target=lambda: told.append((said(third), said(third))))
    waiting.start()
    waiting.join(2.5)
    assert waiting.is_alive()
    if end == "ends":
        second.communicate()
    else:
        second.kill()
    waiting.join(20)
    assert told == [("has GPU 1 (b)", "1")]


def test_a_gpu_is_the_same_whatever_its_index(start: Start) -> None:
    # as a scheduler shows them: each job counts its own from zero
    for uuids in (["c"], ["b"], ["b", "c", "a"]):
        index = len(uuids) - 1
        assert said(start(*uuids)) == f"has GPU {index} ({uuids[index]})"


def test_parts_of_a_gpu_are_told_apart_by_their_names(start: Start) -> None:
    for part in ("MIG-1", "MIG-GPU-2/1/0"):
        assert said(start("whole", visible=part)) == f"has GPU 0 ({part})"
    assert said(start("whole", visible="MIG-1")).startswith("waits")


def test_a_job_computes_on_the_gpu_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(gpus, "_mine", {})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"uuid-{index}")
    )
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    lines: list[str] = []
    assert cli._torch("cpu", 1, lines.append) == "cpu"
    assert not chosen
    assert cli._torch("auto", 1, lines.append) == "cuda"
    assert cli._torch("cuda", 1, lines.append) == "cuda"  # no index: a table says what kind it was
    assert chosen == [0, 0]  # a batch is one process
    assert lines == ["has GPU 0 (uuid-0)"]
    monkeypatch.setattr(gpus, "_mine", {})  # as in another process
    assert cli._torch("cuda", 1, lines.append) == "cuda"
    assert chosen == [0, 0, 1]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cli._torch("auto", 1, lines.append) == "cpu"
    with pytest.raises(UserError, match="PyTorch finds no GPU here"):
        cli._torch("cuda", 1, lines.append)


def test_locks_need_no_torch() -> None:
    code = f"import sys, {gpus.__name__}; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
