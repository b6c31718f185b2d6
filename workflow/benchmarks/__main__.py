"""``python -m benchmarks [NAME]`` prints them; ``calibrate`` instead, this machine's rates."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rhm_scaling.core.files import write_text

from . import (
    cost,
    graph,
    inference,
    online_batches,
    planning,
    precision,
    protocols,
    repeats,
    sampler,
    training,
)


def main(*names: str) -> None:
    """Measure inference, sampler, training, planning and so on, or only modules of some names."""
    names = tuple(f"benchmarks.{name}" for name in names)
    parts: dict[str, Callable[[], Any]] = {
        (inference.__doc__ or ""): inference.measure,
        (sampler.__doc__ or ""): sampler.measure,
        (training.__doc__ or ""): training.measure,
        (repeats.__doc__ or ""): repeats.measure,
        (online_batches.__doc__ or ""): online_batches.measure,
        (cost.__doc__ or ""): lambda: cost.predictions(cost.calibrate()),
        (cost.growth.__doc__ or ""): cost.growth,
        (planning.__doc__ or ""): planning.measure,
        (protocols.__doc__ or ""): protocols.measure,
        (precision.__doc__ or ""): precision.measure,
        (precision.coverage.__doc__ or ""): precision.coverage,
        (graph.__doc__ or ""): graph.measure,
    }
    if torch.cuda.is_available():
        parts |= {
            f"On a GPU. {training.__doc__}": lambda: training.measure("cuda"),
            f"On a GPU. {cost.__doc__}": lambda: cost.predictions(cost.calibrate("cuda"), "cuda"),
        }
    wanted = {title: part for title, part in parts.items() if not names or part.__module__ in names}
    for title, measure in wanted.items():
        print(title.splitlines()[0])
        table = measure().to_string(index=False, float_format="{:.2f}".format, na_rep="-")
        print(table, flush=True)


def calibrate() -> None:
    """Measure this machine's rates, from which times are estimated; a minute or two."""
    path = Path("results", "machine.json")
    write_text(path, cost.calibrate().json())
    print(f"{path}: {path.read_text(encoding='utf-8')}", end="")


if __name__ == "__main__":
    calibrate() if sys.argv[1:] == ["calibrate"] else main(*sys.argv[1:])
