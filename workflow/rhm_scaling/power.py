"""Power, before anything is trained: verdicts on synthetic curves that obey a claim, or its rival.

Curves (`assumed`) get the scatter of rule draws and of single points, and go through the very rules
that decide measured curves. So they say how wide intervals will be, and how often a study of some
design decides rightly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .assumed import obeying
from .claims import decided, expected
from .evidence import Evidence, common_draws
from .fields import ClaimName
from .verdicts import AGREES, VERDICTS, together

Array = NDArray[np.float64]

STUDIES = 20
# Scatter of networks in the reference results: of a rule draw's sizes over predicted ones, and of
# the loss of a single point, both in logarithms
OF_DRAWS, OF_POINTS = 0.25, 0.15
ENOUGH = 0.5  # of the studies in which the claim holds, for a criterion to be decisive
WHOLE = "claim"  # in place of a criterion: the verdict on the claim
COLUMNS = [*("claim", "criterion", "assumed", "studies", "decisive", "half_width"), *VERDICTS]


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
        over studies in which the claim (or its rival) holds. A criterion is decisive if it agrees
        in `ENOUGH` of those in which the claim holds. `WHOLE` is the verdict on the claim.
    """
    generator = np.random.Generator(np.random.Philox(seed))

    def scatter(sizes: Array) -> tuple[Array, Array]:
        moved = np.full(len(sizes), np.exp(OF_DRAWS * generator.standard_normal()))
        return moved, np.exp(OF_POINTS * generator.standard_normal(len(sizes)))

    known = expected(name, design)
    names = [criterion.name for criterion in known]
    rows, wholes = [], []
    for assumed in ("claim", "rival"):
        for study in range(studies):
            curves = obeying(name, assumed == "claim", design, scatter)
            for of_what, finding in zip(names, decided(name, curves, common_draws(curves), known)):
                half = (finding.high - finding.low) / 2
                rows.append((of_what, assumed, study, half, finding.verdict))
    columns = ["criterion", "assumed", "study", "half_width", "verdict"]
    table = pd.DataFrame(rows, columns=columns)
    holding = table[table["assumed"] == "claim"]
    right = (holding["verdict"] == AGREES).groupby(holding["criterion"]).mean()
    table["decisive"] = table["criterion"].map(right >= ENOUGH)
    for (if_what, number), group in table.groupby(["assumed", "study"], sort=False):
        verdict = together(zip(group["verdict"], group["decisive"]))
        wholes.append((WHOLE, if_what, number, np.nan, verdict, True))
    table = pd.concat([table, pd.DataFrame(wholes, columns=table.columns)])
    summed = []
    for (what, if_what), group in table.groupby(["criterion", "assumed"], sort=False):
        shares = {v: float((group["verdict"] == v).mean()) for v in VERDICTS}
        summed.append(
            {
                "claim": name,
                "criterion": what,
                "assumed": if_what,
                "studies": len(group),
                "decisive": bool(group["decisive"].all()),
                "half_width": float(group["half_width"].median()),
                **shares,
            }
        )
    return pd.DataFrame(summed, columns=COLUMNS)


def decisive(table: pd.DataFrame) -> dict[str, bool]:
    """Which criteria are, by name, from the table of `power`."""
    return {str(name): bool(group.all()) for name, group in table.groupby("criterion")["decisive"]}
