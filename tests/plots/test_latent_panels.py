"""Panels of latent prediction: measured sizes, those of correlations, and those of labels."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from rhm_scaling.grammar.model import Parameters
from rhm_scaling.plots.claim_panels import Tables
from rhm_scaling.plots.latent_panels import by_label_scale, by_rules

GRAMMARS = {f"m{m}": Parameters.from_keys(v=8, s=2, L=3, m=m) for m in (2, 3, 4)}
MEASURED = {"m2": 50.0, "m3": np.inf, "m4": 300.0}


def tables() -> Tables:
    rows = [
        {"grammar": name, "level": 1, "crossed_at": at, "low": at / 2, "high": 2 * at}
        | {"threshold": 1000.0 * p.m[0]}
        for (name, p), at in zip(GRAMMARS.items(), MEASURED.values(), strict=True)
    ]
    theory = [
        {"grammar": name, "rule_seed": rule, "level": level, "value": 10.0 * p.m[0] * factor}
        | {"quantity": "latent_threshold", "method": "correlations"}
        for name, p in GRAMMARS.items()
        for rule, level, factor in ((0, 1, 1.0), (0, 2, 2.0), (1, 1, 8.0), (1, 2, 1.0))
    ]
    nothing = pd.DataFrame()
    told = pd.DataFrame(rows)
    return Tables(nothing, nothing, nothing, told, pd.DataFrame(theory), nothing, GRAMMARS)


def test_lines_are_what_the_tables_say() -> None:
    figure, axes = plt.subplots(2)
    for axis, panel, x in zip(axes, (by_rules, by_label_scale), ([2, 4], [64, 512]), strict=True):
        panel(axis, tables())
        lines = {line.get_label(): line.get_data() for line in axis.lines}
        # the largest over levels, its geometric mean over draws: 4 times 10 m
        np.testing.assert_allclose(lines["predicted"], [x, [80, 160]])
        np.testing.assert_allclose(lines["labels"], [x, [2000, 4000]])
        (bars,) = axis.containers
        np.testing.assert_allclose(bars.lines[0].get_xydata(), np.transpose([x, [50, 300]]))
    plt.close(figure)
