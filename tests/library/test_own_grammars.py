"""Grammars and sentences of the library: equal to those of studies, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rhm_scaling as rhm
from helpers.grammars import AMBIGUOUS, GRAMMARS
from rhm_scaling.grammar.json_file import to_json
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.theory.entropies import position_entropies
from rhm_scaling.theory.inference import (
    hidden_posteriors,
    last_token_posteriors,
    token_posteriors,
)


def published_rules(v: int, n: int, m: int, s: int, L: int) -> dict[int, torch.Tensor]:
    """Rules as the field's published code keeps them: level 0 is the root, and draws are random."""
    generator = np.random.default_rng(3)
    tables = {}
    for level in range(L):
        symbols = n if level == 0 else v
        codes = generator.choice(v**s, size=symbols * m, replace=False)
        tuples = np.stack(np.unravel_index(codes, (v,) * s), axis=-1)
        tables[level] = torch.from_numpy(tuples).reshape(symbols, m, s)
    return tables


def published_sentences(tables: dict[int, torch.Tensor], count: int) -> tuple[Any, Any]:
    """Labels and tokens as that code makes them: from the root on, level after level."""
    generator = np.random.default_rng(4)
    labels = generator.integers(len(tables[0]), size=count)
    symbols = labels[:, None]
    for level in range(len(tables)):
        table = tables[level].numpy()
        chosen = generator.integers(table.shape[1], size=symbols.shape)
        symbols = table[symbols, chosen].reshape(count, -1)
    return labels, symbols


def test_a_drawn_grammar_is_that_of_a_study() -> None:
    keys: dict[str, Any] = {"v": {0: 8, 1: 4}, "s": 2, "L": 3, "m": {1: 4, 2: 2, 3: 2}, "n": 3}
    drawn = rhm.draw_grammar(**keys, zipf={1: 1.0}, rule_seed=5)
    theirs = Grammar.draw(Parameters.from_keys(**keys, zipf={1: 1.0}), 5)
    assert all(np.array_equal(one, other) for one, other in zip(drawn.rules, theirs.rules))
    assert drawn.parameters == theirs.parameters
    text = "Grammar(v=[8, 4, 4], n=3, s=2, L=3, m=[4, 2, 2], zipf={1: 1.0}, rule_seed=5)"
    assert repr(drawn) == text
    numbers = {name: np.int64(keys[name]) for name in ("s", "L", "n")}
    again = rhm.draw_grammar(**{**keys, **numbers}, rule_seed=np.int64(5))  # those of numpy, too
    assert np.array_equal(again.rules[2], rhm.draw_grammar(**keys, rule_seed=5).rules[2])


def test_tables_of_the_published_code_are_read_from_the_root() -> None:
    tables = published_rules(v=6, n=4, m=3, s=2, L=3)
    grammar = rhm.read_grammar(tables)
    assert (grammar.parameters.v, grammar.parameters.n) == ((6, 6, 6), 4)
    labels, tokens = published_sentences(tables, 200)
    found = rhm.posterior(grammar, "classification", tokens)
    assert (found.argmax(axis=1) == labels).all()
    # numbered from the tokens, the same
    ours = rhm.read_grammar({3 - level: table.numpy() for level, table in tables.items()})
    assert all(np.array_equal(one, other) for one, other in zip(ours.rules, grammar.rules))


