"""Made-up learning curves whose exponents are known."""

from __future__ import annotations

import numpy as np
import pandas as pd

SIZES = np.array([256, 512, 1024, 2048, 4096], dtype=float)


def synthetic(
    generator: np.random.Generator,
    exponent: float,
    draws: int,
    per_draw: int = 1,
    spread: float = 0.3,
    noise: float = 0.1,
) -> pd.DataFrame:
    """Replicas of a power law: each rule draw has its own height, slope and points scatter."""
    rows, index = [], []
    for rule in range(draws):
        height = np.exp(spread * generator.standard_normal())
        slope = exponent + 0.1 * generator.standard_normal()
        for init in range(per_draw):
            scatter = np.exp(noise * generator.standard_normal(len(SIZES)))
            rows.append(height * (SIZES / 1024) ** -slope * scatter)
            index.append((rule, 0, init))
    names = ["rule_seed", "sample_seed", "init_seed"]
    return pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(index, names=names), columns=SIZES)
