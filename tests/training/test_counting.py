"""The learner that counts: what it recovers, from how many sentences, and what it predicts."""

import numpy as np
import pytest

from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.grammar.tasks import Task, inputs_and_targets, outputs
from rhm_scaling.theory import complexities
from rhm_scaling.theory.inference import last_token_posteriors
from rhm_scaling.training.counting import CountingLearner, backoff, ngram, recovery

pytestmark = pytest.mark.slow

UNIFORM = Parameters.from_keys(v=8, s=2, L=3, m=3)
DEEP = Parameters.from_keys(v=8, s=2, L=4, m=2)
TERNARY = Parameters.from_keys(v=8, n=6, s=3, L=3, m=4)
MANY_TOKENS = Parameters.from_keys(v={0: 24, 1: 8, 2: 10}, n=16, s=2, L=3, m={1: 6, 2: 3, 3: 4})
FEW_TOKENS = Parameters.from_keys(v={0: 6, 1: 9, 2: 8}, n=10, s=2, L=3, m={1: 3, 2: 4, 3: 3})
ZIPF = Parameters.from_keys(v=12, n=10, s=2, L=3, m={1: 4, 2: 3, 3: 3}, zipf={1: 1.0})


def sentences(parameters: Parameters, size: int, name: str = "train", draw: int = 0) -> np.ndarray:
    return Stream(Grammar.draw(parameters, draw), draw, 0, name).take(size)


def hidden(grammar: Grammar, tokens: np.ndarray) -> list[np.ndarray]:
    """True symbols of the levels 0..L, by looking up every tuple in the rules."""
    levels = [tokens.astype(np.int64)]
    for level in range(1, grammar.parameters.L + 1):
        rules = grammar.rules_of(level)
        tuples = levels[-1].reshape(len(tokens), -1, 1, 1, grammar.parameters.s)
        levels.append((tuples == rules).all(axis=-1).any(axis=-1).argmax(axis=-1))
    return levels


def fitted(task: Task, parameters: Parameters, train: np.ndarray, sharing: bool) -> CountingLearner:
    targets = train["label"] if task == "classification" else train["tokens"][:, -1]
    v, s, classes = parameters.v, parameters.s, outputs(task, parameters)
    return CountingLearner.fit(
        task, train["tokens"], targets, v=v, s=s, classes=classes, sharing=sharing
    )


def recovered(
    task: Task, parameters: Parameters, size: float, sharing: bool, nodes: slice = slice(None)
) -> np.ndarray:
    """Recovery of the levels 1..L-1 on sentences that were not trained on, mean of four draws."""
    found = np.empty((4, parameters.L - 1))
    for draw, row in enumerate(found):
        learner = fitted(task, parameters, sentences(parameters, int(size), draw=draw), sharing)
        tokens = sentences(parameters, 1000, "test", draw)["tokens"]
        symbols = hidden(Grammar.draw(parameters, draw), tokens)
        for level, codes in enumerate(learner.codes(tokens)):
            children = symbols[level].reshape(*codes.shape, parameters.s)[:, nodes]
            below = children.reshape(len(codes), -1)
            true = symbols[level + 1][:, nodes]
            row[level] = recovery(codes[:, nodes], true, below, pooled=sharing)
    return found.mean(axis=0)


@pytest.mark.parametrize("parameters", [UNIFORM, TERNARY, ZIPF, MANY_TOKENS, FEW_TOKENS])
@pytest.mark.parametrize("sharing", [True, False])
def test_symbols_are_recovered_level_by_level(parameters: Parameters, sharing: bool) -> None:
    """The siblings of level l-1 near P_l: not well below it, completely well above."""
    kind = "cnn" if sharing else "transformer"
    # a pair of synonyms is known with its rarer member: that of rank 2, in the main
    second, third = (
        complexities.sample_complexities(parameters, level, kind)[1] for level in (2, 3)
    )
    siblings = slice(-parameters.s, -1)
    few = recovered("last_token", parameters, second / 10, sharing, siblings)
    between = recovered("last_token", parameters, (second * third) ** 0.5, sharing, siblings)
    many = recovered("last_token", parameters, 20 * third, sharing, siblings)
    assert max(few) < 0.15
    assert between[0] > max(0.45, 2 * between[1])
    assert min(many) > (0.9 if sharing else 0.75)


@pytest.mark.parametrize("parameters", [DEEP, UNIFORM, TERNARY, ZIPF, MANY_TOKENS, FEW_TOKENS])
def test_labels_give_away_all_levels_at_once(parameters: Parameters) -> None:
    threshold = complexities.classification_thresholds(parameters)[0]
    assert max(recovered("classification", parameters, threshold / 8, True)) < 0.25
    assert min(recovered("classification", parameters, 30 * threshold, True)) > 0.9


