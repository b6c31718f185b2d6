"""The verdict on a claim: what each of its frozen criteria says of what a study measured.

A1 to A4 are claims of arXiv:2505.07067 (power-law distributed production rules), B1 to B5 of
arXiv:2505.07070 (convolutional networks and transformers), C1 and C2 of arXiv:2605.27734 (latent
prediction), D1 and D2 of arXiv:2402.16991 and 2502.12089 (denoising).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.hashing import seed_from
from . import classes, contrasts, generated, latents, representations, staircases, transitions
from .frozen import Criterion, rules_of
from .names import CLAIM_TASKS, ClaimName
from .parts import Found, Options
from .verdicts import Finding, Lacking, decide

CONTRASTS: dict[str, Callable[[Any, Options], Found]] = {
    contrast.__name__: contrast
    for contrast in (
        classes.growth_of_threshold,
        classes.drop,
        classes.exponent_with_a,
        classes.exponent_over_predicted,
        classes.growth_of_constant,
        classes.bend_of_constant,
        contrasts.growth_beside_uniform,
        contrasts.width_beside_uniform,
        contrasts.growth_with_level,
        contrasts.growth_with_m,
        contrasts.double_ratio,
        representations.invariance_with_level,
        representations.invariance_with_loss,
        staircases.staircase_over_power_law,
        latents.latent_growth_with_depth,
        latents.latent_growth_with_m,
        transitions.crossing_of_depths,
        transitions.crossing_with_critical,
        transitions.growth_of_steepness,
        generated.generated_growth,
    )
}


def findings(name: ClaimName, evidence: Any) -> list[tuple[Criterion, str, Finding]]:
    """What every criterion says, for everything that it is about (a network, a Zipf exponent).

    Parameters
    ----------
    name
        Of the claim.
    evidence
        `evidence.Curves`; for the claims on denoising, what their contrasts take. Before anything
        is trained, of curves without losses, a finding has no estimate: it says what is predicted,
        and how likely a study of this design is to tell claim and rival apart.
    """
    if name in CLAIM_TASKS:
        evidence = [curve for curve in evidence if curve.key["task"] == CLAIM_TASKS[name]]
    found = []
    for criterion in rules_of(name).claims[name].criteria:
        options = {**criterion.options, "bound": criterion.bound, "example": criterion.example}
        for about, observed in CONTRASTS[criterion.contrast](evidence, options).items():
            try:
                if isinstance(observed, Lacking):
                    raise observed
                seed = seed_from("made up", name, criterion.name, about)
                finding = decide(criterion, observed, seed)
            except Lacking as lacking:
                finding = Finding(needed=str(lacking))
            found.append((criterion, about, finding))
    return found
