"""The network of latent prediction: its loss, what it learns, and what keeps it from collapse."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import rhm_scaling as rhm
from rhm_scaling.grammar.model import Grammar, Parameters
from rhm_scaling.grammar.sampling import Stream
from rhm_scaling.models.layers import Shape
from rhm_scaling.steps.products.train_predictor import _status
from rhm_scaling.theory.inference import likeliest_symbols
from rhm_scaling.training.predicting import Predictor, Settings, directions
from rhm_scaling.training.readability import _probe, readable

P = Parameters.from_keys(v=8, s=2, L=3, m=2)
SETTINGS = Settings("codes", codes=7, lr=0.03, steps=400, batch_size=64, decay=0.9, spread=0.1)


def sentences(parameters: Parameters, size: int, name: str = "train", draw: int = 0) -> np.ndarray:
    return Stream(Grammar.draw(parameters, draw), draw, 0, name).take(size)


def started(parameters: Parameters, settings: Settings, *seeds: int, width: int = 32) -> Predictor:
    network = {"width": width, "depth": parameters.L, "heads": 1}
    shape = Shape.from_parameters(parameters, "classification", network)
    return Predictor.start(shape, settings, seeds)


def fitted(parameters: Parameters, settings: Settings, train: np.ndarray, *seeds: int) -> Predictor:
    predictor = started(parameters, settings, *seeds)
    shared = [np.stack([train[name]] * len(seeds)) for name in ("tokens", "label")]
    predictor.fit(*shared, seeds)
    return predictor


def read_levels(parameters: Parameters, predictor: Predictor, draw: int = 0) -> list[float]:
    """How well the levels' symbols are read from the codes of the first replica."""
    grammar, found = Grammar.draw(parameters, draw), []
    sets = [sentences(parameters, 256, name, draw)["tokens"] for name in ("validation", "test")]
    symbols = [likeliest_symbols(grammar, tokens) for tokens in sets]
    codes = [predictor.codes(tokens[None]) for tokens in sets]
    for level in range(1, parameters.L):
        known, asked = (
            (code[level - 1][0], of[level], of[level - 1]) for code, of in zip(codes, symbols)
        )
        found.append(readable(known, asked, parameters.v[level]))
    return found


@pytest.mark.parametrize("predicts", ["codes", "tokens"])
@pytest.mark.parametrize("s", [2, 3])
def test_the_loss_is_what_it_says(predicts: str, s: int) -> None:
    p = Parameters.from_keys(v=5, n=4, s=s, L=3, m=3)
    predictor = started(p, replace(SETTINGS, predicts=predicts, spread=0.5), 1)
    target = started(p, SETTINGS, 2).encoder()
    train = sentences(p, 6)
    tokens = torch.from_numpy(train["tokens"][None])
    labels = torch.from_numpy(train["label"][None].astype(np.int64))
    found = predictor.losses(tokens, labels, target)

    def codes(weights: list[torch.Tensor]) -> list[torch.Tensor]:
        x, levels = torch.eye(5)[train["tokens"].astype(int)], []
        for level in (0, 1):
            tuples = x.reshape(6, -1, s * x.shape[2])
            x = (tuples @ weights[level][0]).clamp(min=0) @ weights[2 + level][0]
            levels.append(x)
        return levels

    own, known = codes(predictor.encoder()), codes(target)
    expected = torch.zeros(())
    for level in (1, 2):
        code, errors = own[level - 1], []
        for sentence in range(6):
            for parent in range(s ** (2 - level)):
                for pair, (one, other) in enumerate(predictor.pairs):
                    places = parent * s + one, parent * s + other
                    told = code[sentence, places[0]] @ predictor.answers[level - 1][0, pair]
                    told = told + predictor.offsets[level - 1][0, pair, 0]
                    if predicts == "codes":
                        wanted = known[level - 1][sentence, places[1]]
                        errors.append((told - wanted).square().mean())
                        continue
                    width = s**level
                    below = train["tokens"][sentence, places[1] * width : (places[1] + 1) * width]
                    logs = told.reshape(width, 5).log_softmax(1)
                    errors += [-logs[place, token] for place, token in enumerate(below)]
        expected += torch.stack(errors).mean()
        flat = code.reshape(-1, 7)
        covariance = torch.cov(flat.T, correction=0)
        away = (covariance - torch.eye(7)).square().sum() + flat.mean(0).square().sum()
        expected += 0.5 * away / 7
    hidden = (own[1].reshape(6, -1) @ predictor.top[0]).clamp(min=0)
    expected += torch.nn.functional.cross_entropy(hidden @ predictor.readout[0], labels[0])
    torch.testing.assert_close(found[0], expected)


def test_no_gradient_passes_through_the_target_nor_from_labels_to_codes() -> None:
    predictor = started(P, replace(SETTINGS, spread=0.0), 1)
    target = [weight.detach().clone().requires_grad_() for weight in predictor.encoder()]
    train = sentences(P, 50)
    tokens = torch.from_numpy(train["tokens"][None])
    gradients = []
    for labels in (train["label"], np.roll(train["label"], 1)):
        named = torch.from_numpy(labels[None].astype(np.int64))
        loss = predictor.losses(tokens, named, target).sum()
        gradients.append(torch.autograd.grad(loss, predictor.encoder() + target, allow_unused=True))
    one, other = gradients
    assert all(gradient is None for gradient in one[4:])
    assert all(torch.equal(*pair) for pair in zip(one[:4], other[:4], strict=True))


