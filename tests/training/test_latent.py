"""The learner of latent prediction: what it recovers, and from how few sentences."""

import numpy as np
import pytest

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.theory.inference import likeliest_symbols
from rhm_scaling.theory.latents import largest_latent_threshold, latent_thresholds
from rhm_scaling.training import latent
from rhm_scaling.training.counting import CountingLearner, recovery


def sentences(
    parameters: Parameters, size: float, name: str = "train", draw: int = 0
) -> np.ndarray:
    return Stream(Grammar.draw(parameters, draw), draw, 0, name).take(int(size))


def fitted(parameters: Parameters, train: np.ndarray) -> CountingLearner:
    p = parameters
    return latent.fit(train["tokens"], train["label"], v=p.v[: p.L], s=p.s, classes=p.n)


def recovered(parameters: Parameters, learner: CountingLearner, draw: int) -> np.ndarray:
    """Of the levels ``1..L-1``, on sentences that were not trained on."""
    tokens = sentences(parameters, 200, "test", draw)["tokens"]
    symbols = likeliest_symbols(Grammar.draw(parameters, draw), tokens)
    return np.array(
        [
            recovery(codes, symbols[level], symbols[level - 1], pooled=True)
            for level, codes in enumerate(learner.codes(tokens), 1)
        ]
    )


@pytest.mark.parametrize(
    "parameters",
    [
        Parameters.from_keys(v=16, s=2, L=5, m=3),
        Parameters.from_keys(v=16, s=2, L=4, m=4),
        Parameters.from_keys(v=8, n=6, s=3, L=3, m=4),
        Parameters.from_keys(v={0: 24, 1: 8, 2: 12}, n=16, s=2, L=3, m={1: 6, 2: 3, 3: 4}),
    ],
    ids=lambda p: p.label(),
)
def test_all_levels_are_recovered_at_twice_the_threshold_and_none_at_the_top_at_a_third(
    parameters: Parameters,
) -> None:
    high, low, wrong = [], [], []
    for draw in range(4):
        at = latent_thresholds(Grammar.draw(parameters, draw)).max()
        train = sentences(parameters, 2.5 * at, draw=draw)
        learner = fitted(parameters, train)
        high.append(recovered(parameters, learner, draw))
        test = sentences(parameters, 200, "test", draw)
        wrong.append((learner.predict(test["tokens"]).argmax(axis=1) != test["label"]).mean())
        few = fitted(parameters, train[: int(at / 3)])
        low.append(recovered(parameters, few, draw)[-1])
    assert np.mean(high, axis=0).min() > 0.9
    assert np.mean(wrong) < 0.15
    assert np.mean(low) < 0.35


def test_depth_costs_no_sentences() -> None:
    """Where counting with labels needs ``n m^L``: here 4096, sixteen times as many."""
    parameters = Parameters.from_keys(v=16, s=2, L=8, m=2)
    size = 3 * largest_latent_threshold(parameters)
    assert parameters.n * 2**parameters.L > 16 * size
    train = sentences(parameters, size)
    assert recovered(parameters, fitted(parameters, train), 0).min() > 0.7
    by_labels = CountingLearner.fit(
        "classification", train["tokens"], train["label"],
        v=parameters.v, s=2, classes=16, sharing=True,
    )  # fmt: skip
    assert recovered(parameters, by_labels, 0)[-1] < 0.2


def test_labels_do_not_enter_the_codes() -> None:
    parameters = Parameters.from_keys(v=16, s=2, L=4, m=3)
    train, test = sentences(parameters, 500), sentences(parameters, 50, "test")
    others = train.copy()
    others["label"] = np.roll(train["label"], 1)
    one, other = (fitted(parameters, given).codes(test["tokens"]) for given in (train, others))
    assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def test_what_was_not_seen_is_unknown() -> None:
    tokens = np.array([[0, 1, 0, 1], [2, 2, 0, 1]])
    learner = latent.fit(tokens, np.array([0, 1]), v=(3, 2), s=2, classes=2)
    (codes,) = learner.codes(np.array([[0, 1, 2, 2], [1, 1, 0, 1]]))
    assert codes[0, 0] == codes[1, 1] != codes[0, 1] < 2
    assert codes[1, 0] == 2
    probabilities = learner.predict(np.array([[2, 2, 0, 1], [1, 1, 1, 1]]))
    assert probabilities[0, 1] > 0.6
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_many_rare_tuples_share_a_code_at_first() -> None:
    generator = np.random.default_rng(0)
    codes = generator.integers(40, size=(3000, 4))
    book = latent.learn(codes, v=40, symbols=5, s=2)
    assert len(book.tuples) > 1023
    assert {*book.groups.tolist()} <= {*range(5)}


def test_what_cannot_be_learnt_from_is_refused() -> None:
    tokens, labels = np.zeros((2, 4), int), np.zeros(2, int)
    with pytest.raises(ValueError, match="sentences of 4 tokens"):
        latent.fit(tokens, labels, v=(2, 2, 2), s=2, classes=2)
    with pytest.raises(ValueError, match="at least one sentence"):
        latent.fit(tokens[:0], labels[:0], v=(2, 2), s=2, classes=2)
