"""What decides a study's claim, as its criteria and their power need to know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..claims.frozen import Criterion, frozen
from ..claims.verdicts import Finding
from ..study.tables import Curve, Plan


def claimed(plan: Plan) -> dict[str, Any]:
    """The study's claim, the criteria that decide it, and the curves of its networks.

    Of networks of which theory says nothing, no claim says anything either.
    """
    from ..study.architectures import NetworkConfig

    known = plan.study.architectures
    networks = [
        curve
        for curve in plan.crossing
        if isinstance(known[curve.architecture], NetworkConfig)
        and known[curve.architecture].learner is not None
    ]
    return {
        "claim": plan.study.claim,
        "criteria": frozen().hash,
        "grammars": plan.specifications(),
        "curves": [_designed(plan, curve) for curve in networks],
    }


def _designed(plan: Plan, curve: Curve) -> dict[str, Any]:
    config: Any = plan.study.architectures[curve.architecture]
    experiment = plan.study.experiments[curve.experiment]
    replicas, training = experiment.replicas, config.training
    online = {
        name: getattr(training, name)
        for name in ("max_steps", "batch_size", "evaluations_per_octave")
    }
    sizes = [] if curve.protocol == "online" else plan.grids[curve.experiment, curve.grammar].sizes
    return {
        **curve.key(),
        "kind": config.name,
        "learner": config.learner,
        "train_sizes": sizes,
        "online": online if curve.protocol == "online" else {},
        "replicas": {
            "rule_seed": [*replicas.rules()],
            "sample_seed": [*range(replicas.samples)],
            "init_seed": [*range(replicas.initialisations)],
        },
        "represented": experiment.representations and curve.protocol == "finite",
    }


def as_row(criterion: Criterion, about: str, finding: Finding) -> Mapping[str, Any]:
    """What a criterion says, in the columns that tables of verdicts and of power share."""
    told = asdict(finding)
    told.pop("measured")
    return {
        "criterion": criterion.name,
        "about": about,
        "rule": criterion.rule,
        "rival_is": criterion.rival,
        "limit": criterion.limit,
        "bound": criterion.bound,
        **told,
    }
