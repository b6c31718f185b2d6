"""Sentences: the right frequencies, stable prefixes, flat memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from helpers.grammars import SHAPES, Language
from rhm_scaling.grammar import sampling
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import CHUNK, STREAMS, Stream, overlap, unsigned_type
from rhm_scaling.theory.inference import likeliest_symbols, root_posterior


def stream(name: str = "train", sample_seed: int = 0, shape: str = "zipf") -> Stream:
    return Stream(Grammar.draw(SHAPES[shape], 3), 3, sample_seed, name)


@pytest.mark.parametrize("table", [0, sampling._TABLE])
def test_frequencies_against_exact_probabilities(
    language: Language, table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "_TABLE", table)  # nothing: a leap a level
    if not table:
        assert len(sampling.leaps(language.grammar)) == language.grammar.parameters.L
    size = 40_000
    sentences = Stream(language.grammar, 3, 0, "train").take(size)
    known: dict[tuple, float] = {}
    labels = language.symbols[-1][:, 0].tolist()
    for label, tokens, p in zip(labels, language.tokens, language.probability, strict=True):
        key = (label, tuple(tokens.tolist()))
        known[key] = known.get(key, 0.0) + p  # several derivations may make one sentence
    seen = dict.fromkeys(known, 0)
    for label, tokens in zip(
        sentences["label"].tolist(), sentences["tokens"].tolist(), strict=True
    ):
        seen[label, tuple(tokens)] += 1  # a KeyError would be a sentence outside the language
    expected = size * np.array([known[key] for key in seen])
    counts = np.array(list(seen.values()))
    common = expected > 5
    chi2 = ((counts - expected)[common] ** 2 / expected[common]).sum()
    freedom = common.sum() - 1
    assert chi2 < freedom + 5 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("weights", [[1.0], [0.5, 0.3, 0.2], [0.2, 0.7, 0.1, 0.0], [1, 1, 1]])
def test_alias_tables_hold_the_probabilities(weights: list[float]) -> None:
    expected = np.array(weights) / sum(weights)
    keep, other = sampling._alias(np.array(weights))
    found = keep / 2**32 / len(weights)
    np.add.at(found, other, (1 - keep / 2**32) / len(weights))
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(
    "parameters",
    [
        Parameters.from_keys(v=300, s=2, L=3, m=2),  # two bytes a token
        Parameters.from_keys(v=20, s=8, L=2, m=3),
        Parameters.from_keys(v=8, s=3, L=3, m=4, zipf={2: 1.0}),  # rows that are no integer
        Parameters.from_keys(v=64, n=8, s=2, L=3, m={1: 64, 2: 4, 3: 4}, zipf={1: 1.0}),
        # levels whose symbols take other types than the tokens, above and below them
        Parameters.from_keys(v={0: 500, 1: 8}, s=2, L=3, m={1: 999, 2: 4, 3: 4}, zipf={1: 0.5}),
        Parameters.from_keys(v={0: 20, 1: 300}, n=4, s=3, L=3, m=2),
    ],
)
def test_sentences_of_every_layout_are_of_the_grammar(parameters: Parameters) -> None:
    grammar = Grammar.draw(parameters, 0)
    sentences = Stream(grammar, 0, 0, "train").take(300)
    found = root_posterior(grammar, sentences["tokens"])
    np.testing.assert_array_equal(found.argmax(axis=1), sentences["label"])
    assert len(np.unique(sentences["label"])) > 1


@pytest.mark.parametrize(
    "zipf", [{2: 1.0}, {3: 0.5}, {2: 1.5, 3: 0.7}, {1: 0.5, 2: 1.0, 3: 2.0}], ids=str
)
def test_zipf_rules_at_any_levels_have_their_frequencies(zipf: dict[int, float]) -> None:
    parameters = Parameters.from_keys(
        v={0: 24, 1: 8, 2: 12}, n=5, s=2, L=3, m={1: 30, 2: 5, 3: 6}, zipf=zipf
    )
    grammar, size = Grammar.draw(parameters, 0), 30_000
    sentences = Stream(grammar, 0, 0, "train").take(size)
    symbols = likeliest_symbols(grammar, sentences["tokens"])
    np.testing.assert_array_equal(symbols[-1][:, 0], sentences["label"])
    for level, found in enumerate(symbols):
        counts = np.bincount(found[:, -1], minlength=parameters.symbols(level))
        _agrees(counts, size * grammar.last_marginal(level))
    for level in range(1, 4):
        rank = np.full((parameters.v[level - 1],) * 2, -1)
        rules = grammar.rules_of(level)
        rank[rules[..., 0], rules[..., 1]] = np.arange(parameters.m[level - 1])
        chosen = rank[symbols[level - 1][:, -2], symbols[level - 1][:, -1]]
        counts = np.bincount(chosen, minlength=parameters.m[level - 1])
        _agrees(counts, size * parameters.probabilities(level))


def _agrees(counts: np.ndarray, expected: np.ndarray) -> None:
    """Counts are multinomial, by a chi-square within five standard deviations."""
    possible = expected > 0
    assert not counts[~possible].any()
    chi2 = ((counts - expected)[possible] ** 2 / expected[possible]).sum()
    freedom = possible.sum() - 1
    assert chi2 < freedom + 5 * np.sqrt(2 * freedom)


def test_a_prefix_does_not_depend_on_the_size() -> None:
    long = stream().take(2 * CHUNK + 17)
    for size in (0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1):
        np.testing.assert_array_equal(stream().take(size), long[:size])


def test_streams_and_sample_seeds_differ() -> None:
    drawn = [stream(name).take(200).tobytes() for name in STREAMS]
    drawn += [stream(sample_seed=seed).take(200).tobytes() for seed in (1, 2)]
    assert len(set(drawn)) == len(drawn)


def test_the_written_file_is_the_stream(tmp_path: Path) -> None:
    size = CHUNK + 5
    stream().write(tmp_path / "sentences.npy", size)
    read = np.load(tmp_path / "sentences.npy", allow_pickle=False)
    np.testing.assert_array_equal(read, stream().take(size))
    assert [path.name for path in tmp_path.iterdir()] == ["sentences.npy"]


@pytest.mark.parametrize(("v", "name"), [(2, "uint8"), (256, "uint8"), (257, "uint16")])
def test_smallest_unsigned_type(v: int, name: str) -> None:
    assert unsigned_type(v) == np.dtype(name)
    assert np.iinfo(unsigned_type(v)).max >= v - 1


def test_memory_is_flat_in_the_number_of_sentences(tmp_path: Path) -> None:
    deep = Grammar.draw(Parameters.from_keys(v=8, s=2, L=4, m=2), 0)
    peaks = []
    for chunks in (2, 32):
        tracemalloc.start()
        Stream(deep, 0, 0, "train").write(tmp_path / "sentences.npy", chunks * CHUNK)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_overlap_against_a_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "rhm_scaling.grammar.sampling._OVERLAP_CHUNK", 7
    )  # several chunks, one partial
    for size in (3, 30, 300):
        train, test = stream().take(size), stream("test").take(200)
        seen = {tuple(tokens) for tokens in train["tokens"].tolist()}
        expected = np.mean([tuple(tokens) in seen for tokens in test["tokens"].tolist()])
        assert overlap(train, test) == pytest.approx(expected, abs=1e-12)
        assert expected > 0
