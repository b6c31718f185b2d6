"""The random hierarchy model: production rules, rule probabilities and levels.

Notation of arXiv:2505.07067 and arXiv:2505.07070: a regular tree of depth ``L`` and branching
``s``; level ``L`` is the root (``n`` symbols), level 0 the visible tokens; below the root level
``l`` has ``v_l`` symbols, ``v`` where all levels have equally many; a level-``l`` symbol has
``m_l`` production rules (synonyms), tuples of ``s`` symbols of level ``l-1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.hashing import seed_from

# Above this many tuples they are drawn one by one and repeats rejected, never enumerated.
ENUMERABLE = 2**24


@dataclass(frozen=True)
class Parameters:
    """What a grammar is drawn from; `m` and `zipf` are by level, level 1 first.

    Attributes
    ----------
    v
        Symbols of the levels ``0..L-1``, the tokens first.
    n, s, L
        Root symbols, branching, depth.
    m
        Rules per symbol of levels ``1..L``.
    zipf
        Zipf exponent ``a`` of each level, ``f_k`` proportional to ``k**-(1+a)``; ``None`` where
        the rules are uniform.
    file
        For a grammar from a user's file: the identity of its content. Such a grammar is not drawn;
        `m` holds the most rules that a symbol of the level has, and no closed form applies.
    """

    v: tuple[int, ...]
    n: int
    s: int
    L: int
    m: tuple[int, ...]
    zipf: tuple[float | None, ...]
    file: str | None = None

    @classmethod
    def from_keys(
        cls,
        *,
        v: int | Mapping[int, int],
        s: int,
        L: int,
        m: int | Mapping[int, int],
        n: int | None = None,
        zipf: Mapping[int, float] | None = None,
    ) -> Parameters:
        """Parameters from `v` and `m` (one for all levels, or by level) and `zipf` by level.

        Of `v` a level that is not named has as many symbols as the nearest named one below it; `n`
        is that of level ``L-1`` if not given.

        Raises
        ------
        ValueError
            If the parameters admit no unambiguous grammar; the text names the parameter.
        """
        levels = range(1, L + 1)
        by_level = dict.fromkeys(levels, m) if isinstance(m, int) else dict(m)
        if sorted(by_level) != list(levels):
            raise ValueError(f"m: needs one number for each of the levels 1..{L}")
        if not set(zipf or {}) <= set(levels):
            raise ValueError(f"zipf: levels go from 1 to {L}")
        exponents = tuple((zipf or {}).get(level) for level in levels)
        symbols = vocabulary(v, L)
        n = symbols[-1] if n is None else n
        made = cls(symbols, n, s, L, tuple(by_level[i] for i in levels), exponents)
        made.check()
        return made

    def check(self) -> None:
        """Raise `ValueError`, naming the parameter, if no unambiguous grammar has these values."""
        for level, v in enumerate(self.v):
            if v < 2:
                raise ValueError(f"v: must be at least 2, not {v} (level {level})")
        for name, least in {"n": 1, "s": 2, "L": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}: must be at least {least}, not {getattr(self, name)}")
        if self.file is not None:
            return
        for level, m in enumerate(self.m, 1):
            if m < 1:
                raise ValueError(f"m: must be at least 1, not {m} (level {level})")
            self._check_level(level, m)
        for level, a in enumerate(self.zipf, 1):
            if a is not None and not a > 0:
                raise ValueError(f"zipf: the exponent must be above 0, not {a} (level {level})")

    def _check_level(self, level: int, m: int) -> None:
        """Raise `ValueError` if the symbols of a level have more rules than there are tuples."""
        tuples, symbols = self.tuples(level), self.symbols(level)
        letter = "n" if level == self.L else "v"
        v = self.v[level - 1]
        below = "" if len(set(self.v)) == 1 else f" for the {v} symbols of the level below"
        needs = (
            f"level {level} needs {letter}*m = {symbols}*{m} = {symbols * m} distinct tuples, but "
            f"v**s = {tuples}{below}; take"
        )
        if symbols > tuples:
            least = 1 if letter == "n" else 2
            raise ValueError(f"{letter}: {needs} {letter} at most {max(least, tuples // m)}")
        if symbols * m > tuples:
            raise ValueError(f"m: {needs} m at most {tuples // symbols}")

    @property
    def d(self) -> int:
        """Tokens in a sentence, ``s**L``."""
        return int(self.s**self.L)

    def symbols(self, level: int) -> int:
        """Number of symbols of `level`: ``n`` at the root, ``v_l`` below."""
        return self.n if level == self.L else self.v[level]

    def tuples(self, level: int) -> int:
        """Number of tuples that rules of `level` are drawn from, ``v_(l-1)**s``."""
        return int(self.v[level - 1] ** self.s)

    def probabilities(self, level: int) -> NDArray[np.float64]:
        """``f_k`` of the rules of a symbol of `level`, shape ``(m_l,)``, most probable first.

        Raises
        ------
        ValueError
            If the grammar comes from a file: each symbol has its own, `Grammar.probabilities`.
        """
        if self.file is not None:
            raise ValueError("a grammar from a file has no closed form")
        m, a = self.m[level - 1], self.zipf[level - 1]
        weights = np.ones(m) if a is None else np.arange(1, m + 1) ** -(1.0 + a)
        return np.asarray(weights / weights.sum())

    def q(self, level: int) -> float:
        """``sum_k f_k**2`` of `level`: the probability that two derivations share the rule."""
        return float((self.probabilities(level) ** 2).sum())

    def log_sentences(self) -> float:
        """Natural logarithm of the number of sentences of the language."""
        nodes = [self.s ** (self.L - level) for level in range(1, self.L + 1)]
        return float(np.log(self.n) + sum(k * np.log(m) for k, m in zip(nodes, self.m)))

    def specification(self) -> dict[str, Any]:
        """A canonical JSON value: equal for equal parameters, however they were written."""
        specification = {
            "v": self.v[0] if len(set(self.v)) == 1 else list(self.v),
            "n": self.n,
            "s": self.s,
            "L": self.L,
            "m": list(self.m),
            "zipf": [None if a is None else float(a) for a in self.zipf],
        }
        return specification if self.file is None else {**specification, "file": self.file}

    @classmethod
    def from_specification(cls, specification: Mapping[str, Any]) -> Parameters:
        """The inverse of `specification`."""
        v, L = specification["v"], int(specification["L"])
        made = cls(
            v=tuple(map(int, v)) if isinstance(v, list) else (int(v),) * L,
            n=int(specification["n"]),
            s=int(specification["s"]),
            L=L,
            m=tuple(int(m) for m in specification["m"]),
            zipf=tuple(None if a is None else float(a) for a in specification["zipf"]),
            file=specification.get("file"),
        )
        made.check()
        return made

    def label(self) -> str:
        """A readable name for paths: ``v16-n16-s2-L3-m16.2.2-zipf1=1``."""
        v, m = (
            str(given[0]) if len(set(given)) == 1 else ".".join(map(str, given))
            for given in (self.v, self.m)
        )
        zipf = [f"{level}={a:g}" for level, a in enumerate(self.zipf, 1) if a is not None]
        parts = [f"v{v}", f"n{self.n}", f"s{self.s}", f"L{self.L}", f"m{m}"]
        parts += ["zipf" + ",".join(zipf)] if zipf else []
        return "-".join(parts + ([f"file{self.file}"] if self.file else []))


def vocabulary(v: int | Mapping[int, int], L: int) -> tuple[int, ...]:
    """``v_0..v_(L-1)`` from one number for all levels, or numbers by level.

    A level that is not named has as many symbols as the nearest named one below it.

    Raises
    ------
    ValueError
        If level 0 is not named, or the root, or a level above it; the text names `v`.
    """
    by_level = {0: v} if isinstance(v, int) else v
    if 0 not in by_level:
        raise ValueError("v: level 0, the tokens, is missing; name it")
    if L < 1:
        raise ValueError(f"L: must be at least 1, not {L}")
    if wrong := sorted(set(by_level) - set(range(L))):
        raise ValueError(
            f"v: level {wrong[0]} is not below the root, which is level {L} and has n symbols; "
            f"name levels from 0 to {L - 1}"
        )
    found: list[int] = []
    for level in range(L):
        found.append(by_level[level] if level in by_level else found[-1])
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Grammar:
    """Production rules and their probabilities: one draw of the model, or a user's own grammar.

    Attributes
    ----------
    parameters
        What it was drawn from, or the shape of a grammar from a file.
    rules
        By level (index ``level - 1``), the tuples: ``(symbols, m_l, s)``, entries below
        ``v_(l-1)``.
    probabilities
        By level, the probability of each rule of each symbol, ``(symbols, m_l)``; zero fills up
        symbols with fewer rules.
    root
        Probability of each root symbol, ``(n,)``.
    """

    parameters: Parameters
    rules: tuple[NDArray[np.int64], ...]
    probabilities: tuple[NDArray[np.float64], ...]
    root: NDArray[np.float64]

    @classmethod
    def from_rules(cls, parameters: Parameters, rules: tuple[NDArray[np.int64], ...]) -> Grammar:
        """The grammar with these rules, and the probabilities that `parameters` give them."""
        probabilities = tuple(
            np.tile(parameters.probabilities(level), (len(table), 1))
            for level, table in enumerate(rules, 1)
        )
        return cls(parameters, rules, probabilities, np.full(parameters.n, 1.0 / parameters.n))

    @classmethod
    def draw(cls, parameters: Parameters, rule_seed: int) -> Grammar:
        """Rules drawn without replacement from all ``v_(l-1)**s`` tuples.

        As in arXiv:2307.02129, section II.

        No tuple of a level has two parents, so the grammar is unambiguous by construction. The
        draw depends on `parameters` and `rule_seed` alone.
        """
        seed = seed_from("rules", parameters.specification(), rule_seed)
        generator = np.random.Generator(np.random.Philox(seed))
        s, rules = parameters.s, []
        for level, m in enumerate(parameters.m, 1):
            symbols = parameters.symbols(level)
            tuples = _distinct_tuples(generator, parameters.v[level - 1], s, symbols * m)
            rules.append(tuples.reshape(symbols, m, s))
        return cls.from_rules(parameters, tuple(rules))

    def rules_of(self, level: int) -> NDArray[np.int64]:
        """Tuples of `level`, shape ``(symbols, m_l, s)``."""
        return self.rules[level - 1]

    def probabilities_of(self, level: int) -> NDArray[np.float64]:
        """Probabilities of the rules of `level`, shape ``(symbols, m_l)``."""
        return self.probabilities[level - 1]

    def transition(self, level: int, child: int) -> NDArray[np.float64]:
        """``p(child symbol | symbol of level)`` of the `child`-th child: ``(symbols, v_(l-1))``."""
        table, weights = self.rules_of(level)[..., child], self.probabilities_of(level)
        matrix = np.zeros((len(table), self.parameters.v[level - 1]))
        np.add.at(matrix, (np.arange(len(table))[:, None], table), weights)
        return matrix

    def last_marginal(self, level: int) -> NDArray[np.float64]:
        """Exact distribution of the last symbol of `level`, shape ``(symbols,)``."""
        marginal = self.root
        for above in range(self.parameters.L, level, -1):
            marginal = marginal @ self.transition(above, self.parameters.s - 1)
        return marginal

    def log_sentences(self) -> float:
        """Natural logarithm of the number of derivations, as `Parameters.log_sentences`."""
        logs = np.zeros(self.parameters.v[0])
        for table, weights in zip(self.rules, self.probabilities):
            with np.errstate(divide="ignore"):
                each = np.where(weights > 0, logs[table].sum(axis=-1), -np.inf)
            logs = np.logaddexp.reduce(each, axis=1)
        return float(np.logaddexp.reduce(logs))

    def shared_tuples(self, level: int) -> NDArray[np.int64]:
        """Tuples that several symbols of `level` produce, ``(count, s)``: its ambiguity."""
        table, real = self.rules_of(level), self.probabilities_of(level) > 0
        # a tuple that one symbol lists twice is no ambiguity: count symbols, not rules
        symbol = np.broadcast_to(np.arange(len(table))[:, None], real.shape)[real]
        owned = np.unique(np.column_stack([symbol, table[real]]), axis=0)[:, 1:]
        tuples, parents = np.unique(owned, axis=0, return_counts=True)
        return tuples[parents > 1]


def _distinct_tuples(
    generator: np.random.Generator, v: int, s: int, count: int
) -> NDArray[np.int64]:
    """`count` distinct `s`-tuples in random order, uniform without replacement: ``(count, s)``."""
    if v**s <= ENUMERABLE:
        codes = generator.choice(v**s, size=count, replace=False)
        return np.stack(np.unravel_index(codes, (v,) * s), axis=-1).astype(np.int64)
    tuples = np.empty((0, s), dtype=np.int64)
    while len(tuples) < count:  # rejecting repeats of a uniform sequence keeps it uniform
        drawn = generator.integers(v, size=(count - len(tuples), s))
        tuples = np.concatenate([tuples, drawn])
        _, first = np.unique(tuples, axis=0, return_index=True)
        tuples = tuples[np.sort(first)]
    return tuples