def test_a_file_a_mapping_and_tables_make_the_same_grammar(tmp_path: Path) -> None:
    drawn = rhm.draw_grammar(v=4, s=2, L=2, m=2)
    (tmp_path / "mine.json").write_text(to_json(drawn), encoding="utf-8")
    tables = {level: drawn.rules_of(level) for level in (1, 2)}
    read = [
        rhm.read_grammar(source)
        for source in (tmp_path / "mine.json", str(tmp_path / "mine.json"), tables)
    ]
    for grammar in read:
        assert grammar.parameters == read[0].parameters
        assert all(np.array_equal(one, other) for one, other in zip(grammar.rules, drawn.rules))
        last = rhm.entropies(grammar, "last_token")
        assert last.equals(rhm.entropies(drawn, "last_token"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rhm.draw_grammar(v=8, L=3, m=2, zipf=1.0), r"^zipf: write \{1: 1\.0\}, an expo"),
        (lambda: rhm.draw_grammar(v=8, L=3, m=2, zipf={4: 1.0}), "^zipf: levels go from 1 to 3"),
        (lambda: rhm.draw_grammar(v=8, L=3, m=2, zipf={1: 0.0}), r"^zipf\.1: .* greater than 0"),
        (lambda: rhm.draw_grammar(v=8.0, L=3, m=2), "^v: input should be a valid integer"),
        (lambda: rhm.draw_grammar(v=8, L=3, m=9), "^m: level 1 needs .*; take m at most 8"),
        (lambda: rhm.draw_grammar(v=8, L=30, m=2), r"^L: sentences of s\*\*L = 2\*\*30 tokens"),
        (lambda: rhm.draw_grammar(v=8, L=3, m=2, rule_seed=-1), "^rule_seed: .* or equal to 0"),
        (lambda: rhm.read_grammar("none.json"), r"^none\.json: cannot be read \(No such file"),
        (lambda: rhm.read_grammar({"v": 2}), "^rules: must hold the levels"),
        (lambda: rhm.read_grammar({"rulse": 2}), "^'rulse': unknown key; the keys are v, rules"),
        (lambda: rhm.read_grammar({2: [[[0, 1]]]}), r"^source: levels must be 1\.\.1 .*not \[2\]"),
        (
            lambda: rhm.read_grammar({1: [[0, 1]]}),
            r"^source: level 1, .* int64 of shape \(1, 2",
        ),
        (lambda: rhm.read_grammar({1: [[[0.5, 1]]]}), "^source: level 1, .* not float64 of shape"),
    ],
)
def test_grammars_that_cannot_be_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_other_things_than_grammars_are_refused() -> None:
    with pytest.raises(TypeError, match=r"^source: take the path of a JSON file, or a map"):
        rhm.read_grammar(3)  # type: ignore[arg-type]
    inner = Grammar.draw(Parameters.from_keys(v=4, s=2, L=2, m=2), 0)
    for call in (rhm.entropies, rhm.solve):
        for wrong in (inner, "deep", None):
            with pytest.raises(TypeError, match=r"^grammar: take one from draw_grammar or read_"):
                call(wrong, "last_token")  # type: ignore[arg-type]


@pytest.mark.parametrize("stream", ["train", "validation", "test"])
def test_sentences_are_those_of_studies(stream: Any) -> None:
    grammar = rhm.draw_grammar(v=6, s=2, L=3, m=2, rule_seed=4)
    drawn = rhm.sample(grammar, 50, 2, stream=stream)
    theirs = Stream(grammar, 4, 2, stream).take(50)
    assert np.array_equal(drawn.tokens, theirs["tokens"])
    assert np.array_equal(drawn.labels, theirs["label"])
    new = rhm.sample(grammar, 50, 2)
    assert not np.array_equal(drawn.tokens, new.tokens)
    assert np.array_equal(rhm.sample(grammar, 20, 2).tokens, new.tokens[:20])


@pytest.mark.parametrize("name", list(GRAMMARS))
def test_derivations_make_their_sentences(name: str) -> None:
    known = GRAMMARS[name]
    grammar = rhm.read_grammar(json.loads(to_json(known)))
    sentences = rhm.sample(grammar, 300)
    parameters = grammar.parameters
    assert np.array_equal(sentences.symbols[0], sentences.tokens)
    assert np.array_equal(sentences.symbols[parameters.L][:, 0], sentences.labels)
    for level in range(1, parameters.L + 1):
        symbols, ranks = sentences.symbols[level], sentences.ranks[level]
        assert ranks.shape == symbols.shape == (300, parameters.s ** (parameters.L - level))
        below = grammar.rules_of(level)[symbols, ranks - 1].reshape(300, -1)
        assert np.array_equal(below, sentences.symbols[level - 1])
        assert (grammar.probabilities_of(level)[symbols, ranks - 1] > 0).all()


def test_ambiguous_sentences_have_derivations_as_probable_as_they_are() -> None:
    grammar = rhm.read_grammar(json.loads(AMBIGUOUS))
    sentences = rhm.sample(grammar, 20_000)
    # given the tokens alone, over all labels
    exact = hidden_posteriors(grammar, sentences.tokens)[1]
    for symbol in range(3):
        drawn = (sentences.symbols[1] == symbol).mean(axis=0)
        assert drawn == pytest.approx(exact[:, :, symbol].mean(axis=0), abs=0.02)
    some = sentences[sentences.labels == 1]
    assert np.array_equal(some.ranks[1], sentences.ranks[1][sentences.labels == 1])
    assert np.array_equal(rhm.sample(grammar, 700).ranks[1], sentences.ranks[1][:700])
    assert len(sentences[3]) == 1 and np.array_equal(some[:2].tokens, some.tokens[:2])


