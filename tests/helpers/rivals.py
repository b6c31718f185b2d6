"""How often made-up studies are called what: of the claims, and of rivals invented to pass.

``PYTHONPATH=workflow:tests python tests/helpers/rivals.py [--studies 100]`` takes a minute or two.
Curves are made up whole, on the claims' grammars or smaller ones; `power.csv` and `claims.csv` say
the same of a study's own design.
"""

from __future__ import annotations

import argparse
from collections import Counter

import pandas as pd

from claims import test_deciding as levels
from claims import test_tails as tails
from rhm_scaling.claims.names import ClaimName
from rhm_scaling.claims.verdicts import VERDICTS

A, DEPTHS = (1.0, 1.5, 2.0), (2, 3, 4)
TAILS: dict[tuple[ClaimName, str], tuple[tails.Law, tuple[int, ...], tuple[float, ...]]] = {
    ("A2", "claim"): (tails.rules, (2,), A),
    **{
        ("A2", f"an exponent {exponent} for every a"): (
            tails.line(exponent, lambda L: 10.0),
            (2,),
            A,
        )
        for exponent in (0.5, 0.6, 0.67)
    },
    ("A3", "claim"): (tails.rules, DEPTHS, (1.0,)),
    **{
        ("A3", f"constants as L^{power}"): (
            tails.line(0.5, lambda L, power=power: 3.0 * (L / 2) ** power),  # type: ignore[misc]
            DEPTHS,
            (1.0,),
        )
        for power in (0, 2, 3, 4, 5)
    },
}
LEVELS: dict[tuple[ClaimName, str], dict[str, levels.Law]] = {
    ("B1", "claim"): {"cnn": levels.staircase(None, 4, 3)},
    ("B1", "a power law"): {"cnn": levels.power_law(1.0)},
    ("B2", "claim"): dict(levels.OWN),
    ("B2", "transformers as the CNN"): dict(levels.AS_CNN),
    ("B3", "claim"): dict(levels.OWN),
    ("B3", "the CNN as transformers"): dict(levels.AS_TRANSFORMER),
    ("B5", "claim"): dict(levels.OWN),
    ("B5", "the locally connected network as the CNN"): dict(levels.AS_CNN),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100)
    studies = range(parser.parse_args().studies)
    found: dict[tuple[ClaimName, str], Counter[str]] = {}
    for (name, obeys), (law, depths, exponents) in TAILS.items():
        made = (tails.study(name, law, depths, exponents, seed) for seed in studies)
        found[name, obeys] = Counter(levels.verdict(name, study) for study in made)
    for (name, obeys), kinds in LEVELS.items():
        found[name, obeys] = Counter(levels.verdict(name, levels.study(kinds, s)) for s in studies)
    for at_once, obeys in enumerate(("claim", "all levels of a layer at once")):
        made = (levels.layers(bool(at_once), seed) for seed in studies)
        found["B4", obeys] = Counter(levels.verdict("B4", study) for study in made)
    rows = [
        {"claim": name, "studies obey": obeys, **{verdict: count[verdict] for verdict in VERDICTS}}
        for (name, obeys), count in found.items()
    ]
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
