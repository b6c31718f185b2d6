"""The whole theory of one grammar in one call: exact numbers, thresholds, predicted curves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..core.hashing import seed_from
from ..grammar.model import Grammar
from ..grammar.sampling import Stream
from ..grammar.tasks import Task
from . import correlations, predicted_curves
from .bayes_errors import classification_errors_by_patches, classification_errors_by_rank
from .complexities import (
    Learner,
    at_half,
    classification_amplitude,
    classification_exponent,
    ranked_level,
    told_ranks,
)
from .entropies import ngram_entropies, position_entropies
from .inference import sentence_log_probability

Row = dict[str, Any]

# Sentences sampled for what cannot be enumerated, and for Bayes errors
_SENTENCES = 2**14
_CLASSIFIED = 2**12
_PER_OCTAVE = 4  # points of a predicted curve
_LARGEST = 2.0**40
QUANTITIES = ["quantity", "learner", "level", "index", "value", "stderr", "method"]
CURVES = ["prediction", "learner", "train_size", "value"]


@dataclass(frozen=True)
class Solution:
    """What is known of a grammar and a task before any training.

    Attributes
    ----------
    quantities
        A row a number; columns `QUANTITIES`. ``index`` is the rank ``k``, the position of a token
        or the number of known patches, as the quantity asks; ``stderr`` is zero if exact.
    curves
        Predicted learning curves, a row a size; columns `CURVES`.
    """

    quantities: pd.DataFrame
    curves: pd.DataFrame


def solve(grammar: Grammar, task: Task, rule_seed: int = 0) -> Solution:
    """Everything that theory says of one grammar: entropies, errors, thresholds, curves.

    `rule_seed` names the sentences that are sampled where enumeration is out of reach.

    Examples
    --------
    >>> from rhm_scaling.grammar.model import Grammar, Parameters
    >>> grammar = Grammar.draw(Parameters.from_keys(v=8, s=2, L=3, m=2), rule_seed=0)
    >>> numbers = solve(grammar, "last_token").quantities
    >>> len(numbers[numbers["quantity"] == "entropy"])  # H_0 .. H_3
    4
    """
    stream = Stream(grammar, rule_seed, 0, "theory")
    rows = list(_ambiguity(grammar))
    curves: list[Row] = []
    if task == "classification":
        _classification(grammar, stream, rows, curves)
    elif task == "last_token":
        _last_token(grammar, stream, rows, curves)
    else:
        _autoregressive(grammar, stream, rows)
    return Solution(
        pd.DataFrame(rows, columns=QUANTITIES).astype({"level": "Int64", "index": "Int64"}),
        pd.DataFrame(curves, columns=CURVES),
    )


def _tokens(stream: Stream) -> Iterator[NDArray[np.integer]]:
    return (chunk["tokens"] for chunk in stream.chunks(_SENTENCES))


def _ambiguity(grammar: Grammar) -> Iterator[Row]:
    for level in range(1, grammar.parameters.L + 1):
        yield {
            "quantity": "shared_tuples",
            "level": level,
            "value": len(grammar.shared_tuples(level)),
            "stderr": 0.0,
            "method": "counted",
        }


def _thresholds(
    level: int, complexities: NDArray[np.float64], f: NDArray[np.float64], learner: Learner | None
) -> Iterator[Row]:
    """Complexities by rank, and the threshold where half of the probability is reached."""
    same = {"learner": learner, "level": level, "stderr": 0.0, "method": "correlations"}
    for rank in told_ranks(len(complexities)):
        value = complexities[rank - 1]
        yield {"quantity": "sample_complexity", "index": rank, "value": value, **same}
    yield {"quantity": "threshold", "value": at_half(complexities, f), **same}


def _sizes(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where curves are evaluated: from a decade below the first threshold to one beyond the last.

    On a lattice that all grammars share, so that curves of several draws can be averaged.
    """
    finite = thresholds[np.isfinite(thresholds) & (thresholds < _LARGEST)]
    if not len(finite):
        return np.empty(0)
    ends = np.log2([max(finite.min() / 8, 1.0), finite.max() * 8]) * _PER_OCTAVE
    steps = np.arange(np.floor(ends[0]), np.ceil(ends[1]) + 1)
    return np.asarray(2.0 ** (steps / _PER_OCTAVE))


def _curve(
    prediction: str,
    sizes: NDArray[np.float64],
    values: NDArray[np.float64],
    learner: Learner | None = None,
) -> Iterator[Row]:
    for size, value in zip(sizes, values):
        yield {"prediction": prediction, "learner": learner, "train_size": size, "value": value}


