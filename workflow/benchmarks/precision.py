"""Time to intervals of one width: rule draws added where needed, against a fixed design."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rhm_scaling import draw_grammar, solve
from rhm_scaling.analysis.power_law import fit_power_law, fit_with_interval, mean_curve
from rhm_scaling.run.precision import plan_of, unsettled
from rhm_scaling.run.status import Status
from rhm_scaling.study.plan import Plan
from rhm_scaling.study.reading import parse_study
from rhm_scaling.theory.predicted_curves import predicted_excess

from .projects import copied, core_seconds, run

Array = NDArray[np.float64]

_CNN = "{kind: cnn, width: 64, training: {max_steps: 4096, patience: 2.5}}"
_FIRST, _MOST = 4, 24
# by name: grammars, architectures, experiment
_STUDIES = {
    "classification": (
        "uniform: {v: 64, n: 8, s: 2, L: 2, m: {1: 64, 2: 4}}\n"
        "  zipf: {v: 64, n: 8, s: 2, L: 2, m: {1: 64, 2: 4}, zipf: {1: 1.0}}",
        f"cnn: {_CNN}",
        "task: classification\n    train_sizes: [256, 512, 1024, 2048, 4096, 8192, 16384]",
        {"exponent": 0.15},
    ),
    "last-token": (
        "deep: {v: 8, s: 2, L: 4, m: 2}",
        f"cnn: {_CNN}\n  counting: {{kind: counting}}\n"
        "  lcn: {kind: lcn, width: 32, training: {max_steps: 4096, patience: 2.5}}",
        "task: last_token\n    train_sizes: [32, 64, 128, 256, 512, 1024, 2048, 4096]",
        {"exponent": 0.3},
    ),
    "crossings": (
        "m2: {v: 16, s: 2, L: 4, m: 2}\n  m3: {v: 16, s: 2, L: 3, m: 3}",
        f"cnn: {_CNN}",
        "task: last_token\n    train_sizes: [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]",
        {"crossing": 0.25},
    ),
}


def _study(name: str, draws: int, asked: dict[str, float] | None) -> str:
    grammars, architectures, experiment, _ = _STUDIES[name]
    names = [
        [line.split(":")[0].strip() for line in text.split("\n")]
        for text in (grammars, architectures)
    ]
    precise = {**(asked or {}), "most_rule_draws": _MOST}
    told = ", ".join(f"{key}: {value}" for key, value in precise.items())
    return f"""
name: {name}
grammars:
  {grammars}
architectures:
  {architectures}
experiments:
  e:
    {experiment}
    grammars: [{", ".join(names[0])}]
    architectures: [{", ".join(names[1])}]
    validation_size: 1024
    test_size: 4096
    replicas: {{rule_draws: {draws}}}
    {f"precision: {{{told}}}" if asked else ""}
