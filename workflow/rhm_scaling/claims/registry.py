"""The nine claims of the two papers, and what decides each of them.

A1 to A4 are those of arXiv:2505.07067 (power-law distributed production rules), B1 to B5 those of
arXiv:2505.07070 (convolutional networks and transformers).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .levels import B1, B2, B3, B4, B5
from .measured import Curves, Evidence, common_draws, of_kinds
from .names import CLAIM_TASKS, ClaimName
from .simulated import simulate
from .verdicts import Criterion, Expectation, Finding, decide, expectation
from .zipf import A1, A2, A3, A4

_NETWORKS = ("cnn", "lcn", "fcn", "transformer", "attention")


@dataclass(frozen=True)
class Claim:
    """What a claim says, and what decides it."""

    statement: str
    criteria: tuple[Criterion, ...]


def of_claim(name: ClaimName, curves: Iterable[Evidence]) -> list[Evidence]:
    """The curves of networks on a claim's task."""
    return [c for c in of_kinds(curves, *_NETWORKS) if c.key["task"] == CLAIM_TASKS[name]]


def expectations(name: ClaimName, curves: Curves) -> dict[Criterion, Expectation]:
    """The criteria of a claim that a study's curves allow, with their regions.

    Of the curves' runs only seeds and sizes matter.
    """
    mine = of_claim(name, curves)
    holding, rival = simulate(name, True, mine), simulate(name, False, mine)
    return {c: expectation(c, holding, rival, _draws(c, holding)) for c in CLAIMS[name].criteria}


def decided(name: ClaimName, curves: Curves, known: dict[Criterion, Expectation]) -> list[Finding]:
    """What a study's curves say of each criterion, in the order of `expected`."""
    mine = of_claim(name, curves)
    return [decide(c, expected, mine, _draws(c, mine)) for c, expected in known.items()]


def _draws(criterion: Criterion, curves: Curves) -> list[int]:
    """Rule draws of all curves that a criterion looks at."""
    return common_draws(of_kinds(curves, *(criterion.kinds or _NETWORKS)))


CLAIMS: dict[ClaimName, Claim] = {
    "A1": Claim(
        "With uniform rules the classification error stays near chance, then drops around n m^L.",
        A1,
    ),
    "A2": Claim(
        "With Zipf rules the classification error is a power law with exponent a/(1+a).", A2
    ),
    "A3": Claim("The constant of that power law grows exponentially with depth.", A3),
    "A4": Claim(
        "In next-token prediction, Zipf rules change the local shape of the learning curve, not "
        "its large-scale exponent.",
        A4,
    ),
    "B1": Claim(
        "Next-token prediction is learnt level by level, at sizes that grow by a constant factor a "
        "level.",
        B1,
    ),
    "B2": Claim(
        "Transformers: the size at which a level is learnt grows by m^2 a level, and the exponent "
        "is log(1/f)/(2 log m).",
        B2,
    ),
    "B3": Claim(
        "Convolutional networks: that size grows by m a level, and the exponent is twice as large.",
        B3,
    ),
    "B4": Claim(
        "Representations are built one level at a time: as level l is learnt, hidden layers become "
        "invariant to the synonyms of level l-1.",
        B4,
    ),
    "B5": Claim(
        "Locality and weight sharing together cause the gain: without sharing, a locally connected "
        "network's thresholds grow as the transformer's.",
        B5,
    ),
}
