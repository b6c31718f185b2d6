"""Networks that predict all masked tokens at once, at several masked fractions, and what they make.

The loop, its stopping rules and its checkpoints are those of `loop`. Beside the validation loss a
training is followed by the posteriors and the fillings of its network, fraction by fraction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..grammar.model import Grammar
from ..models.layers import Pack
from ..theory.denoising import corrupt, evidence, posteriors, upward
from ..theory.messages import blocks
from .batches import Batches
from .checkpoints import Checkpoint

# the loop's own run, of which a public name would change the identity of all that is trained
from .datasets import Examples, example_losses
from .filling import ORDERS, Array, Filling, Order
from .loop import Outcome, Settings, _Run, evaluation_steps

_KNOWN = -100  # the target of a token that is seen, which the loss leaves out


class MaskedBatches:
    """Batches of whole sentences, of which each step masks tokens anew.

    A sentence's fraction is drawn from the list, and each of its tokens masked with that
    probability.

    Parameters
    ----------
    whole
        Batches whose inputs are unmasked.
    v
        Tokens; what stands for a mask.
    fractions
        Masked fractions.
    seeds
        Of each replica's masks.
    """

    def __init__(
        self, whole: Batches, v: int, fractions: Sequence[float], seeds: Sequence[int]
    ) -> None:
        self._whole, self._v, self._seeds = whole, v, list(seeds)
        self._fractions = np.array(fractions)

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Masked tokens, and as targets what they were; of seen ones, a number below zero."""
        tokens, _ = self._whole.at(step)
        drawn = []
        for seed in self._seeds:
            source = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, step]))
            rows = source.integers(len(self._fractions), size=(tokens.shape[1], 1))
            drawn.append(source.random(tokens.shape[1:]) < self._fractions[rows])
        masked = torch.from_numpy(np.stack(drawn)).to(tokens.device)
        return tokens.masked_fill(masked, self._v), tokens.long().masked_fill(~masked, _KNOWN)

    def keep(self, replicas: Sequence[int]) -> None:
        """Drop all replicas but these."""
        self._whole.keep(replicas)
        self._seeds = [self._seeds[replica] for replica in replicas]


def masked_examples(
    datasets: Sequence[NDArray[np.integer]],
    source: Sequence[int],
    fractions: Sequence[float],
    v: int,
    seeds: Sequence[int],
) -> Examples:
    """Every sentence at every fraction, ``(U, F*N, d)``, all of one fraction after another.

    Parameters
    ----------
    datasets
        Tokens of the distinct data sets, ``(N, d)`` each.
    source
        Which data set each replica uses.
    fractions
        Masked fractions.
    v
        Tokens; what stands for a mask.
    seeds
        Of each data set's masks.
    """
    seen, targets = [], []
    for tokens, seed in zip(datasets, seeds):
        source_of_masks = np.random.Generator(np.random.Philox(seed))
        hidden = [corrupt(tokens, "mask", one, v, source_of_masks) for one in fractions]
        seen.append(np.concatenate(hidden))
        whole = np.concatenate([tokens.astype(np.int64)] * len(fractions))
        targets.append(np.where(seen[-1] == v, whole, _KNOWN))
    smallest = np.uint8 if v <= np.iinfo(np.uint8).max else np.int32
    inputs = torch.from_numpy(np.stack(seen).astype(smallest))
    return Examples(
        inputs, torch.from_numpy(np.stack(targets).astype(np.int32)), torch.tensor(source)
    )


def exact_posteriors(grammar: Grammar, seen: NDArray[np.integer]) -> Array:
    """Posterior of every token of masked sentences ``(N, d)``: ``(N, d, v)``, zero where seen."""
    v = grammar.parameters.v[0]
    found = np.zeros((*seen.shape, v))
    for block in blocks(grammar, len(seen)):
        here = seen[block].astype(np.int64)
        known = posteriors(grammar, upward(grammar, evidence(here, "mask", 0.0, v)))[0]
        found[block] = np.where((here == v)[..., None], np.moveaxis(known, 0, -1), 0.0)
    return found


@torch.no_grad()
def measure(network: Pack, examples: Examples, fractions: int) -> dict[str, Array]:
    """Mean loss, error and excess of a masked token by fraction, each ``(R, F)``.

    The excess is the mean Kullback-Leibler divergence from the exact posterior in nats, NaN where
    that is not known. `examples` are those of `masked_examples`.
    """
    parts: dict[str, list[Array]] = {name: [] for name in ("loss", "error", "excess", "masked")}
    for part, inputs, targets in examples.parts():
        logits, hidden = network(inputs), targets != _KNOWN
        found = {
            "loss": example_losses(logits, targets),
            "error": (logits.argmax(-1) != targets) & hidden,
            "masked": hidden,
        }
        if examples.posterior is not None:
            exact = examples.posterior[examples.source, part]
            logs = logits.double().log_softmax(-1)
            found["excess"] = -(exact * logs + torch.special.entr(exact)).sum(-1)
        for name, values in found.items():
            parts[name].append(values.double().sum(-1).cpu().numpy())
    shape = (len(examples.source), fractions, -1)
    sums = {
        name: np.concatenate(values, axis=1).reshape(shape).sum(-1)
        for name, values in parts.items()
        if values
    }
    count = np.maximum(sums.pop("masked"), 1)
    nothing = np.full(count.shape, np.nan)
    return {name: sums.get(name, nothing) / count for name in ("loss", "error", "excess")}


