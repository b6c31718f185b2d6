"""Power, before anything is trained: verdicts on synthetic curves that obey a claim, or its rival.

Curves (`assumed`) get the scatter of rule draws and of single points, and each network a factor of
its sizes and a sharpness of its transitions, which theory leaves open. They go through the very
rules that decide measured curves. So they say how wide intervals will be, and how often a study of
some design decides rightly; a criterion that hangs on what is open shows here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .measured import Evidence
from .names import ClaimName
from .registry import decided, expectations
from .simulated import simulate
from .verdicts import AGREES, DISAGREES, VERDICTS, Weight, together

Array = NDArray[np.float64]

STUDIES = 20
# Scatter of networks in the reference results: of a rule draw's sizes over predicted ones, and of
# the loss of a single point, both in logarithms
OF_DRAWS, OF_POINTS = 0.25, 0.15
OF_FACTORS, OF_SHARPNESS = 0.25, 0.3  # the same of networks
ENOUGH = 0.5  # of the studies in which the claim holds, for a criterion to be decisive
RARE = 0.1  # of these may disagree, for a criterion to be sound
WHOLE = "claim"  # in place of a criterion: the verdict on the claim
COLUMNS = [
    *("claim", "criterion", "assumed", "studies", "decisive", "sound", "half_width"),
    *VERDICTS,
]


def power(
    name: ClaimName, design: Sequence[Evidence], seed: int, studies: int = STUDIES
) -> pd.DataFrame:
    """How often a study of some design would decide a claim, a row a criterion and assumption.

    Parameters
    ----------
    name
        The claim.
    design
        The study's curves; of their runs only seeds and sizes matter.
    seed, studies
        Of the scatter; how many studies are made up. Curves of one rule draw share no scatter,
        which is pessimistic where they are compared.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: the median half-width of the intervals and the shares of the verdicts
        over studies in which the claim (or its rival) holds. Of those in which the claim holds, a
        sound criterion disagrees in `RARE` ones at most, and a decisive one agrees in `ENOUGH`.
        `WHOLE` is the verdict on the claim.
    """
    generator = np.random.Generator(np.random.Philox(seed))

    def scatter(sizes: Array) -> tuple[Array, Array]:
        moved = np.full(len(sizes), np.exp(OF_DRAWS * generator.standard_normal()))
        return moved, np.exp(OF_POINTS * generator.standard_normal(len(sizes)))

    def network() -> tuple[float, float]:
        shift, sharpening = np.exp([OF_FACTORS, OF_SHARPNESS] * generator.standard_normal(2))
        return float(shift), float(sharpening)

    known = expectations(name, design)
    names = [criterion.name for criterion in known]
    rows, wholes = [], []
    for assumed in ("claim", "rival"):
        for study in range(studies):
            curves = simulate(name, assumed == "claim", design, scatter, network)
            for of_what, finding in zip(names, decided(name, curves, known)):
                half = (finding.high - finding.low) / 2
                rows.append((of_what, assumed, study, half, finding.verdict))
    columns = ["criterion", "assumed", "study", "half_width", "verdict"]
    table = pd.DataFrame(rows, columns=columns)
    weights = _weights(table[table["assumed"] == "claim"])
    for (if_what, number), group in table.groupby(["assumed", "study"], sort=False):
        verdict = together(zip(group["verdict"], group["criterion"].map(weights)))
        wholes.append((WHOLE, if_what, number, np.nan, verdict))
    table = pd.concat([table, pd.DataFrame(wholes, columns=table.columns)])
    summed = []
    weights[WHOLE] = Weight(decisive=True, sound=True)
    for (what, if_what), group in table.groupby(["criterion", "assumed"], sort=False):
        shares = {v: float((group["verdict"] == v).mean()) for v in VERDICTS}
        summed.append(
            {
                "claim": name,
                "criterion": what,
                "assumed": if_what,
                "studies": len(group),
                **asdict(weights[str(what)]),
                "half_width": float(group["half_width"].median()),
                **shares,
            }
        )
    return pd.DataFrame(summed, columns=COLUMNS)


def _weights(holding: pd.DataFrame) -> dict[str, Weight]:
    """What each criterion counts, from its verdicts where the claim holds."""
    weights = {}
    for what, verdicts in holding.groupby("criterion")["verdict"]:
        sound = bool((verdicts == DISAGREES).mean() <= RARE)
        weights[str(what)] = Weight(sound and bool((verdicts == AGREES).mean() >= ENOUGH), sound)
    return weights


def weights_of(table: pd.DataFrame) -> dict[str, Weight]:
    """What each criterion counts, by name, from the table of `power`."""
    return {
        str(name): Weight(bool(group["decisive"].all()), bool(group["sound"].all()))
        for name, group in table.groupby("criterion")
    }
