"""What is known of a grammar without any training: posteriors, entropies, predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..grammar.sampling import Stream
from ..grammar.tasks import Task, levels_seen
from ..theory import entropies as exact
from ..theory import inference
from ..theory import solve as theory
from . import checks, grammars
from .checks import public
from .grammars import Grammar
from .sentences import tokens_of

_SENTENCES = 2**14  # sampled for entropies that cannot be enumerated


def context_of(grammar: Grammar, task: Task, given: Any) -> int:
    """Last tokens that are seen, 0 for all; `ValueError` if this task or grammar has none such."""
    if given is None:
        return 0
    if task != "last_token":
        raise ValueError("context: is one of the task last_token; leave it out")
    seen: int = checks.value("context", checks.Count, given)
    try:
        levels_seen(grammar.parameters, seen)
    except ValueError as error:
        raise ValueError(f"context: {error}") from None
    return seen


@public
def posterior(
    grammar: Grammar, task: Task, sentences: Any, *, context: int | None = None
) -> NDArray[np.float64]:
    """Exact posteriors: what the best possible learner answers.

    By the inside algorithm on the tree, all unseen symbols marginalised; no approximation.

    Parameters
    ----------
    grammar
        Of `draw_grammar` or `read_grammar`.
    task
        ``classification``, ``last_token`` or ``autoregressive``.
    sentences
        Of `sample`, or an array of tokens ``(N, d)``.
    context
        Last tokens that are seen, a power of ``s``, the one to predict among them (``last_token``
        alone); the whole sentence if not given.

    Returns
    -------
    array
        Probabilities: of the root symbol given all tokens, ``(N, n)``; of the last token given
        those before it, ``(N, v_0)``; of every token given those before it, ``(N, d, v_0)``.

    Raises
    ------
    ValueError
        If a task is unknown, a token lies outside the vocabulary, or the grammar cannot produce a
        sentence; the text names it.
    TypeError
        If `grammar` is none, or tokens are no whole numbers.

    Examples
    --------
    >>> import rhm_scaling as rhm
    >>> grammar = rhm.draw_grammar(v=8, s=2, L=3, m=2)
    >>> sentences = rhm.sample(grammar, 5)
    >>> rhm.posterior(grammar, "last_token", sentences).shape
    (5, 8)
    >>> labels = rhm.posterior(grammar, "classification", sentences)
    >>> bool((labels.argmax(axis=1) == sentences.labels).all())
    True
    """
    known, asked = grammars.checked(grammar), checks.task(task)
    seen = context_of(known, asked, context)
    tokens = tokens_of(known, sentences, masked=asked == "last_token")
    try:
        if asked == "classification":
            return inference.root_posterior(known, tokens)
        if asked == "autoregressive":
            return inference.token_posteriors(known, tokens)
        level = levels_seen(known.parameters, seen)
        found: NDArray[np.float64] = inference.last_token_posteriors(known, tokens, [level])[0]
        return found
    except ValueError as error:
        raise ValueError(f"sentences: {error}") from None


@public
def entropies(grammar: Grammar, task: Task) -> pd.DataFrame:
    """Exact entropies of what a task asks, in nats: no learner's loss is lower.

    Parameters
    ----------
    grammar
        Of `draw_grammar` or `read_grammar`.
    task
        ``classification``, ``last_token`` or ``autoregressive``.

    Returns
    -------
    DataFrame
        Columns ``entropy`` (nats), ``stderr`` (zero where enumerated) and ``method``
        (``enumerated``, or ``sampled`` where there are more than four million contexts and
        symbols). A row, named by the index, is

        - ``last_token``: a level ``l = 0..L``, with ``H_l``, the entropy of the last token given
          the ``s**l - 1`` tokens before it (arXiv:2406.00048);
        - ``autoregressive``: a position ``0..d-1``, with the entropy of its token given all tokens
          before it; their mean is the best loss per token;
        - ``classification``: level 0, the entropy of the label, and ``L``, that of the label given
          the sentence.

    Raises
    ------
    ValueError
        If the task is unknown.
    TypeError
        If `grammar` is none.

    Examples
    --------
    >>> import rhm_scaling as rhm
    >>> grammar = rhm.draw_grammar(v=8, s=2, L=3, m=2)
    >>> rhm.entropies(grammar, "last_token")["entropy"].round(3).tolist()
    [1.73, 0.82, 0.227, 0.087]
    """
    known, asked = grammars.checked(grammar), checks.task(task)
    stream = Stream(known, known.rule_seed, 0, "theory")
    tokens = (chunk["tokens"] for chunk in stream.chunks(_SENTENCES))
    if asked == "last_token":
        found, index = exact.ngram_entropies(known, tokens), "level"
    elif asked == "autoregressive":
        found, index = exact.position_entropies(known, tokens), "position"
    else:
        return _of_labels(known, stream)
    return pd.DataFrame(
        {
            "entropy": [one.value for one in found],
            "stderr": [one.stderr for one in found],
            "method": [one.method for one in found],
        },
        index=pd.RangeIndex(len(found), name=index),
    )


def _of_labels(grammar: Grammar, stream: Stream) -> pd.DataFrame:
    """Entropy of the label, alone and given the sentence."""
    L = grammar.parameters.L
    alone, given, stderr = float(inference.entropy(grammar.root)), 0.0, 0.0
    certain = not any(len(grammar.shared_tuples(level)) for level in range(1, L + 1))
    if not certain:
        values = inference.entropy(
            inference.root_posterior(grammar, stream.take(_SENTENCES)["tokens"])
        )
        given, stderr = float(values.mean()), float(values.std() / len(values) ** 0.5)
    return pd.DataFrame(
        {
            "entropy": [alone, given],
            "stderr": [0.0, stderr],
            "method": ["enumerated", "enumerated" if certain else "sampled"],
        },
        index=pd.Index([0, L], name="level"),
    )


@public
def solve(grammar: Grammar, task: Task) -> theory.Solution:
    """Everything that theory says of a grammar and task before any training.

    Entropies and Bayes errors, exact correlations and the sample complexities ``P_l`` at which they
    rise above the noise of sampling, and predicted learning curves (arXiv:2505.07067 and
    arXiv:2505.07070).

    Parameters
    ----------
    grammar
        Of `draw_grammar` or `read_grammar`.
    task
        ``classification``, ``last_token`` or ``autoregressive``.

    Returns
    -------
    Solution
        ``quantities``, a row a number: quantity, learner, level, index (a rank or position),
        value (nats, sentences, or a number), stderr (zero if exact), method. ``curves``, a row a
        prediction and size: prediction, learner, train_size (sentences), value (excess loss in
        nats, or error). results/README.md lists all of them.

    Raises
    ------
    ValueError
        If the task is unknown.
    TypeError
        If `grammar` is none.

    Examples
    --------
    >>> import rhm_scaling as rhm
    >>> grammar = rhm.draw_grammar(v=8, s=2, L=3, m=2)
    >>> known = rhm.solve(grammar, "last_token").quantities
    >>> known.query("quantity == 'threshold' and learner == 'cnn'")["value"].round().tolist()
    [25.0, 83.0, 409.0]
    >>> rhm.solve(grammar, "last-token")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: task: input should be 'classification', 'last_token' or ..., not 'last-token'
    """
    known, asked = grammars.checked(grammar), checks.task(task)
    return theory.solve(known, asked, known.rule_seed)
