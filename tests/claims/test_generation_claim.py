"""D2 on made-up sentences of networks that learn level by level, or all levels at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from rhm_scaling.claims.deciding import findings
from rhm_scaling.claims.frozen import rules_of
from rhm_scaling.claims.generated import Generated, generated_growth
from rhm_scaling.claims.verdicts import AGREES, DISAGREES, Lacking, Observed, together
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.theory.correlations import threshold
from rhm_scaling.theory.denoising import evidence, upward

pytestmark = pytest.mark.slow

SHAPE = Parameters.from_keys(v=8, s=2, L=4, m=2)
SIZES = [0, *np.round(2 ** np.arange(2, 14.1, 0.5)).astype(int)]
DRAWS, SENTENCES, STUDIES = 8, 256, 5
LEVELS = range(1, SHAPE.L + 1)
OPTIONS = rules_of("D2").claims["D2"].criteria[0].options
Law = Callable[[Grammar, float, np.random.Generator], np.ndarray]


@cache
def drawn(rule_seed: int) -> tuple[Grammar, np.ndarray]:
    grammar = Grammar.draw(SHAPE, rule_seed)
    return grammar, np.array([threshold(grammar, level, "cnn") for level in LEVELS])


def composed(grammar: Grammar, known: np.ndarray, source: np.random.Generator) -> np.ndarray:
    """Sentences whose rules of each level are obeyed with some probability, ``(L,)``."""
    symbols = source.integers(SHAPE.n, size=(SENTENCES, 1))
    for level in reversed(LEVELS):
        rules = grammar.rules_of(level)[symbols]
        rank = source.integers(SHAPE.m[0], size=symbols.shape)
        right = np.take_along_axis(rules, rank[..., None, None], axis=2)[:, :, 0]
        wrong = source.integers(SHAPE.v[level - 1], size=right.shape)
        obeys = source.random(symbols.shape)[..., None] < known[level - 1]
        symbols = np.where(obeys, right, wrong).reshape(SENTENCES, -1)
    return symbols


def learnt(sizes: np.ndarray, sentences: float) -> np.ndarray:
    return np.asarray(1 / (1 + (sizes / max(sentences, 1e-9)) ** 3))


def in_order(grammar: Grammar, sentences: float, source: np.random.Generator) -> np.ndarray:
    """The claim: each level's rules at four times their threshold."""
    mine = next(p for g, p in map(drawn, range(DRAWS)) if g is grammar)
    return composed(grammar, learnt(4 * mine, sentences), source)


def at_once(grammar: Grammar, sentences: float, source: np.random.Generator) -> np.ndarray:
    return composed(grammar, learnt(np.full(SHAPE.L, 400.0), sentences), source)


def by_token(grammar: Grammar, sentences: float, source: np.random.Generator) -> np.ndarray:
    """All levels known, but tokens wrong by themselves, less and less of them."""
    tokens = composed(grammar, np.ones(SHAPE.L), source)
    wrong = source.random(tokens.shape) > learnt(np.array(400.0), sentences)
    return np.where(wrong, source.integers(SHAPE.v[0], size=tokens.shape), tokens)


def measured(grammar: Grammar, tokens: np.ndarray) -> list[tuple[float, float]]:
    """By level: how many subtrees obey the rules, and how many whose own subtrees do."""
    messages = upward(grammar, evidence(tokens, "mask", 0.0, SHAPE.v[0]))
    obey = [message.max(axis=0) > 0 for message in messages]
    found = []
    for below, here in pairwise(obey):
        able = below.reshape(len(here), -1, SHAPE.s).all(axis=2)
        found.append((here.mean(), here[able].mean() if able.any() else np.nan))
    return found


def generated(law: Law, seed: int, raw: bool = False) -> Generated:
    """Tables of a study; `raw`: with what obeys at all in the place of what does given below."""
    source, rows = np.random.default_rng([seed, 1]), []
    for rule_seed in range(DRAWS):
        grammar, _ = drawn(rule_seed)
        pace = np.exp(0.2 * source.standard_normal())  # of one draw's network
        for size in SIZES:
            found = measured(grammar, law(grammar, pace * size, source))
            for level, (obeying, given) in zip(LEVELS, found):
                rows.append((rule_seed, size, level, obeying, obeying if raw else given))
    columns = ["rule_seed", "sentences", "level", "obeying", "composing"]
    table = pd.DataFrame(rows, columns=columns).assign(
        grammar="g", architecture="unet", width=64, depth=4, protocol="online", **OPTIONS
    )
    return Generated(table, {"g": SHAPE}, {"unet": None})


def verdicts(law: Law) -> Counter[str]:
    found = Counter[str]()
    for seed in range(STUDIES):
        all_found = findings("D2", generated(law, seed))
        found[together((one.name, finding) for one, _, finding in all_found)] += 1
    return found


def test_levels_in_order_agree() -> None:
    found = verdicts(in_order)
    print(found)
    assert found[AGREES] >= 4


@pytest.mark.parametrize("law", [at_once, by_token])
def test_levels_at_once_disagree(law: Law) -> None:
    found = verdicts(law)
    print(found)
    assert found[DISAGREES] >= 4


def test_what_obeys_at_all_comes_in_order_whatever_is_learnt() -> None:
    """Why subtrees are compared whose own subtrees obey."""
    growths = []
    for raw in (True, False):
        (observed,) = generated_growth(generated(by_token, 0, raw), OPTIONS).values()
        assert isinstance(observed, Observed) and observed.measured is not None
        growths.append(observed.contrast(observed.measured).mean())
    print(growths)
    assert growths[0] > 0.2 and growths[1] < 0.05


def test_levels_that_are_not_learnt_are_told() -> None:
    made = generated(in_order, 0)

    def found(table: pd.DataFrame, **options: object) -> Observed | Lacking:
        study = Generated(table, made.grammars, made.learners)
        (one,) = generated_growth(study, {**OPTIONS, **options}).values()
        return one

    def unlearnt(level: int) -> pd.DataFrame:
        lower = made.table["level"] < level
        return made.table.assign(composing=made.table["composing"].where(lower, 0.3))

    lower = found(unlearnt(4))
    assert isinstance(lower, Observed) and lower.claim.shape[-1] == 3
    assert "level 4 learnt by every rule draw" in lower.left_out[0]
    for lacking, reason in (
        (found(unlearnt(3), **{"from": 2}), "level 3 learnt by every rule draw"),
        (found(made.table.assign(sentences=10**9)), "(by 0 of 8)"),
        (found(made.table, fraction=0.9), "sentences of which 0.9 of the tokens are masked"),
    ):
        assert isinstance(lacking, Lacking) and reason in str(lacking)


def test_few_subtrees_of_an_untrained_network_tell_nothing() -> None:
    made = generated(in_order, 0)
    start, top = made.table["sentences"] == 0, made.table["level"] == SHAPE.L
    odd = made.table["composing"].mask(start & top, 1.0)
    for table in (made.table, made.table.assign(composing=odd)):
        study = Generated(table, made.grammars, made.learners)
        (one,) = generated_growth(study, OPTIONS).values()
        assert isinstance(one, Observed) and one.claim.shape[-1] == SHAPE.L
