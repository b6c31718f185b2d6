"""What counts as evidence: sizes that are seen, draws that are paired, and nothing left to fail."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.studies import design, staircase, trained
from rhm_scaling.claims.evidence import Evidence
from rhm_scaling.grammar.model import Parameters

SIZES = 2.0 ** np.arange(7, 17)
DEEP = Parameters.from_keys(v=16, s=2, L=4, m=3)


def finite(stopped: dict[float, str]) -> Evidence:
    """A curve of finite training sets; some sizes were ended by another rule."""
    curve = trained(design(DEEP, "last_token", "cnn", SIZES, protocol="finite"), staircase(), 0)
    curve.points["stop_reason"] = [
        stopped.get(size, "patience") for size in curve.points["sentences"]
    ]
    return curve


def test_sizes_that_the_cap_of_steps_ended_are_missing() -> None:
    losses = finite({SIZES[-1]: "max_steps"}).losses
    assert np.isnan(losses[:, -1]).all()
    assert np.isfinite(losses[:, :-1]).all()


@pytest.mark.parametrize(("capped", "missing"), [(3, False), (4, True)])
def test_half_of_the_replicas_may_be_capped(capped: int, missing: bool) -> None:
    curve = finite({})
    last = (curve.points["sentences"] == SIZES[-1]) & (curve.points["rule_seed"] < capped)
    curve.points.loc[last, "stop_reason"] = "max_steps"
    assert np.isnan(curve.losses[:, -1]).all() == missing
