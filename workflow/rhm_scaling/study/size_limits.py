"""How much a study asks for, in closed form: an absurd one is refused before it is unrolled."""

from __future__ import annotations

import math
from typing import Any

from ..core.errors import UserError
from .controls import names
from .schema import AutoSizesConfig, ExperimentConfig, Study

# Planning takes 0.2 ms and 8 KiB a product, Snakemake some ms
MOST = {"products": 100_000, "trainings": 1_000_000}


def check(study: Study) -> None:
    """Raise `UserError`, naming the key, if the experiments ask for more than can be planned."""
    total = dict.fromkeys(MOST, 0)
    for name, experiment in study.experiments.items():
        for what, count in counts(study, experiment).items():
            total[what] += count
            if total[what] > MOST[what]:
                factors = _factors(experiment)
                raise UserError(
                    f"experiments.{name}.{max(factors, key=lambda key: factors[key])}: the study "
                    f"asks for {total[what]:.3g} {what}, the most is {MOST[what]}; take fewer, or "
                    "make several studies"
                )

    products = total["products"] + denoised(study)
    if products > MOST["products"]:
        raise UserError(
            f"denoising: the study asks for {products:.3g} products, the most is "
            f"{MOST['products']}; take fewer rule_draws or grammars"
        )


def denoised(study: Study) -> int:
    """Grammars that are drawn to be denoised, and what is found of them; at most."""
    return sum(2 * len(one.grammars) * one.rule_draws for one in study.denoising.values())


def _factors(experiment: ExperimentConfig) -> dict[str, int]:
    """Lengths of the axes that an experiment spans, by key."""
    replicas = {f"replicas.{axis}": count for axis, count in _axes(experiment).items()}
    if experiment.precision:
        replicas["precision.most_rule_draws"] = replicas.pop("replicas.rule_draws")
    names = {key: len(getattr(experiment, key)) for key in ("grammars", "architectures")}
    return {"train_sizes": _sizes(experiment), **names, **replicas}


def _axes(experiment: ExperimentConfig) -> dict[str, int]:
    """The replicas of every point by axis, at most where precision adds rule draws."""
    replicas, asked = experiment.replicas, experiment.precision
    return {
        "rule_draws": asked.most_rule_draws if asked else replicas.rule_draws,
        "samples": replicas.samples,
        "initialisations": replicas.initialisations,
    }


def _sizes(experiment: ExperimentConfig) -> int:
    """Training sizes, at most where theory chooses them."""
    chosen, online = experiment.train_sizes, int(experiment.online)
    if isinstance(chosen, AutoSizesConfig):
        return int(chosen.points_per_octave * (math.log2(chosen.largest) + 1)) + 1 + online
    return len(chosen) + online


def _controls(experiment: ExperimentConfig) -> int:
    """Points at which a network is trained once more, otherwise."""
    asked = experiment.controls
    if asked is None:
        return 0
    online = len(names(online=True)) if experiment.online else 0
    return len(asked.train_sizes or []) * len(names(online=False)) + online


def counts(study: Study, experiment: ExperimentConfig) -> dict[str, int]:
    """Products that an experiment asks for, and the trainings in them; at most."""
    block, axes, sizes = study.block, _axes(experiment), _sizes(experiment)
    points = sizes + _controls(experiment)
    # a grammar, its theory and its survey; training sets of each size, two other sets, posteriors
    products = axes["rule_draws"] * (3 + axes["samples"] * (sizes + 4))
    trainings = 0
    for name in experiment.architectures:
        config: Any = study.architectures[name]
        shapes = len(getattr(config, "widths", [0])) * len(getattr(config, "depths", []) or [0])
        rates = len(config.optimizer.all_rates) if hasattr(config, "optimizer") else 1
        trainings += shapes * points * rates * math.prod(axes.values())
        blocks = (-(-count // getattr(block, axis)) for axis, count in axes.items())
        packs = -(-rates // block.learning_rates)
        products += shapes * (1 + points * packs * math.prod(blocks))
    grammars = len(experiment.grammars)
    return {"products": grammars * products, "trainings": grammars * trainings}
