"""What corrupted sentences tell, exactly: posteriors, restored sentences, the critical fraction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..core.hashing import seed_from
from ..grammar.sparse import SparseParameters
from ..theory import denoising as exact
from ..theory import population
from ..theory.messages import blocks
from . import checks, grammars
from .checks import public
from .grammars import Grammar
from .sentences import tokens_of

Noise = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Numbers = NDArray[np.int64]
Array = NDArray[np.float64]


@public
def denoise(grammar: Grammar, sentences: Any, *, noise: float = 0.0) -> list[Array]:
    """Exact posteriors of every symbol of the tree, given a corrupted sentence.

    By messages up the tree and beliefs down again (arXiv:2402.16991); no approximation, and the
    time grows as the number of tokens.

    Parameters
    ----------
    grammar
        Of `draw_grammar` or `read_grammar`.
    sentences
        Tokens ``(N, d)``, whole numbers ``0..v_0``, where ``v_0`` is a mask: nothing is seen there.
    noise
        Probability with which each token was replaced by one of the ``v_0`` tokens, all equally
        probable, by itself too. Masks are not noisy.

    Returns
    -------
    list of arrays
        By level from 0, the tokens, to ``L``, the root: probabilities, ``(N, s**(L-l), v_l)``.

    Raises
    ------
    ValueError
        If a token lies outside the vocabulary, or no sentence of the grammar can be seen like this;
        the text names it.
    TypeError
        If `grammar` is none, or tokens are no whole numbers.

    Examples
    --------
    >>> import rhm_scaling as rhm
    >>> grammar = rhm.draw_grammar(v=8, s=2, L=3, m=2)
    >>> tokens = rhm.sample(grammar, 5).tokens
    >>> tokens[:, 1::2] = 8  # every other token is masked
    >>> [level.shape for level in rhm.denoise(grammar, tokens)]
    [(5, 8, 8), (5, 4, 8), (5, 2, 8), (5, 1, 8)]
    """
    parts = [
        [np.moveaxis(level, 0, -1) for level in exact.posteriors(grammar, messages)]
        for messages in _messages(grammar, sentences, noise)
    ]
    p = grammar.parameters
    none = [np.empty((0, p.s ** (p.L - level), p.symbols(level))) for level in range(p.L + 1)]
    return [np.concatenate(level) for level in zip(none, *parts)]


@public
def restore(grammar: Grammar, sentences: Any, *, noise: float = 0.0, seed: int = 0) -> Numbers:
    """Sentences drawn anew from the posterior of all their tokens together.

    First the root, given all evidence, then for each symbol a rule, given what is known below it:
    every subtree obeys the rules. It is what a perfect denoiser generates (arXiv:2410.13770).

    Parameters
    ----------
    grammar, sentences, noise
        As in `denoise`.
    seed
        Another one draws others from the same posterior.

    Returns
    -------
    array
        Tokens, ``(N, d)``.

    Raises
    ------
    ValueError, TypeError
        As in `denoise`.

    Examples
    --------
    >>> import rhm_scaling as rhm
    >>> grammar = rhm.draw_grammar(v=8, s=2, L=3, m=2)
    >>> tokens = rhm.sample(grammar, 5).tokens
    >>> seen = tokens.copy()
    >>> seen[:, 1::2] = 8
    >>> bool((rhm.restore(grammar, seen)[:, ::2] == tokens[:, ::2]).all())
    True
    """
    source = np.random.default_rng(checks.value("seed", checks.Seed, seed))
    parts = [
        exact.resample(grammar, messages, source)[0]
        for messages in _messages(grammar, sentences, noise)
    ]
    return np.concatenate([np.empty((0, grammar.parameters.d), dtype=np.int64), *parts])


@public
def critical_fraction(grammar: Grammar, corruption: exact.Corruption = "mask") -> float:
    """The fraction of corrupted tokens up to which the root of ever deeper trees is known.

    An unstable fixed point of the recursion of messages up the tree, found with a population of
    them and without a sentence. The recursion takes the grammar's levels again and again.

    Parameters
    ----------
    grammar
        Of `draw_grammar` or `read_grammar`, with one number of symbols for all levels, the root's
        too.
    corruption
        ``mask``, or ``noise``: tokens are replaced by any, with equal probabilities.

    Returns
    -------
    float
        The fraction, ``0..1``, to a resolution of 0.002.

    Raises
    ------
    ValueError
        If levels have different numbers of symbols, or the corruption is unknown.
    TypeError
        If `grammar` is none.

    Examples
    --------
    >>> import rhm_scaling as rhm
    >>> grammar = rhm.draw_grammar(v=16, s=2, L=4, m=4)
    >>> 0.4 < rhm.critical_fraction(grammar) < 0.6
    True
    """
    known = grammars.checked(grammar)
    kind: exact.Corruption = checks.value("corruption", exact.Corruption, corruption)
    p = known.parameters
    if isinstance(p, SparseParameters) or len({*p.v, p.n}) > 1:
        raise ValueError(
            "grammar: its levels have different numbers of symbols, and messages that go on above "
            "the root take one number for all; give v one number and leave n out"
        )
    return population.critical_fraction(
        known, kind, seed_from("denoising", p.specification(), known.rule_seed)
    )


def _messages(grammar: Grammar, sentences: Any, noise: Any) -> Iterator[list[Array]]:
    """Messages by level of some sentences at a time, once the arguments are checked."""
    v = grammars.checked(grammar).parameters.v[0]
    rate: float = checks.value("noise", Noise, noise)
    seen = tokens_of(grammar, sentences, mask=v)
    masked = seen == v
    for block in blocks(grammar, len(seen)):
        leaves = exact.evidence(seen[block], "noise", rate, v)
        leaves[:, masked[block]] = 1.0
        messages = exact.upward(grammar, leaves)
        possible = (grammar.root[:, None] * messages[-1][:, :, 0]).any(axis=0)
        for row in np.flatnonzero(~possible)[:1]:
            seen_so = f"can be seen like row {block.start + row}"
            raise ValueError(f"sentences: the grammar produces none that {seen_so}")
        yield messages
