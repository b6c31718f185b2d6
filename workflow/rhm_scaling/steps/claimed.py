"""What decides a study's claim, as its criteria and their power need to know it."""

from __future__ import annotations

from typing import Any

from ..study.plan import Plan
from ..study.products import Curve


def claimed(plan: Plan) -> dict[str, Any]:
    """The study's claim, and its curves of finite training sets with the size of their design."""
    return {
        "claim": plan.study.claim,
        "grammars": plan.specifications(),
        "curves": [_designed(plan, curve) for curve in plan.crossing if curve.protocol == "finite"],
    }


def _designed(plan: Plan, curve: Curve) -> dict[str, Any]:
    config = plan.study.architectures[curve.architecture]
    experiment = plan.study.experiments[curve.experiment]
    replicas = experiment.replicas
    return {
        **curve.key(),
        "kind": config.kind,
        "learner": config.learner,
        "test_size": experiment.test_size,
        "train_sizes": plan.grids[curve.experiment, curve.grammar].sizes,
        "replicas": {
            "rule_seed": [*replicas.rules()],
            "sample_seed": [*range(replicas.samples)],
            "init_seed": [*range(replicas.initialisations)],
        },
        "representations": experiment.representations and hasattr(config, "optimizer"),
    }