def exact_losses(examples: Examples, fractions: int) -> Array:
    """Mean entropy of the exact posterior of a masked token, ``(U, F)``: the floor of losses."""
    assert examples.posterior is not None  # noqa: S101 (of a test set)
    entropy = torch.special.entr(examples.posterior).sum((2, 3)).cpu().numpy()
    masked = (examples.targets != _KNOWN).sum(2).cpu().numpy()
    shape = (len(entropy), fractions, -1)
    return np.asarray(entropy.reshape(shape).sum(-1) / np.maximum(masked.reshape(shape).sum(-1), 1))


@dataclass
class Trial:
    """What is measured of a pack's networks.

    Attributes
    ----------
    examples
        Test sentences at every fraction, with their posteriors.
    filling
        Those that are filled in.
    """

    examples: Examples
    filling: Filling

    def found(self, network: Pack) -> list[dict[str, Any]]:
        """Of each replica, lists by fraction: loss, error, excess, and what it makes."""
        told = measure(network, self.examples, self.filling.fractions)
        made = {order: self.filling.judged(self.filling.filled(network, order)) for order in ORDERS}
        return [
            {
                **{f"test_{name}": float(values[row].mean()) for name, values in told.items()},
                "masked": {name: values[row].tolist() for name, values in told.items()},
                "made": {order: values[row].tolist() for order, values in made.items()},
            }
            for row in range(len(self.examples.source))
        ]

    def beside(self) -> dict[str, dict[Order, Array]]:
        """What other predictors make, as `Filling.judged` tells, by name and order.

        ``exact``: posteriors, which at once are those of single tokens alone, and in turn always
        make sentences of the language. ``random``: tokens of equal probability.
        """
        filling = self.filling
        assert self.examples.posterior is not None  # noqa: S101 (of a test set)
        known = self.examples.posterior[self.examples.source]
        known = known.view(len(known), filling.fractions, -1, *known.shape[2:])
        known = known[:, :, : filling.seen.shape[1] // filling.fractions].reshape(
            filling.noise.shape
        )
        alone = filling.judged(filling.filled(lambda _: known.log(), "at once"))
        nothing = torch.zeros_like(filling.noise)
        random = filling.judged(filling.filled(lambda _: nothing, "at once"))
        return {
            "exact": {"at once": alone, "in turn": np.ones_like(alone)},
            "random": dict.fromkeys(ORDERS, random),
        }

    def keep(self, rows: Sequence[int]) -> Trial:
        """The same for some of the replicas."""
        kept = torch.tensor([*rows], device=self.examples.source.device)
        return Trial(self.examples.keep(kept), self.filling.keep(rows))


class _DenoisingRun(_Run):
    """A training of denoisers under way; losses are of a masked token.

    Attributes
    ----------
    share
        Of each replica's validation tokens, those that are masked.
    """

    def __init__(
        self,
        network: Pack,
        batches: Batches,
        validation_set: Examples,
        trial: Trial | None,
        rates: Sequence[float],
        settings: Settings,
    ) -> None:
        super().__init__(network, batches, validation_set, None, rates, settings)
        self._trial = trial
        masked = (validation_set.targets != _KNOWN).double().mean((1, 2))
        # the loop's means are over all tokens
        self.share = masked[validation_set.source].tolist()

    def _descend(self, inputs: Tensor, targets: Tensor) -> None:
        """One step of every active replica on its batch."""
        losses = example_losses(self._network(inputs), targets).sum((1, 2))
        losses = losses / (targets != _KNOWN).sum((1, 2)).clamp(min=1)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._losses += losses.detach()

    def evaluate(self) -> tuple[int, int, float]:
        """As the loop's, with what is measured of the networks that are still trained."""
        before, active = len(self.outcome.history), self.active
        found = self._trial.found(self._network) if self._trial else [{} for _ in active]
        step, count, _ = super().evaluate()
        for (replica, row), told in zip(self.outcome.history[before:], found, strict=True):
            share = self.share[replica]
            row["validation_loss"] /= share
            # the loop takes every token that is seen for a mistake
            row["validation_error"] = 1 - (1 - row["validation_error"]) / share
            row.update(told)
        losses = [row["validation_loss"] for _, row in self.outcome.history[before:]]
        return step, count, float(np.mean(losses))

    def _keep(self, rows: list[int]) -> None:
        super()._keep(rows)
        if rows and self._trial:
            self._trial = self._trial.keep(rows)


def train(
    network: Pack,
    batches: Batches,
    validation_set: Examples,
    rates: Sequence[float],
    settings: Settings,
    progress: Callable[[int, int, float], None] = lambda step, active, loss: None,
    checkpoint: Checkpoint | None = None,
    trial: Trial | None = None,
) -> Outcome:
    """`loop.train` of denoisers; with a `trial`, rows of the history have what `Trial` finds.

    `batches` are `MaskedBatches` and `validation_set` is of `masked_examples`; all losses are means
    over masked tokens, of which a sentence at a higher fraction has more.
    """
    run = _DenoisingRun(network, batches, validation_set, trial, rates, settings)
    saved = checkpoint.load() if checkpoint else None
    if saved:
        run.restore(saved)
    for goal in evaluation_steps(settings.max_steps, settings.evaluations_per_octave):
        while run.active and run.step < goal:
            run.update()
            if checkpoint and checkpoint.due():
                checkpoint.save(run.state())
        if run.active and run.step == goal:
            progress(*run.evaluate())
    if checkpoint:
        checkpoint.save(run.state(), finished=True)
    for replica, loss in enumerate(run.outcome.validation_loss):
        run.outcome.validation_loss[replica] = loss / run.share[replica]
    return run.outcome