def test_frequencies_of_ranks_are_their_probabilities() -> None:
    grammar = rhm.draw_grammar(v=8, n=4, s=2, L=2, m={1: 8, 2: 2}, zipf={1: 1.0})
    ranks = rhm.sample(grammar, 20_000).ranks[1]
    found = [(ranks == rank).mean() for rank in range(1, 9)]
    assert found == pytest.approx(grammar.parameters.probabilities(1), abs=0.01)


def test_posteriors_by_task() -> None:
    grammar = rhm.read_grammar(json.loads(AMBIGUOUS))
    sentences = rhm.sample(grammar, 40)
    for task, shape in (
        ("classification", (40, 3)),
        ("last_token", (40, 3)),
        ("autoregressive", (40, 8, 3)),
    ):
        found = rhm.posterior(grammar, task, sentences)  # type: ignore[arg-type]
        assert found.shape == shape
        assert found.sum(axis=-1) == pytest.approx(np.ones(shape[:-1]))
    every = token_posteriors(grammar, sentences.tokens)
    assert rhm.posterior(grammar, "last_token", sentences) == pytest.approx(every[:, -1])
    # the last token is not looked at, whatever stands there
    masked = sentences.tokens.copy()
    masked[:, -1] = 3
    assert rhm.posterior(grammar, "last_token", masked) == pytest.approx(every[:, -1])
    for level, context in enumerate([2, 4, 8], 1):
        found = rhm.posterior(grammar, "last_token", sentences, context=context)
        assert found == pytest.approx(last_token_posteriors(grammar, sentences.tokens, [level])[0])


def test_entropies_by_task() -> None:
    for grammar in (rhm.draw_grammar(v=6, s=2, L=2, m=2), rhm.read_grammar(json.loads(AMBIGUOUS))):
        sentences = rhm.sample(grammar, 20_000)
        last = rhm.entropies(grammar, "last_token")["entropy"]
        every = rhm.entropies(grammar, "autoregressive")["entropy"]
        label = rhm.entropies(grammar, "classification")
        assert last.index.name == "level" and every.index.name == "position"
        assert every.iloc[-1] == pytest.approx(last.iloc[-1])
        assert every.tolist() == [one.value for one in position_entropies(grammar)]
        posterior = rhm.posterior(grammar, "classification", sentences)
        logs = np.log(posterior, where=posterior > 0, out=np.zeros_like(posterior))
        given = -(posterior * logs).sum(axis=1).mean()
        assert label["entropy"].iloc[-1] == pytest.approx(given, abs=0.02)
        root = grammar.root
        assert label["entropy"].iloc[0] == pytest.approx(-(root * np.log(root)).sum())
    assert label["method"].tolist() == ["enumerated", "sampled"]
    assert label["stderr"].iloc[1] > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: rhm.solve(g, "last-token"), "^task: .*'last_token' or 'autoregressive', not 'l"),
        (lambda g: rhm.entropies(g, None), "^task: input should be .*, not None"),
        (lambda g: rhm.sample(g, 10, stream="trian"), "^stream: .*'train', .*, not 'trian'"),
        (lambda g: rhm.sample(g, 0), "^count: .*greater than or equal to 1, not 0"),
        (lambda g: rhm.sample(g, 2.5), "^count: .*a valid integer, not 2.5"),
        (lambda g: rhm.sample(g, 2, -1), "^sample_seed: .*greater than or equal to 0"),
        (lambda g: rhm.posterior(g, "last", [[0] * 4]), "^task: "),
        (
            lambda g: rhm.posterior(g, "classification", [[0] * 3]),
            r"^sentences: .*\(N, 4\), not",
        ),
        (
            lambda g: rhm.posterior(g, "last_token", [[9] * 4]),
            "^sentences: .* token 9 lies",
        ),
        (lambda g: rhm.posterior(g, "last_token", [[0] * 4], context=3), "^context: .*; take 2, 4"),
        (lambda g: rhm.posterior(g, "classification", [[0] * 4], context=2), "^context: is one of"),
    ],
)
def test_wrong_arguments_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(rhm.draw_grammar(v=6, s=2, L=2, m=2))


def test_sentences_that_cannot_be_are_refused() -> None:
    grammar = rhm.draw_grammar(v=6, s=2, L=2, m=2)
    possible = {tuple(sentence) for sentence in rhm.sample(grammar, 5000).tokens}
    wrong = next(t for t in np.ndindex(6, 6, 6, 6) if t not in possible)
    with pytest.raises(ValueError, match=r"^sentences: sentence 0 is not of this grammar"):
        rhm.posterior(grammar, "classification", [wrong])
    with pytest.raises(TypeError, match=r"^sentences: take those of sample, or an array of tokens"):
        rhm.posterior(grammar, "classification", [[0.5] * 4])