def test_a_replica_is_the_same_alone_and_beside_others() -> None:
    train, test = sentences(P, 100), sentences(P, 20, "test")["tokens"][None]
    for predicts in ("codes", "tokens"):
        settings = replace(SETTINGS, predicts=predicts, codes=12, steps=60)
        both, alone = fitted(P, settings, train, 3, 4), fitted(P, settings, train, 4)
        pair = both.codes(np.repeat(test, 2, axis=0)), alone.codes(test)
        assert all(np.array_equal(a[1], b[0]) for a, b in zip(*pair, strict=True))


def test_codes_of_all_levels_are_learnt_and_labels_read_from_them() -> None:
    train, test = sentences(P, 2048), sentences(P, 500, "test")
    assert max(read_levels(P, started(P, SETTINGS, 0))) < 0.3  # untrained
    predictor = fitted(P, SETTINGS, train, 0)
    assert min(read_levels(P, predictor)) > 0.7
    answers = predictor.predict(test["tokens"][None])[0]
    np.testing.assert_allclose(answers.sum(axis=1), 1)
    assert (answers.argmax(axis=1) != test["label"]).mean() < 0.05


def test_codes_collapse_where_nothing_keeps_them_apart() -> None:
    train, test = sentences(P, 2048), sentences(P, 200, "test")["tokens"][None]
    kept = fitted(P, SETTINGS, train, 0).codes(test)
    lost = fitted(P, replace(SETTINGS, spread=0.0), train, 0).codes(test)
    assert min(map(directions, kept)) > 4
    assert min(map(directions, lost)) < 1


def test_directions_count_what_codes_really_take() -> None:
    generator = np.random.default_rng(0)
    codes = generator.normal(size=(4000, 6))
    assert directions(codes) == pytest.approx(6, abs=0.1)
    assert directions(codes * [1, 1, 1, 0, 0, 0]) == pytest.approx(3, abs=0.1)
    assert directions(codes / 100) < 0.01
    assert directions(np.ones((10, 3))) == 0


def test_reading_is_zero_for_names_of_tuples_and_one_for_symbols() -> None:
    p = Parameters.from_keys(v=8, s=2, L=3, m=4)
    grammar = Grammar.draw(p, 0)
    sets = [sentences(p, 400, name)["tokens"] for name in ("validation", "test")]
    symbols = [likeliest_symbols(grammar, tokens) for tokens in sets]

    def of(named: list[np.ndarray], classes: int) -> float:
        known, asked = (
            (np.eye(classes)[codes], levels[1], levels[0]) for codes, levels in zip(named, symbols)
        )
        return readable(known, asked, 8)

    tuples = [levels[0].reshape(400, -1, 2) @ [8, 1] for levels in symbols]
    assert of([levels[1] for levels in symbols], 8) == 1
    assert abs(of(tuples, 64)) < 0.1
    assert abs(of([np.zeros_like(levels[1]) for levels in symbols], 2)) < 0.1


def test_a_probe_that_has_seen_all_tuples_reads_an_untrained_network_too() -> None:
    predictor = started(P, replace(SETTINGS, codes=32), 0, width=64)
    sets = [sentences(P, 256, name)["tokens"] for name in ("validation", "test")]
    symbols = [likeliest_symbols(Grammar.draw(P, 0), tokens)[1].ravel() for tokens in sets]
    codes = [predictor.codes(tokens[None])[0].reshape(-1, 32).astype(float) for tokens in sets]
    read = _probe(codes[0], symbols[0], 8, codes[1])
    assert (read == symbols[1]).mean() > 0.95
    assert read_levels(P, predictor)[0] < 0.2


def test_without_synonyms_nothing_can_be_told() -> None:
    codes, symbols = np.random.default_rng(0).normal(size=(4, 2, 3)), np.array([[0, 1]] * 4)
    nodes = codes, symbols, np.repeat(symbols, 2, axis=1)
    assert np.isnan(readable(nodes, nodes, 2))


def test_what_became_of_a_training_is_told_by_its_codes() -> None:
    apart = np.random.default_rng(0).normal(size=(64, 4, 8)).astype(np.float32)
    assert _status(0.1, [apart, apart[:, :2]]) == "ok"
    assert _status(0.1, [apart, apart * 0 + 1]) == "collapsed"
    # three codes of eight numbers cannot tell which directions they take
    assert _status(0.1, [apart, apart[:3, :1]]) == "ok"
    assert _status(np.inf, [apart]) == _status(0.1, [apart, apart * np.nan]) == "diverged"


def test_a_training_that_diverges_has_a_row_that_says_so() -> None:
    grammar = rhm.draw_grammar(v=4, s=2, L=3, m=2)
    how = {"width": 4, "lr": 1e6, "steps": 200, "rule_draws": 1}
    how |= {"test_size": 64, "validation_size": 64}
    found = rhm.train(grammar, "classification", "latent_network", [16], **how)
    assert [*found.runs["status"]] == ["diverged"]
    assert not len(found.history) and not found.networks
