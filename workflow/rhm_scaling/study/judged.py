"""Studies that decide a claim: on which rule draws, and of what they have to have."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, get_args

from ..claims.frozen import rules_of
from ..claims.names import CLAIM_TASKS, GENERATION_CLAIMS, TRANSITION_CLAIMS, ClaimName


def with_judged_seeds(given: Any) -> Any:
    """A study as given, whose rule draws begin where the criteria say, if not told otherwise."""
    if not isinstance(given, dict) or given.get("claim") not in get_args(ClaimName):
        return given
    judged = {"rule_seeds": {"first": rules_of(given["claim"]).first_rule_seed}}

    def told(section: str, seeded: Callable[[dict[Any, Any]], Any]) -> dict[str, Any]:
        known = given.get(section)
        if not isinstance(known, dict):
            return {}
        each = {k: seeded(one) if isinstance(one, dict) else one for k, one in known.items()}
        return {section: each}

    def replicas(experiment: dict[Any, Any]) -> Any:
        asked = experiment.get("replicas", {})
        seeded = {**judged, **asked} if isinstance(asked, dict) else asked
        return {**experiment, "replicas": seeded}

    return {
        **given,
        **told("experiments", replicas),
        **told("denoising", lambda section: {**judged, **section}),
    }


def check_claim(claim: ClaimName | None, tasks: Collection[str], denoises: bool) -> None:
    """Refuse a study that lacks what its claim is about.

    Raises
    ------
    ValueError
        In one line.
    """
    task = "masked" if claim in GENERATION_CLAIMS else claim and CLAIM_TASKS.get(claim)
    if task and task not in tasks:
        raise ValueError(
            f"claim: {claim} is about {task}; add such an experiment or leave the claim out"
        )
    if claim in TRANSITION_CLAIMS and not denoises:
        raise ValueError(
            f"claim: {claim} is about posteriors of corrupted sentences; add a section denoising, "
            "or leave the claim out"
        )
