"""Sentences with the derivations that made them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.hashing import seed_from
from ..grammar.sampling import Stream, record_type
from ..theory.inference import checked as checked_tokens
from ..theory.lookup import Lookup
from ..theory.messages import Tree, blocks, leaves
from ..theory.parses import parses
from . import checks, grammars
from .checks import public
from .grammars import Grammar

_AT_ONCE = 2**21  # numbers of rules that are looked at together

Numbers = NDArray[np.int64]
Set = Literal["new", "train", "validation", "test"]


@dataclass(frozen=True, eq=False)
class Sentences:
    """Sentences of a grammar; ``sentences[rows]`` are some of them.

    Attributes
    ----------
    grammar
        Theirs.
    tokens
        ``(N, d)``, numbers below ``v_0``.
    labels
        Root symbols, ``(N,)``.
    seed
        With which a derivation is chosen where a sentence has several.
    part_of
        The sentences that these are some of, and their rows there, if they are: a sentence keeps
        its derivation.
    """

    grammar: Grammar
    tokens: Numbers
    labels: Numbers
    seed: int
    part_of: tuple[Sentences, Numbers] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"<{len(self)} sentences of {self.tokens.shape[1]} tokens, {self.grammar}>"

    def __getitem__(self, rows: Any) -> Sentences:
        some = np.atleast_1d(np.arange(len(self))[rows])
        chosen = self.tokens[some], self.labels[some]
        return Sentences(self.grammar, *chosen, self.seed, (self, some))

    @property
    def symbols(self) -> dict[int, Numbers]:
        """By level ``0..L``, the symbols of all nodes, ``(N, s**(L-l))``; level 0 is the tokens."""
        return self._derivations[0]

    @property
    def ranks(self) -> dict[int, Numbers]:
        """By level ``1..L``, the rank of the rule taken at every node, ``(N, s**(L-l))``.

        Ranks count from 1, the most probable rule of a symbol; with uniform rules they only number
        them. Node ``i`` of level ``l`` makes the tokens ``i * s**l .. (i + 1) * s**l - 1``.
        """
        return self._derivations[1]

    @cached_property
    def _derivations(self) -> tuple[dict[int, Numbers], dict[int, Numbers]]:
        """Symbols and ranks: looked up if the grammar is unambiguous, else drawn."""
        levels = range(self.grammar.parameters.L + 1), range(1, self.grammar.parameters.L + 1)
        if self.part_of:
            whole, rows = self.part_of
            found = (whole.symbols, whole.ranks)
            symbols, ranks = ({level: part[level][rows] for level in part} for part in found)
            return symbols, ranks
        if lookup := Lookup.build(self.grammar):
            return parses(lookup, self.tokens)
        source = np.random.Generator(np.random.Philox(self.seed))
        parts = [self._derive(block, source) for block in blocks(self.grammar, len(self))]
        symbols, ranks = (
            {level: np.concatenate([part[level] for part in by_block]) for level in known}
            for known, by_block in zip(levels, zip(*parts))
        )
        return symbols, ranks

    def _derive(
        self, block: slice, source: np.random.Generator
    ) -> tuple[dict[int, Numbers], dict[int, Numbers]]:
        """From their exact posterior, from the root down.

        A rule is as probable as it is by itself, times what it leaves to explain.
        """
        grammar, s, L = self.grammar, self.grammar.parameters.s, self.grammar.parameters.L
        tree = Tree(grammar, leaves(grammar, self.tokens[block]), first=block.start)
        symbols, ranks = {L: self.labels[block, None]}, {}
        # a row a sentence: those of the first ones do not depend on how many there are
        nodes = sum(s ** (L - level) for level in range(1, L + 1))
        random = source.random((len(symbols[L]), nodes))
        for level in range(L, 0, -1):
            parents = symbols[level]
            here, random = np.split(random, [parents.shape[1]], axis=1)
            rules, messages = grammar.rules_of(level), tree.messages[level - 1]
            taken = np.empty_like(parents)
            size = max(1, _AT_ONCE // (len(parents) * rules.shape[1] * s))
            for start in range(0, parents.shape[1], size):
                some = slice(start, start + size)
                taken[:, some] = _chosen(
                    grammar.probabilities_of(level)[parents[:, some]],
                    rules[parents[:, some]],
                    messages.reshape(-1, s, *messages.shape[1:])[some],
                    here[:, some],
                )
            ranks[level] = taken + 1
            symbols[level - 1] = rules[parents, taken].reshape(len(parents), -1)
        return symbols, ranks


def _chosen(
    weights: NDArray[np.float64],
    rules: Numbers,
    messages: NDArray[np.float64],
    at: NDArray[np.float64],
) -> Numbers:
    """A rule of each node, ``(B, nodes)``, by its weight and the messages of its children.

    `weights` ``(B, nodes, m)``, `rules` ``(B, nodes, m, s)``, `messages` ``(nodes, s, v, B)``, `at`
    uniform, ``(B, nodes)``.
    """
    nodes, rows = np.arange(len(messages))[:, None], np.arange(len(at))[:, None, None]
    for child in range(rules.shape[-1]):
        weights = weights * messages[nodes, child, rules[..., child], rows]
    ends = weights.cumsum(axis=-1)
    return np.asarray((ends <= (at * ends[..., -1])[..., None]).sum(axis=-1), dtype=np.int64)


@public
def sample(grammar: Grammar, count: int, sample_seed: int = 0, *, stream: Set = "new") -> Sentences:
    """Independent sentences, with their labels, hidden symbols and the ranks of their rules.

    Equal arguments give equal sentences, and sentence ``i`` is the same whatever `count` is.

    Parameters
    ----------
    grammar
        Of `draw_grammar` or `read_grammar`.
    count
        How many, ``N``.
    sample_seed
        Of the sample.
    stream
        ``new``: sentences that no study trains or tests on. Or those of a study with this rule and
        sample seed and `replacement: true`: ``train`` (a training set of size ``P`` is the first
        ``P``), ``validation`` or ``test``.

    Returns
    -------
    Sentences
        ``tokens`` ``(N, d)``; ``labels`` ``(N,)``; ``symbols``, by level ``0..L``, and ``ranks``,
        by level ``1..L``, each ``(N, s**(L-l))``: ranks count from 1, the most probable rule. A
        slice, mask or array of rows in brackets picks some sentences. Derivations are worked out
        when they are first asked for; where a grammar is ambiguous they are drawn from their exact
        posterior.

    Raises
    ------
    ValueError
        If an argument is out of range; the text names it.
    TypeError
        If `grammar` is none.

    Examples
    --------
    >>> import rhm_scaling as rhm
    >>> grammar = rhm.draw_grammar(v=8, s=2, L=3, m=2, zipf={1: 1.0})
    >>> sentences = rhm.sample(grammar, 1000)
    >>> sentences.tokens.shape, sentences.labels.shape, sentences.ranks[1].shape
    ((1000, 8), (1000,), (1000, 4))
    >>> round(float((sentences.ranks[1] == 1).mean()), 1)  # rank 1 has probability 0.8
    0.8
    >>> rhm.sample(grammar, 1000, stream="trian")
    Traceback (most recent call last):
    ValueError: stream: input should be 'new', 'train', 'validation' or 'test', not 'trian'
    """
    known = grammars.checked(grammar)
    size = checks.value("count", checks.Count, count)
    seed = checks.value("sample_seed", checks.Seed, sample_seed)
    name = checks.value("stream", Set, stream)
    drawn = Stream(known, known.rule_seed, seed, name).take(size)
    what = [known.parameters.specification(), known.rule_seed, seed, name]
    return Sentences(
        known,
        drawn["tokens"].astype(np.int64),
        drawn["label"].astype(np.int64),
        seed_from("derivations", *what),
    )


def tokens_of(
    grammar: Grammar, given: Any, masked: bool = False, mask: int | None = None
) -> Numbers:
    """The tokens of sentences, ``(N, d)``, of `sample` or one's own.

    With `masked`, what stands at the last position does not matter. A `mask` may stand anywhere.

    Raises
    ------
    ValueError
        If they have another shape, or a token outside the vocabulary.
    TypeError
        If they are no whole numbers.
    """
    if isinstance(given, Sentences):
        given = given.tokens
    or_mask = "" if mask is None else f", or {mask} for a mask"
    try:
        tokens = np.array(given)
    except ValueError:  # rows of several lengths
        tokens = np.array([])
    if tokens.dtype.kind not in "iu":
        raise TypeError(
            f"sentences: take those of sample, or an array of tokens, whole numbers of shape "
            f"(N, {grammar.parameters.d}){or_mask}, not {checks.kind_of(given)}"
        )
    tokens = tokens.astype(np.int64)
    if masked and tokens.ndim == 2:
        tokens[:, -1:] = 0
    hidden = np.zeros(tokens.shape, bool) if mask is None else tokens == mask
    tokens[hidden] = 0  # a token of the vocabulary
    try:
        found = np.asarray(checked_tokens(grammar, tokens), dtype=np.int64)
    except ValueError as error:
        raise ValueError(f"sentences: {error}{or_mask}") from None
    found[hidden] = mask or 0
    return found


def records(grammar: Grammar, tokens: Numbers) -> NDArray[np.void]:
    """Tokens as the structured array that tasks are made of; labels are zero."""
    made = np.zeros(len(tokens), dtype=record_type(grammar))
    made["tokens"] = tokens
    return made
