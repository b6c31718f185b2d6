"""Light products: what each of their stages depends on beside its tables.

They have plain names, and are made again when the file of their stage changes: its code, or its
share of the plan.
"""

from __future__ import annotations

from typing import Any

from .cells import Plan
from .provenance import fingerprint

LIGHT_STAGES = (
    "runs",
    "rates",
    "theory_table",
    "theory_figures",
    "curves",
    "fits",
    "recovery",
    "figures",
)


def stages(plan: Plan) -> dict[str, dict[str, Any]]:
    """What each light stage depends on beside its tables: its code, its share of the plan."""
    study, recovering = plan.study, set(plan.recovering)
    curves = [{"experiment": curve.experiment, **curve.key()} for curve in plan.curves]
    grammars = {name: plan.parameters(name).specification() for name in study.grammars}
    learners = {name: config.learner for name, config in study.architectures.items()}
    titles = {name: experiment.title or name for name, experiment in study.experiments.items()}
    tests = {name: experiment.test_size for name, experiment in study.experiments.items()}
    keyed = {"curves": curves, "grammars": grammars, "learners": learners}
    shares: dict[str, dict[str, Any]] = {
        "runs": {
            "blocks": [
                {"runs": block.files["runs"], "product": block.name, **curve.key()}
                for curve, block in plan.blocks
            ]
        },
        "rates": {
            "curves": [key for key, curve in zip(curves, plan.curves) if plan.tries(curve) > 1],
            "coordinates": [
                {"file": known.files["product"], **curve.key()} for curve, known in plan.coordinates
            ],
        },
        "theory_table": {
            "grammars": grammars,
            "products": [
                {"files": known.files, "grammar": grammar, "task": task, "rule": rule}
                for (grammar, task, rule), known in plan.theory.items()
            ],
        },
        "theory_figures": {
            "grammars": grammars,
            "figures": plan.solved(),
            "surveys": [
                {"file": known.files["product"], "grammar": grammar, "task": task}
                for (grammar, task), known in plan.surveys.items()
            ],
        },
        "curves": {**keyed, "test_sizes": tests},
        "fits": keyed,
        "recovery": {
            "blocks": [
                {"recovery": block.files["recovery"], **curve.key()}
                for curve, block in plan.blocks
                if curve in recovering
            ],
            "learners": learners,
        },
        "figures": {
            "curves": curves,
            "learners": learners,
            "titles": titles,
            "recovering": sorted({curve.experiment for curve in recovering}),
            "sweeping": sorted({curve.experiment for curve in plan.sweeping}),
            "title": study.title or study.name,
        },
    }
    return {
        name: {"study": study.name, "code": fingerprint(f"stages.{name}"), **shares[name]}
        for name in LIGHT_STAGES
    }