def _last_token(grammar: Grammar, stream: Stream, rows: list[Row], curves: list[Row]) -> None:
    parameters = grammar.parameters
    estimates = ngram_entropies(grammar, _tokens(stream))
    rows += [
        {"quantity": "entropy", "level": level, **estimate._asdict()}
        for level, estimate in enumerate(estimates)
    ]
    entropies = np.array([estimate.value for estimate in estimates])
    for learner in get_args(Learner):
        thresholds = []
        for level in range(1, parameters.L + 1):
            complexities = correlations.sample_complexities(grammar, level, learner)
            f = correlations.rank_probabilities(grammar, ranked_level(level, learner))
            rows += _thresholds(level, complexities, f, learner)
            thresholds.append(at_half(complexities, f))
        corners = np.array(thresholds)
        for level, slope in enumerate(predicted_curves.local_exponents(corners, entropies), 1):
            method = {"stderr": 0.0, "method": "staircase"}
            rows.append(
                {"quantity": "local_exponent", "learner": learner, "level": level, "value": slope}
                | method
            )
        sizes = _sizes(corners)
        stairs = predicted_curves.staircase(corners, entropies, sizes)
        envelope = predicted_curves.predicted_excess(corners, entropies, sizes)
        curves += _curve("staircase", sizes, stairs, learner)
        curves += _curve("envelope", sizes, envelope, learner)


def _classification(grammar: Grammar, stream: Stream, rows: list[Row], curves: list[Row]) -> None:
    parameters = grammar.parameters
    tokens = stream.take(_CLASSIFIED)["tokens"]
    thresholds = correlations.label_complexities(grammar)
    f = correlations.rank_probabilities(grammar, 1)
    rows += _thresholds(1, thresholds, f, None)
    by_rank = classification_errors_by_rank(grammar, tokens)
    seed = seed_from("patches", parameters.specification(), stream.rule_seed)
    by_patches = classification_errors_by_patches(grammar, tokens, seed)
    for quantity, estimates in (
        ("error_by_rank", {k: by_rank[k] for k in (0, *told_ranks(len(by_rank) - 1))}),
        ("error_by_patches", by_patches),
    ):
        rows += [
            {"quantity": quantity, "index": index, **estimate._asdict()}
            for index, estimate in estimates.items()
        ]
    patches = parameters.d // parameters.s
    sizes = _sizes(thresholds)
    overlap = predicted_curves.expected_overlap(sentence_log_probability(grammar, tokens), sizes)
    curves += _curve("lookup", sizes, predicted_curves.lookup_error(parameters.n, overlap))
    if parameters.zipf[0] is None and parameters.file is None:
        return  # equal thresholds: a drop, whose shape theory does not give
    errors = np.array([estimate.value for estimate in by_rank])
    curves += _curve(
        "marginalised", sizes, predicted_curves.predicted_error(thresholds, errors, sizes)
    )
    upper = predicted_curves.any_patch_error(parameters.n, patches, thresholds, f, sizes)
    curves += _curve("any_patch", sizes, upper)
    if parameters.zipf[0] is None:
        return
    by_known = predicted_curves.all_patches(
        list(by_patches), [estimate.value for estimate in by_patches.values()]
    )
    factor = predicted_curves.patch_factor(by_known)
    amplitude = classification_amplitude(parameters, factor)
    power_law = amplitude * sizes ** -classification_exponent(parameters)
    rows.append(
        {"quantity": "amplitude", "value": amplitude, "stderr": np.nan, "method": "asymptotic"}
    )
    curves += _curve("asymptotic", sizes, power_law)


def _autoregressive(grammar: Grammar, stream: Stream, rows: list[Row]) -> None:
    estimates = position_entropies(grammar, _tokens(stream))
    rows += [
        {"quantity": "position_entropy", "index": position, **estimate._asdict()}
        for position, estimate in enumerate(estimates)
    ]
    # positions are averaged over the same sentences: their errors may add up
    rate = float(np.mean([estimate.value for estimate in estimates]))
    stderr = float(np.mean([estimate.stderr for estimate in estimates]))
    methods = {estimate.method for estimate in estimates}
    method = methods.pop() if len(methods) == 1 else "enumerated and sampled"
    rows.append({"quantity": "entropy_rate", "value": rate, "stderr": stderr, "method": method})
