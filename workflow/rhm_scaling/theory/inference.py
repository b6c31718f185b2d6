"""Exact inference on the tree of a grammar: posteriors of tokens and of hidden symbols.

By messages through all rules (`messages`), which assume nothing of the grammar; where it is
unambiguous and tokens are seen, symbols are looked up instead (`lookup`). Losses are in nats.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..grammar.model import Grammar
from ..grammar.tasks import Task, levels_seen
from .lookup import Lookup
from .messages import Tree, blocks, leaves, refuse

Array = NDArray[np.float64]


def _trees(
    grammar: Grammar, tokens: NDArray[np.integer], known: NDArray[np.bool_] | None = None
) -> Iterator[tuple[slice, Tree]]:
    """Messages of all sentences, a block at a time."""
    tokens = checked(grammar, tokens)
    if known is not None and np.shape(known) != tokens.shape:
        raise ValueError(f"known needs the shape of the sentences, {tokens.shape}")
    for block in blocks(grammar, len(tokens)):
        mask = None if known is None else known[block]
        yield block, Tree(grammar, leaves(grammar, tokens[block], mask), first=block.start)


def _parsed(
    lookup: Lookup, tokens: NDArray[np.integer]
) -> Iterator[tuple[slice, list[NDArray[np.int64]], Array]]:
    """Symbols of all sentences and the log-probability of their rules, a block at a time."""
    tokens = checked(lookup.grammar, tokens)
    for block in lookup.blocks(len(tokens)):
        levels, rules = lookup.parse(tokens[block])
        root = np.append(lookup.grammar.root, 0.0)[levels[-1][:, 0]]  # none is the last
        if not root.all():
            refuse(lookup.grammar, leaves(lookup.grammar, tokens[block]), root > 0, block.start)
        yield block, levels, rules


def checked(grammar: Grammar, tokens: NDArray[np.integer]) -> NDArray[np.integer]:
    """Sentences of the right shape, ``(N, d)``, whose tokens lie in the vocabulary.

    Raises
    ------
    ValueError
        If they are not; the text names the sentence and the position.
    """
    parameters = grammar.parameters
    tokens = np.asarray(tokens)
    if tokens.ndim != 2 or tokens.shape[1] != parameters.d:
        raise ValueError(f"sentences need shape (N, {parameters.d}), not {tokens.shape}")
    outside = (tokens < 0) | (tokens >= parameters.v[0])
    if outside.any():
        row, position = np.argwhere(outside)[0]
        raise ValueError(
            f"sentence {row}, position {position}: token {tokens[row, position]} lies outside "
            f"0..{parameters.v[0] - 1}"
        )
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
    posterior = np.zeros((len(tokens), grammar.parameters.n))
    if known is None and (lookup := Lookup.build(grammar)):
        for block, levels, _ in _parsed(lookup, tokens):
            posterior[block][np.arange(len(levels[-1])), levels[-1][:, 0]] = 1.0
        return posterior
    for block, tree in _trees(grammar, tokens, known):
        posterior[block] = tree.root().T
    return posterior


def hidden_posteriors(
    grammar: Grammar, tokens: NDArray[np.integer], known: NDArray[np.bool_] | None = None
) -> list[Array]:
    """Exact ``p(symbol of a node | known tokens)`` for every node of every level.

    Returns
    -------
    list of arrays
        By level from 0 (for masked tokens) to ``L`` (the root), ``(N, nodes, symbols)``.

    Raises
    ------
    ValueError
        If a token is out of range or a sentence cannot be produced.
    """
    parts: list[list[Array]] = [[] for _ in range(grammar.parameters.L + 1)]
    for _, tree in _trees(grammar, tokens, known):
        beliefs = tree.beliefs(left_only=False)
        for level, (belief, message) in enumerate(zip(beliefs, tree.messages)):
            joint = belief * message
            joint /= joint.sum(axis=1, keepdims=True)
            parts[level].append(joint.transpose(2, 0, 1))
    return [np.concatenate(part) for part in parts]


def likeliest_symbols(grammar: Grammar, tokens: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    """The most probable symbol of every node, by level from 0 to ``L``, ``(N, nodes)``.

    The symbols that made the sentence, if the grammar is unambiguous. Memory is flat in ``N``.

    Raises
    ------
    ValueError
        If a token is out of range or a sentence cannot be produced.
    """
    if lookup := Lookup.build(grammar):
        parts = [levels for _, levels, _ in _parsed(lookup, tokens)]
    else:
        each = (hidden_posteriors(grammar, tokens[b]) for b in blocks(grammar, len(tokens)))
        parts = [[posterior.argmax(axis=2) for posterior in levels] for levels in each]
    return [np.concatenate(level) for level in zip(*parts)]


def token_posteriors(grammar: Grammar, tokens: NDArray[np.integer]) -> Array:
    """Exact ``p(token | all tokens to its left)``: the autoregressive predictor, ``(N, d, v_0)``.

    Raises
    ------
    ValueError
        If a token is out of range or a sentence cannot be produced.
    """
    parameters = grammar.parameters
    posterior = np.empty((len(tokens), parameters.d, parameters.v[0]))
    if lookup := Lookup.build(grammar):
        for block, levels, _ in _parsed(lookup, tokens):
            posterior[block] = lookup.every_token(levels)
        return posterior
    for block, tree in _trees(grammar, tokens):
        posterior[block] = tree.beliefs(left_only=True)[0].transpose(2, 0, 1)
    return posterior


def sentence_log_probability(grammar: Grammar, tokens: NDArray[np.integer]) -> Array:
    """``log p(sentence)``, shape ``(N,)``, the root symbol marginalised.

    By the chain rule its negative, divided by ``d``, is the exact autoregressive loss per token.

    Raises
    ------
    ValueError
        If a token is out of range or a sentence cannot be produced.
    """
    logarithm = np.empty(len(tokens))
    if lookup := Lookup.build(grammar):
        for block, levels, rules in _parsed(lookup, tokens):
            logarithm[block] = rules + np.log(grammar.root[levels[-1][:, 0]])
        return logarithm
    for block, tree in _trees(grammar, tokens):
        logarithm[block] = tree.log_scale + np.log(grammar.root @ tree.messages[-1][0])
    return logarithm


def last_token_posteriors(
    grammar: Grammar, tokens: NDArray[np.integer], contexts: Sequence[int] | None = None
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
        Shape ``(len(contexts), N, v_0)``.

    Raises
    ------
    ValueError
        If a token is out of range or a sentence cannot be produced.
    """
    parameters = grammar.parameters
    wanted = list(range(parameters.L + 1)) if contexts is None else list(contexts)
    known = np.ones(np.shape(tokens), dtype=bool)
    known[:, -1] = False
    posteriors = np.empty((len(wanted), len(tokens), parameters.v[0]))
    if lookup := Lookup.build(grammar):
        tokens = checked(grammar, tokens)
        for block in lookup.blocks(len(tokens)):
            posteriors[:, block], possible = lookup.last_token(tokens[block], wanted)
            if not possible.all():
                messages = leaves(grammar, tokens[block], known[block])
                refuse(grammar, messages, possible, block.start)
        return posteriors
    for block, tree in _trees(grammar, tokens, known):
        size = block.stop - block.start
        started: list[int] = []  # contexts whose ancestor stands at this level or above
        beliefs = np.empty((0, parameters.n, size))
        for level in range(parameters.L, -1, -1):
            marginal = grammar.last_marginal(level)
            new = np.repeat(marginal[None, :, None], wanted.count(level), axis=0)
            beliefs = np.concatenate([beliefs, np.repeat(new, size, axis=2)])
            started += [row for row, context in enumerate(wanted) if context == level]
            if level:
                below = tree.messages[level - 1][-parameters.s :]
                siblings = dict(enumerate(below[:-1]))
                beliefs = tree.levels[level - 1].down(beliefs, parameters.s - 1, siblings)
        posteriors[started, block] = beliefs.transpose(0, 2, 1)
    return posteriors


