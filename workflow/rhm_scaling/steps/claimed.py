"""What decides a study's claim, as its criteria and their power need to know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..claims.frozen import Criterion, frozen, rules_of
from ..claims.names import CLAIM_TASKS, GENERATION_CLAIMS, LATENT_CLAIMS
from ..claims.verdicts import Finding
from ..study.tables import Curve, Plan


def claimed(plan: Plan) -> dict[str, Any]:
    """The study's claim, the criteria that decide it, and the curves of its learners.

    These are networks, or, for claims about latent prediction, the learner that does just that. Of
    networks of which theory says nothing, no claim says anything either. Claims about denoising are
    decided by no learning curves.
    """
    from ..study.architectures import NetworkConfig
    from ..study.counted import LatentConfig

    known, claim = plan.study.architectures, plan.study.claim
    latent = claim in LATENT_CLAIMS
    learners = [
        curve
        for curve in plan.crossing
        for config in [known[curve.architecture]]
        if (
            isinstance(config, LatentConfig)
            if latent
            else isinstance(config, NetworkConfig) and config.learner is not None
        )
    ]
    return {
        "claim": claim,
        "criteria": (rules_of(claim) if claim else frozen()).hash,
        "grammars": plan.specifications(),
        **({"learners": _denoisers(plan)} if claim in GENERATION_CLAIMS else {}),
        "curves": [_designed(plan, curve) for curve in learners if claim in CLAIM_TASKS],
    }


def _denoisers(plan: Plan) -> dict[str, str]:
    """Whose thresholds networks are predicted to follow as they learn to denoise, by architecture.

    One that looks everywhere has the correlations of tokens with tokens; one that goes up and down
    the tree those of what it has found at the level below.
    """
    return {
        curve.architecture: "transformer" if config.kind == "encoder" else "cnn"
        for curve in plan.curves
        for config in [plan.study.architectures[curve.architecture]]
    }


def _designed(plan: Plan, curve: Curve) -> dict[str, Any]:
    config: Any = plan.study.architectures[curve.architecture]
    experiment = plan.study.experiments[curve.experiment]
    replicas, online = experiment.replicas, curve.protocol == "online"
    read_off = ("max_steps", "batch_size", "evaluations_per_octave")
    training = config.training.settings(online) if online else {}
    sizes = [] if online else plan.grids[curve.experiment, curve.grammar].sizes
    return {
        **curve.key(),
        "kind": config.kind if config.kind == "latent" else config.name,
        "learner": config.learner,
        "train_sizes": sizes,
        "online": {name: training[name] for name in read_off} if online else {},
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