def test_sharing_recovers_upper_levels_from_fewer_sentences() -> None:
    parameters = Parameters.from_keys(v=16, s=2, L=3, m=4)
    size = 1.5 * complexities.sample_complexities(parameters, 3, "cnn")[0]
    assert size < complexities.sample_complexities(parameters, 3, "transformer")[0] / 2
    siblings = slice(-2, -1)
    pooled = recovered("last_token", parameters, size, True, siblings)
    single = recovered("last_token", parameters, size, False, siblings)
    assert pooled[1] > 0.6
    assert single[1] < 0.2
    assert pooled[0] == single[0] > 0.9


@pytest.mark.parametrize("sharing", [True, False])
def test_the_last_token_is_never_looked_at(sharing: bool) -> None:
    train, test = sentences(UNIFORM, 2000), sentences(UNIFORM, 300, "test")["tokens"]
    learner = fitted("last_token", UNIFORM, train, sharing)
    masked, targets = inputs_and_targets("last_token", train, UNIFORM.v[0])
    blind = CountingLearner.fit(
        "last_token", masked, targets, v=(8,) * 3, s=2, classes=8, sharing=sharing
    )
    other = test.copy()
    other[:, -1] = (other[:, -1] + 1) % 8
    for ours, theirs in zip(learner.codes(test), blind.codes(other)):
        np.testing.assert_array_equal(ours, theirs)
        assert (ours[:, -1] == UNIFORM.v[0]).all()
    np.testing.assert_array_equal(learner.predict(test), blind.predict(other))
    plain = ngram("last_token", train["tokens"], targets, test, classes=8)
    np.testing.assert_array_equal(plain, ngram("last_token", masked, targets, other, classes=8))


@pytest.mark.parametrize("task", ["last_token", "classification"])
@pytest.mark.parametrize("sharing", [True, False])
def test_only_the_sentences_matter_not_their_order(task: Task, sharing: bool) -> None:
    train, test = sentences(ZIPF, 1500), sentences(ZIPF, 200, "test")["tokens"]
    shuffled = np.random.default_rng(0).permutation(train)
    ours, theirs = (fitted(task, ZIPF, some, sharing) for some in (train, shuffled))
    for a, b in zip(ours.codes(test), theirs.codes(test)):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(ours.predict(test), theirs.predict(test))


@pytest.mark.parametrize(
    "parameters", [UNIFORM, DEEP, Parameters.from_keys(v=4, s=3, L=2, m=8), MANY_TOKENS]
)
def test_the_loss_comes_down_to_the_bayes_limit_well_before_an_ngram(
    parameters: Parameters,
) -> None:
    size = int(10 * complexities.sample_complexities(parameters, parameters.L, "cnn")[0])
    train, test = sentences(parameters, size), sentences(parameters, 1000, "test")["tokens"]
    targets = train["tokens"][:, -1]
    exact = last_token_posteriors(Grammar.draw(parameters, 0), test)
    learner = fitted("last_token", parameters, train, sharing=True)
    plain = ngram("last_token", train["tokens"], targets, test, classes=parameters.v[0])
    excess, of_ngram = divergence(exact[-1], learner.predict(test)), divergence(exact[-1], plain)
    assert 0 < excess < divergence(exact[-1], exact[-2]) / 4  # the top level's siblings are used
    # the nearest tokens alone are used too, but not much more
    assert 3 * excess < of_ngram < divergence(exact[-1], exact[1])


def test_labels_are_predicted_from_recovered_symbols() -> None:
    size = int(6 * complexities.classification_thresholds(DEEP)[0])
    train, test = sentences(DEEP, size), sentences(DEEP, 1000, "test")
    found = fitted("classification", DEEP, train, sharing=True).predict(test["tokens"])
    assert (found.argmax(axis=1) == test["label"]).mean() > 0.99
    plain = ngram("classification", train["tokens"], train["label"], test["tokens"], classes=8)
    assert (plain.argmax(axis=1) == test["label"]).mean() < 0.75


def test_an_ngram_with_abundant_data_knows_the_exact_posterior() -> None:
    parameters = Parameters.from_keys(v=4, n=3, s=2, L=2, m={1: 3, 2: 2}, zipf={1: 1.0, 2: 0.5})
    train, test = sentences(parameters, 50_000), sentences(parameters, 500, "test")["tokens"]
    exact = last_token_posteriors(Grammar.draw(parameters, 0), test)[-1]
    found = ngram("last_token", train["tokens"], train["tokens"][:, -1], test, classes=4)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert found.min() > 0
    assert divergence(exact, found) < 1e-3


def divergence(exact: np.ndarray, found: np.ndarray) -> float:
    """Mean Kullback-Leibler divergence in nats."""
    ratio = np.where(exact > 0, exact, 1) / np.where(exact > 0, found, 1)
    return float((exact * np.log(ratio)).sum(axis=1).mean())


