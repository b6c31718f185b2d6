"""What a learner sees of a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.grammar.tasks import inputs_and_targets, levels_seen, window

V = {0: 8, 1: 6}
PARAMETERS = Parameters.from_keys(v=V, n=3, s=2, L=3, m={1: 2, 2: 3, 3: 4}, zipf={2: 1.0, 3: 2.0})


def test_a_window_holds_the_end_of_the_whole_input() -> None:
    sentences = Stream(Grammar.draw(PARAMETERS, 0), 0, 0, "train").take(50)
    whole, targets = inputs_and_targets("last_token", sentences, PARAMETERS.v[0])
    assert whole.shape == (50, 8)
    for context in (2, 4, 8):
        seen, same = inputs_and_targets("last_token", sentences, PARAMETERS.v[0], context)
        np.testing.assert_array_equal(seen, whole[:, -context:])
        np.testing.assert_array_equal(same, targets)
        assert (seen[:, -1] == PARAMETERS.v[0]).all()


def test_the_grammar_of_a_window_has_the_levels_below_its_symbol() -> None:
    assert [levels_seen(PARAMETERS, context) for context in (0, 2, 4, 8)] == [3, 1, 2, 3]
    assert window(PARAMETERS, 0) == window(PARAMETERS, 8) == PARAMETERS
    below = window(PARAMETERS, 4)
    assert (below.v, below.n, below.s, below.L, below.d) == ((8, 6), 6, 2, 2, 4)
    assert (below.m, below.zipf) == ((2, 3), (None, 1.0))
    for wrong in (1, 3, 16):
        with pytest.raises(ValueError, match=f"makes the last {wrong} tokens .* take 2, 4, 8"):
            levels_seen(PARAMETERS, wrong)