def entropy(posterior: Array) -> Array:
    """Entropy in nats over the last axis."""
    logs = np.log(posterior, where=posterior > 0, out=np.zeros_like(posterior))
    return np.asarray(-(posterior * logs).sum(axis=-1))


def level_divergences(grammar: Grammar, tokens: NDArray[np.integer]) -> Array:
    """How far each level is from the exact posterior, sentence by sentence.

    Kullback-Leibler divergence, in nats, from the exact posterior of the last token to that of a
    learner who knows the grammar up to level ``l`` and reads the last ``s**l - 1`` tokens. Its mean
    over sentences is ``H_l - H_L``; in a single sentence it may grow from one level to the next.

    Parameters
    ----------
    grammar
        The grammar.
    tokens
        Sentences, ``(N, d)``.

    Returns
    -------
    array
        For ``l = 0..L``, ``(L+1, N)``; zero at ``L``.

    Raises
    ------
    ValueError
        If a token is out of range or a sentence cannot be produced.
    """
    posteriors = last_token_posteriors(grammar, tokens)
    exact = posteriors[-1]
    seen = exact > 0  # where it is not, the term is zero
    ratios = np.where(seen, exact, 1.0) / np.where(seen, posteriors, 1.0)
    return np.asarray((exact * np.log(ratios)).sum(axis=-1))


def exact_predictor(
    task: Task, grammar: Grammar, sentences: NDArray[np.void], context: int = 0
) -> dict[str, NDArray[Any]]:
    """The Bayes-optimal predictor on given sentences.

    For last tokens, given what else is among the last `context` ones (0: the whole sentence); the
    mean of its loss is then that level's ``H_l`` (arXiv:2406.00048).

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
        posterior = last_token_posteriors(
            grammar, tokens, [levels_seen(grammar.parameters, context)]
        )[0]
        targets = tokens[:, -1]
    chosen = np.take_along_axis(posterior, targets[:, None].astype(np.int64), axis=1)[:, 0]
    return {"loss": -np.log(chosen), "posterior": posterior, "entropy": entropy(posterior)}