block: {{rule_draws: {_FIRST}}}
"""


def measure() -> pd.DataFrame:
    """A row a study: core-seconds of trainings to the precision asked for.

    The fixed design has at every size as many rule draws as the curve that needs most: fewer would
    miss the precision, and nobody knows the number beforehand.
    """
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        project = copied(Path(folder, "project"))
        for name, (*_, asked) in _STUDIES.items():
            text = _study(name, _FIRST, asked)
            (project / "study.yaml").write_text(text, encoding="utf-8")
            study = parse_study(text, "study.yaml")
            while unsettled(Status(plan_of(study, project), root=project)):
                run(project, ["study.yaml"], 1, "precision")
            grown = plan_of(study, project)
            draws = [designs[-1].rule_draws for designs in grown.designs.values()]
            fixed = _study(name, max(draws), None)
            (project / "study.yaml").write_text(fixed, encoding="utf-8")
            run(project, ["study.yaml"], 1, "models")
            seconds = [
                sum(core_seconds(project, block.files["record"]) for _, block in plan.blocks)
                for plan in (Plan(parse_study(fixed, "study.yaml")), grown)
            ]
            wanted = " ".join(f"{key} {most:g}" for key, most in asked.items())
            rows.append(
                {
                    "study": f"{name}, {wanted}",
                    "rule draws": " ".join(map(str, draws)),
                    "fixed": max(draws),
                    "fixed, core-s": seconds[0],
                    "added, core-s": seconds[1],
                    "ratio": seconds[0] / seconds[1],
                }
            )
    return pd.DataFrame(rows)


def coverage(trials: int = 300, asked: float = 0.15) -> pd.DataFrame:
    """How often the 95 % interval holds the exponent: a row a kind of curves and a design.

    Of made-up power laws, and of what is predicted for rule draws of two grammars, the CNN's and
    the transformer's curve: steps at the thresholds of each draw, at four times their size, points
    with a scatter of 15 %. There the exponent to be held is that of all draws' mean curve.
    """
    rows = [row for population in _populations() for row in _coverage(*population, trials, asked)]
    return pd.DataFrame(rows)


def _coverage(
    name: str, sizes: Array, known: pd.DataFrame, exponent: float, trials: int, asked: float
) -> list[dict[str, Any]]:
    generator = np.random.default_rng(0)
    designs = (4, 6, 12, 16, 20, 24)
    hits: dict[str, list[bool]] = {**{f"{n} rule draws": [] for n in designs[:3]}, "stopped": []}
    used = []
    for trial in range(trials):
        chosen = generator.choice(len(known), max(designs), replace=False)
        scatter = np.exp(0.15 * generator.standard_normal((max(designs), len(sizes))))
        whole = known.iloc[chosen] * scatter
        stopped = False
        for draws in designs:
            _, low, high = fit_with_interval(sizes, whole.iloc[:draws], seed=trial)
            holds = low <= exponent <= high
            if f"{draws} rule draws" in hits:
                hits[f"{draws} rule draws"].append(holds)
            if not stopped and ((high - low) / 2 <= asked or draws == max(designs)):
                hits["stopped"].append(holds)
                used.append(draws)
                stopped = True
            if stopped and draws >= 12:
                break
    return [
        {
            "curves": name,
            "design": f"{design}, {np.mean(used):.1f}" if design == "stopped" else design,
            "trials": trials,
            "coverage": float(np.mean(found)),
        }
        for design, found in hits.items()
    ]


def _populations(draws: int = 200) -> Iterator[tuple[str, Array, pd.DataFrame, float]]:
    """Name, sizes and curves of many rule draws, and the exponent to be held."""
    sizes: Array = 256.0 * 2.0 ** np.arange(5, dtype=np.float64)
    yield "power laws", sizes, _power_law(np.random.default_rng(0), sizes, draws), 1.0
    for m, L in ((2, 4), (3, 3)):
        solved = [
            solve(draw_grammar(v=8, L=L, m=m, rule_seed=draw), "last_token").quantities
            for draw in range(draws)
        ]
        for learner in ("cnn", "transformer"):
            entropies, thresholds = (
                np.array([_values(rows, quantity, learner) for rows in solved])
                for quantity in ("entropy", "threshold")
            )
            learnt = 4.0 * thresholds  # as networks do
            first, last = np.exp(np.log(learnt).mean(axis=0))[[0, -1]]
            sizes = np.geomspace(first, last, 6)
            curves = [predicted_excess(p, h, sizes) for p, h in zip(learnt, entropies)]
            known = _indexed(np.array(curves), sizes)
            exponent = fit_power_law(sizes, mean_curve(known)).exponent
            yield f"v8 m{m} L{L}, {learner}", sizes, known, exponent


def _values(rows: pd.DataFrame, quantity: str, learner: str) -> list[float]:
    mine = rows[(rows["quantity"] == quantity) & rows["learner"].fillna(learner).eq(learner)]
    return mine.sort_values("level")["value"].to_list()


def _power_law(generator: np.random.Generator, sizes: Array, draws: int) -> pd.DataFrame:
    """Replicas of a power law of exponent 1: draws differ in height and slope."""
    heights = np.exp(0.3 * generator.standard_normal((draws, 1)))
    slopes = 1.0 + 0.1 * generator.standard_normal((draws, 1))
    return _indexed(heights * (sizes / 1024) ** -slopes, sizes)


def _indexed(curves: Array, sizes: Array) -> pd.DataFrame:
    """Curves as replicas, one of each rule draw."""
    index = pd.MultiIndex.from_product(
        [range(len(curves)), [0], [0]], names=["rule_seed", "sample_seed", "init_seed"]
    )
    return pd.DataFrame(curves, index=index, columns=sizes)
