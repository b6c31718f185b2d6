"""Exact inference on the tree of a grammar: posteriors, entropies and Bayes limits.

One upward pass of messages (the inside algorithm; belief propagation on a tree) gives each node's
likelihood for every symbol it may hold; unseen tokens are marginalised. Nothing here assumes that
the grammar is unambiguous. Losses are in nats.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .grammar import Grammar
from .tasks import Task

Array = NDArray[np.float64]

_WORKING_SET = 2**22  # numbers in the largest temporary, so that memory is flat in the sentences


def _blocks(grammar: Grammar, sentences: int) -> Iterator[slice]:
    """Slices of the sentences whose temporaries stay below the working set."""
    parameters = grammar.parameters
    widest = max(
        parameters.s ** (parameters.L - level) * table.shape[0] * table.shape[1]
        for level, table in enumerate(grammar.rules, 1)
    )
    size = max(1, _WORKING_SET // widest)
    for start in range(0, sentences, size):
        yield slice(start, min(start + size, sentences))


def _leaves(grammar: Grammar, tokens: NDArray[np.integer], known: NDArray[np.bool_]) -> Array:
    """Messages of the tokens, ``(N, d, v)``: one-hot where known, one where marginalised."""
    messages = np.eye(grammar.parameters.v)[tokens]
    messages[~known] = 1.0
    return np.asarray(messages)


def _up(grammar: Grammar, level: int, children: Array) -> tuple[Array, Array]:
    """Messages of `level` from those below, ``(N, nodes*s, v)`` to ``(N, nodes, symbols)``.

    Each node's message is scaled to a maximum of one; the logarithms of the scales, summed over
    the nodes, come second, ``(N,)``.

    Raises
    ------
    ValueError
        If the grammar cannot produce a sentence; the text names the sentence and the node.
    """
    parameters = grammar.parameters
    s, rules = parameters.s, grammar.rules_of(level)
    tuples = children.reshape(len(children), -1, s, parameters.v)
    likelihood = tuples[:, :, 0, rules[..., 0]]
    for child in range(1, s):
        likelihood *= tuples[:, :, child, rules[..., child]]
    messages = likelihood @ parameters.probabilities(level)
    scale = messages.max(axis=-1, keepdims=True)
    if not scale.all():
        sentence, node = np.argwhere(scale[..., 0] == 0)[0]
        raise ValueError(
            f"sentence {sentence} is not of this grammar: no level-{level} symbol produces the "
            f"tuple at node {node}"
        )
    return messages / scale, np.log(scale).sum(axis=(1, 2))


def _check(grammar: Grammar, tokens: NDArray[np.integer]) -> NDArray[np.integer]:
    parameters = grammar.parameters
    tokens = np.asarray(tokens)
    if tokens.ndim != 2 or tokens.shape[1] != parameters.d:
        raise ValueError(f"sentences need shape (N, {parameters.d}), not {tokens.shape}")
    if tokens.size and (tokens.min() < 0 or tokens.max() >= parameters.v):
        raise ValueError(f"tokens must lie in 0..{parameters.v - 1}")
    return tokens


def root_posterior(
    grammar: Grammar, tokens: NDArray[np.integer], known: NDArray[np.bool_] | None = None
) -> Array:
    """Exact ``p(root symbol | known tokens)``, ``(N, n)``, from `tokens` and `known`, ``(N, d)``.

    Raises
    ------
    ValueError
        If a token is out of range or a sentence cannot be produced.
    """
    tokens = _check(grammar, tokens)
    known = np.ones(tokens.shape, dtype=bool) if known is None else known
    posterior = np.empty((len(tokens), grammar.parameters.n))
    for block in _blocks(grammar, len(tokens)):
        leaves = _leaves(grammar, tokens[block], known[block])
        posterior[block] = _root_from(grammar, 0, leaves)
    return posterior


def _root_from(grammar: Grammar, below: int, messages: Array) -> Array:
    """Posterior of the root, ``(N, n)``, from the messages of level `below`."""
    for level in range(below + 1, grammar.parameters.L + 1):
        messages, _ = _up(grammar, level, messages)
    return np.asarray(messages[:, 0] / messages[:, 0].sum(axis=1, keepdims=True))


def sentence_log_probability(grammar: Grammar, tokens: NDArray[np.integer]) -> Array:
    """``log p(sentence)``, shape ``(N,)``, the root symbol marginalised.

    By the chain rule its negative, divided by ``d``, is the exact autoregressive loss per token.

    Raises
    ------
    ValueError
        If a token is out of range or a sentence cannot be produced.
    """
    tokens = _check(grammar, tokens)
    logarithm = np.empty(len(tokens))
    for block in _blocks(grammar, len(tokens)):
        messages = _leaves(grammar, tokens[block], np.ones(tokens[block].shape, dtype=bool))
        total = np.zeros(len(messages))
        for level in range(1, grammar.parameters.L + 1):
            messages, scale = _up(grammar, level, messages)
            total += scale
        logarithm[block] = total + np.log(messages[:, 0].mean(axis=1))
    return logarithm


def last_token_posteriors(
    grammar: Grammar, tokens: NDArray[np.integer], contexts: list[int] | None = None
) -> Array:
    """Exact ``p(last token | the preceding s**l - 1 tokens)`` for every context level ``l``.

    The last level-``l`` ancestor starts from its exact marginal at that position; its
    distribution is pushed down the last branch through the siblings' messages.

    Parameters
    ----------
    tokens
        Sentences, ``(N, d)``; their last column is not used.
    contexts
        Context levels, ``0..L`` if not given (level 0: the unconditional marginal).

    Returns
    -------
    array
        Shape ``(len(contexts), N, v)``.

    Raises
    ------
    ValueError
        If a token is out of range or a sentence cannot be produced.
    """
    tokens = _check(grammar, tokens)
    parameters = grammar.parameters
    contexts = list(range(parameters.L + 1)) if contexts is None else contexts
    last = np.zeros(tokens.shape, dtype=bool)
    last[:, -1] = True
    posteriors = np.empty((len(contexts), len(tokens), parameters.v))
    for block in _blocks(grammar, len(tokens)):
        messages = _leaves(grammar, tokens[block], ~last[block])
        branch = []  # by level: weight of each rule of the last node given its first s-1 children
        for level in range(1, parameters.L + 1):
            rules = grammar.rules_of(level)
            weight = np.broadcast_to(
                parameters.probabilities(level), (len(messages), *rules.shape[:2])
            ).copy()
            for child in range(parameters.s - 1):
                weight *= messages[:, child - parameters.s, rules[..., child]]
            branch.append(weight)
            messages, _ = _up(grammar, level, messages)
        for row, context in enumerate(contexts):
            belief = np.tile(grammar.last_marginal(context), (len(messages), 1))
            for level in range(context, 0, -1):
                joint = branch[level - 1] * belief[:, :, None]
                ends = np.eye(parameters.v)[grammar.rules_of(level)[..., -1].ravel()]
                belief = joint.reshape(len(joint), -1) @ ends
                belief /= belief.sum(axis=1, keepdims=True)
            posteriors[row, block] = belief
    return posteriors


def entropy(posterior: Array) -> Array:
    """Entropy in nats over the last axis."""
    logs = np.log(posterior, where=posterior > 0, out=np.zeros_like(posterior))
    return np.asarray(-(posterior * logs).sum(axis=-1))


def ngram_entropies(grammar: Grammar, tokens: NDArray[np.integer]) -> tuple[Array, Array]:
    """``H_0..H_L`` and their standard errors over the sampled contexts, each of shape ``(L+1,)``.

    ``H_l`` is the entropy of the last token given the preceding ``s**l - 1`` tokens; ``H_L`` is
    the Bayes limit of the last-token loss. The exact posterior's entropy is averaged over
    contexts, which has a smaller variance than ``-log p`` of the drawn token.
    """
    sampled = entropy(last_token_posteriors(grammar, tokens))
    return sampled.mean(axis=1), sampled.std(axis=1, ddof=1) / np.sqrt(sampled.shape[1])


def rule_ranks(grammar: Grammar, tokens: NDArray[np.integer]) -> NDArray[np.int64]:
    """Rank ``k - 1`` of the level-1 rule that made each patch, shape ``(N, d/s)``.

    The most probable rule where an ambiguous grammar allows several.
    """
    tokens = _check(grammar, tokens)
    s = grammar.parameters.s
    rules = grammar.rules_of(1)
    by_rank = rules.transpose(1, 0, 2).reshape(-1, s)
    patches = tokens.reshape(len(tokens), -1, s)
    ranks = np.empty(patches.shape[:2], dtype=np.int64)
    for block in _blocks(grammar, len(tokens)):
        match = (patches[block][:, :, None, :] == by_rank).all(axis=-1)
        ranks[block] = match.argmax(axis=-1) // len(rules)
    return ranks


def classification_errors_by_rank(grammar: Grammar, tokens: NDArray[np.integer]) -> Array:
    """Bayes error of the root when only the ``k`` most probable level-1 rules are known.

    Every patch made by a rule of higher rank is marginalised. Shape ``(m_1 + 1,)``, for
    ``k = 0..m_1``; a prediction without free parameters for Zipf rules (arXiv:2505.07067).
    """
    tokens = _check(grammar, tokens)
    ranks = rule_ranks(grammar, tokens)
    right = np.zeros(grammar.parameters.m[0] + 1)
    for block in _blocks(grammar, len(tokens)):
        everything = np.ones(tokens[block].shape, dtype=bool)
        patches, _ = _up(grammar, 1, _leaves(grammar, tokens[block], everything))
        for known_ranks in range(len(right)):
            # a marginalised patch says the same of every symbol: its message is all ones
            known = (ranks[block] < known_ranks)[:, :, None]
            posterior = _root_from(grammar, 1, np.where(known, patches, 1.0))
            right[known_ranks] += posterior.max(axis=1).sum()
    return np.asarray(1.0 - right / len(tokens))


def exact_predictor(
    task: Task, grammar: Grammar, sentences: NDArray[np.void]
) -> dict[str, NDArray[Any]]:
    """The Bayes-optimal predictor on given sentences.

    Returns
    -------
    dict
        ``loss``: its loss on each sentence (nats; per token if autoregressive), ``(N,)``.
        ``posterior`` and ``entropy``: for tasks with one target, the exact posterior, ``(N, C)``,
        and its entropy, ``(N,)``.
    """
    tokens = sentences["tokens"]
    if task == "autoregressive":
        return {"loss": -sentence_log_probability(grammar, tokens) / tokens.shape[1]}
    if task == "classification":
        posterior, targets = root_posterior(grammar, tokens), sentences["label"]
    else:
        posterior = last_token_posteriors(grammar, tokens, [grammar.parameters.L])[0]
        targets = tokens[:, -1]
    chosen = np.take_along_axis(posterior, targets[:, None].astype(np.int64), axis=1)[:, 0]
    return {"loss": -np.log(chosen), "posterior": posterior, "entropy": entropy(posterior)}