def test_witten_bell_by_hand() -> None:
    train = np.array([[0, 0], [0, 0], [0, 1], [1, 0]])
    targets = np.array([0, 0, 1, 2])
    test = np.array([[0, 0], [0, 1], [0, 7], [1, 1], [5, 0]])
    found = backoff(train, targets, test, classes=4)
    # no context: 2, 1, 1, 0 of 4 sentences, 3 distinct targets, uniform behind
    none = (np.array([2, 1, 1, 0]) + 3 * 0.25) / 7
    zero = (np.array([2, 1, 0, 0]) + 2 * none) / 5
    one = (np.array([0, 0, 1, 0]) + none) / 2
    expected = [
        (np.array([2, 0, 0, 0]) + zero) / 3,
        (np.array([0, 1, 0, 0]) + zero) / 2,
        zero,  # the second column was not seen
        one,
        none,  # nor the first, whatever follows
    ]
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert backoff(train, targets, test[:0], classes=4).shape == (0, 4)
    np.testing.assert_allclose(backoff(train[:0], targets[:0], test, classes=4), 0.25)


def test_an_unseen_tuple_is_unknown_up_to_the_root_and_left_out_of_the_context() -> None:
    train = sentences(DEEP, 3000)
    learner = fitted("last_token", DEEP, train, sharing=True)
    ungrammatical = set(range(64)) - set((Grammar.draw(DEEP, 0).rules_of(1) @ [8, 1]).ravel())
    tokens = sentences(DEEP, 50, "test")["tokens"]
    broken = tokens.copy()
    broken[:, :2] = divmod(min(ungrammatical), 8)  # below the outermost sibling
    before, after = learner.codes(tokens), learner.codes(broken)
    for codes, others in zip(before, after):
        assert (others[:, 0] == DEEP.v[0]).all()
        np.testing.assert_array_equal(codes[:, 1:], others[:, 1:])
    shorter = backoff(
        learner.contexts[:, :-1], learner.targets, contexts_without_top(tokens, before), classes=8
    )
    np.testing.assert_allclose(learner.predict(broken), shorter)


def contexts_without_top(tokens: np.ndarray, codes: list[np.ndarray]) -> np.ndarray:
    """Nearest sibling of each level but the highest, for s = 2."""
    return np.stack([level[:, -2] for level in [tokens, *codes[:-1]]], axis=1).astype(np.int64)


def test_recovery_is_one_for_new_names_and_zero_for_no_knowledge() -> None:
    grammar = Grammar.draw(UNIFORM, 0)
    below, symbols = hidden(grammar, sentences(UNIFORM, 2000, "test")["tokens"])[:2]
    rename = np.random.default_rng(0).permutation
    assert recovery(rename(8)[symbols], symbols, below, pooled=True) == 1.0
    assert recovery(np.zeros_like(symbols), symbols, below, pooled=True) == 0.0
    apart = np.stack([rename(8)[symbols[:, node]] for node in range(4)], axis=1)
    assert recovery(apart, symbols, below, pooled=False) == 1.0
    assert recovery(apart, symbols, below, pooled=True) < 0.7
    tuples = below[:, 0::2] * 8 + below[:, 1::2]
    random = [rename(np.arange(64) % 8)[tuples] for _ in range(40)]
    assert abs(np.mean([recovery(codes, symbols, below, pooled=True) for codes in random])) < 0.03
    # knowing every tuple but not which are synonyms is nothing either
    assert recovery(tuples, symbols, below, pooled=True) == 0.0
    # two symbols under one name cost little, a symbol under two names much
    merged = recovery(symbols // 2, symbols, below, pooled=True)
    assert 0.8 < merged < 0.95
    assert np.isnan(recovery(symbols, symbols, np.repeat(symbols, 2, axis=1), pooled=True))


def test_what_cannot_be_counted_is_refused() -> None:
    tokens, targets = np.zeros((4, 8), np.uint8), np.zeros(4, np.uint8)
    with pytest.raises(ValueError, match="autoregressive"):
        CountingLearner.fit(
            "autoregressive", tokens, targets, v=(4,) * 3, s=2, classes=4, sharing=True
        )
    with pytest.raises(ValueError, match="autoregressive"):
        ngram("autoregressive", tokens, targets, tokens, classes=4)
    with pytest.raises(ValueError, match="at least one sentence"):
        CountingLearner.fit(
            "last_token", tokens[:0], targets[:0], v=(4,) * 3, s=2, classes=4, sharing=True
        )
    with pytest.raises(ValueError, match=r"8 tokens, not of s\*\*L = 3\*\*2"):
        CountingLearner.fit("last_token", tokens, targets, v=(4, 4), s=3, classes=4, sharing=True)
    with pytest.raises(ValueError, match="more tuples than can be numbered"):
        CountingLearner.fit("last_token", tokens, targets, v=(2**21,), s=8, classes=4, sharing=True)


@pytest.mark.parametrize("task", ["last_token", "classification"])
def test_smallest_cases(task: Task) -> None:
    """One level has nothing hidden; one sentence is enough for a prediction."""
    flat = Parameters.from_keys(v=4, s=2, L=1, m=2)
    learner = fitted(task, flat, sentences(flat, 500), sharing=True)
    assert learner.codes(sentences(flat, 3)["tokens"]) == []
    found = fitted(task, UNIFORM, sentences(UNIFORM, 1), True).predict(
        sentences(UNIFORM, 5)["tokens"]
    )
    assert found.min() > 0
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
