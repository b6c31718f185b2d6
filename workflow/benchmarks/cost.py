"""The cost model: its predictions against measured steps, and how cost grows along every axis."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.optimize import nnls

from rhm_scaling.architecture.registry import about
from rhm_scaling.grammar.model import Parameters
from rhm_scaling.study.cost import BlockCost, Rates

from .training import BATCH, PackTraining

_SMALL = Parameters.from_keys(v=8, s=2, L=3, m=2)
_LARGE = Parameters.from_keys(v=32, s=2, L=4, m=4)
_KINDS = ("cnn", "transformer", "attention")
# widths of the networks that are timed to learn a machine's rates, and of those predicted from them
_KNOWN = {"cpu": (16, 64, 128), "cuda": (32, 128, 256)}
_PREDICTED = {"cpu": (32, 96), "cuda": (64, 192)}
_REPLICAS = {"cpu": (2, 8), "cuda": (4, 16)}
_SECONDS = 0.3  # a measurement
_FIRST = 8  # steps that are not timed; a GPU has recorded its steps by then
# where growth is measured from: small, so that every axis can grow
_BASE = {"replicas": 4, "width": 64, "L": 3, "P": 2048}
_AXES = {
    "P": (1024, 4096, 16384),
    "replicas": (1, 4, 16),
    "width": (32, 64, 128, 256),
    "L": (2, 3, 4, 5),
}


def _sizes(kind: str, width: int, depth: int) -> dict[str, int]:
    return {"width": width, "depth": depth, "heads": 4 if "heads" in about(kind).takes else 1}


def _cost(pack: PackTraining, steps: int) -> BlockCost:
    return BlockCost(
        work=pack.work,
        replicas=pack.replicas,
        batch=BATCH,
        steps=steps,
        most_steps=steps,
        evaluations=0,
        evaluated=0,
        optimizer=about(pack.kind).optimizer,
        data=0.0,
    )


def _step_seconds(pack: PackTraining) -> float:
    """Seconds of a training step, the difference of a longer and a shorter training."""
    pack.train(2)
    start = time.perf_counter()
    pack.train(_FIRST)
    short = time.perf_counter() - start
    steps = 4
    while True:
        steps *= 2
        start = time.perf_counter()
        pack.train(_FIRST + steps)
        extra = time.perf_counter() - start - short
        if extra > _SECONDS:
            return extra / steps


def _timed(widths: tuple[int, ...], device: str) -> list[dict[str, Any]]:
    """Step times of packs of several kinds and sizes, on one thread or a GPU."""
    torch.set_num_threads(1)
    rows = []
    for parameters in (_SMALL, _LARGE):
        for kind in _KINDS:
            for width in widths:
                for replicas in _REPLICAS[device]:
                    sizes = _sizes(kind, width, parameters.L)
                    # next to nothing to evaluate: steps are what is timed
                    pack = PackTraining(
                        parameters, kind, sizes, replicas, held_out=8, device=device
                    )
                    name = f"{kind}, width {width}, L {parameters.L}, {replicas} replicas"
                    seconds = _step_seconds(pack)
                    rows.append({"network": name, "cost": _cost(pack, 1), "seconds": seconds})
    return rows


def calibrate(device: str = "cpu") -> Rates:
    """Rates of this machine, by least squares of the relative error over packs of many sizes."""
    rows = _timed(_KNOWN[device], device)
    seconds = np.array([row["seconds"] for row in rows])
    features = np.array([row["cost"].step_features(device == "cuda") for row in rows])
    found, _ = nnls(features / seconds[:, None], np.ones(len(rows)))
    operation, number, call = found.tolist()
    return Rates(operation, number, call, gpu=device == "cuda")


def predictions(rates: Rates, device: str = "cpu") -> pd.DataFrame:
    """Predicted against measured time of a step, for sizes that the rates were not found from."""
    rows = [
        {
            "network": row["network"],
            "predicted ms": 1e3 * row["cost"].step_seconds(rates),
            "measured ms": 1e3 * row["seconds"],
            "ratio": row["cost"].step_seconds(rates) / row["seconds"],
        }
        for row in _timed(_PREDICTED[device], device)
    ]
    return pd.DataFrame(rows)


def growth() -> pd.DataFrame:
    """Exponents of the time of a whole training against its counted operations, axis by axis."""
    torch.set_num_threads(1)
    rows = []
    for kind in ("cnn", "transformer"):
        for axis, values in _AXES.items():
            operations, seconds = [], []
            for value in values:
                here = {**_BASE, axis: value}
                parameters = Parameters.from_keys(v=8, s=2, L=here["L"], m=2)
                sizes = _sizes(kind, here["width"], here["L"])
                pack = PackTraining(parameters, kind, sizes, here["replicas"], here["P"])
                steps = here["P"] // BATCH  # an epoch
                pack.train(2)
                start = time.perf_counter()
                operations.append(pack.train(steps))
                seconds.append(time.perf_counter() - start)
            slope = np.polyfit(np.log(operations), np.log(seconds), 1)[0]
            rows.append(
                {
                    "network": kind,
                    "axis": axis,
                    "from": values[0],
                    "to": values[-1],
                    "operations grow": operations[-1] / operations[0],
                    "time grows": seconds[-1] / seconds[0],
                    "exponent": slope,
                }
            )
    return pd.DataFrame(rows)
