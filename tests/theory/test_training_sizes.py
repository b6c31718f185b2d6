"""Training sizes chosen by theory."""

import numpy as np
import pytest

from helpers.grammars import GRAMMARS
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.theory import complexities, correlations, training_sizes

DEEP = Parameters.from_keys(v=8, s=2, L=4, m=2)
CAPS = {"points_per_octave": 1, "largest": 10**9, "language_fraction": 1.0}


def chosen(parameters: Parameters, task: str = "last_token", **caps: float) -> training_sizes.Grid:
    found = training_sizes.thresholds(parameters, task)
    return training_sizes.choose(found, parameters.log_sentences(), **{**CAPS, **caps})


def test_it_spans_all_thresholds_of_both_learners() -> None:
    found = chosen(DEEP)
    thresholds = [
        complexities.threshold(DEEP, level, learner)
        for level in range(1, 5)
        for learner in ("cnn", "transformer")
    ]
    assert found.first_threshold == min(thresholds)
    assert found.last_threshold == max(thresholds)
    assert found.sizes[0] < min(thresholds) / 2
    assert found.sizes[-1] >= 8 * max(thresholds)
    assert found.ends == "beyond the last threshold"


def test_points_per_octave_refine_one_lattice() -> None:
    coarse, fine = chosen(DEEP), chosen(DEEP, points_per_octave=3)
    assert set(coarse.sizes[1:-1]) <= set(fine.sizes)  # the ends are rounded outwards
    steps = np.diff(np.log2(fine.sizes[12:]))
    np.testing.assert_allclose(steps, 1 / 3, atol=0.01)
    other = chosen(Parameters.from_keys(v=8, s=2, L=4, m=3))
    assert all(size == 2 ** round(np.log2(size)) for size in (*other.sizes, *coarse.sizes))


@pytest.mark.parametrize(
    ("cap", "value", "largest"),
    [("largest", 1000, 512), ("language_fraction", 0.001, 256)],
)
def test_caps_end_it(cap: str, value: float, largest: int) -> None:
    found = chosen(DEEP, **{cap: value})
    assert found.sizes[-1] == largest
    assert found.ends == cap


def test_what_cannot_be_spanned_is_said() -> None:
    with pytest.raises(ValueError, match="all correlations vanish"):
        chosen(Parameters.from_keys(v=4, s=2, L=3, m=4))
    with pytest.raises(ValueError, match=r"first threshold, 16 sentences, lies beyond largest"):
        chosen(DEEP, largest=10)
    with pytest.raises(ValueError, match="lies beyond language_fraction"):
        chosen(Parameters.from_keys(v=4, s=2, L=2, m=2), "classification", language_fraction=0.25)


def test_a_huge_language_is_no_cap() -> None:
    found = chosen(Parameters.from_keys(v=32, s=2, L=9, m=2), "classification")
    assert found.ends == "beyond the last threshold"


@pytest.mark.parametrize("task", ["classification", "last_token", "autoregressive"])
def test_a_given_grammar_is_spanned_by_its_own_correlations(task: str) -> None:
    grammar = Grammar.draw(DEEP, 1)
    found = training_sizes.thresholds(grammar, task)
    assert found == sorted(found)
    if task == "classification":
        np.testing.assert_allclose(found, correlations.label_complexities(grammar))
    else:
        assert found[-1] == correlations.threshold(grammar, 4, "transformer")
    ambiguous = GRAMMARS["ambiguous"]
    assert np.isfinite(training_sizes.thresholds(ambiguous, task)).all()
