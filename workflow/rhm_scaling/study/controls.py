"""Controls: the networks of a curve trained otherwise, which say whether training limits it.

A verdict about data must not be one about the optimizer. So a wider network, a more patient and a
slower training, each with an architecture of its own that any study might have, stand beside a
curve at some of its sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..analysis.control_names import PATIENCE, RATE, WIDTH
from .architectures import NetworkConfig
from .types import Model, PositiveInt, Sizes


class ControlsConfig(Model):
    """Twice the width, twice the patience, half the rate: trained beside the curves of networks.

    A control that does better than a point's own 95 % interval, or better by a ratio whose interval
    over rule draws leaves out one, tells that training, and not the data, sets the point. Controls
    are no curves: they enter no average, fit or verdict.
    """

    train_sizes: Sizes | None = None
    """Sizes of the training set at which they are trained, of those of the experiment; left out
    where it is `online` alone, since one training gives all sizes."""
    rule_draws: PositiveInt | None = None
    """How many of the experiment's rule draws they have, the first ones; all if not given."""


def names(online: bool) -> tuple[str, ...]:
    """The controls of a curve; an online training has no patience that would end it."""
    return (WIDTH, RATE) if online else (WIDTH, PATIENCE, RATE)


def varied(config: NetworkConfig, control: str, online: bool) -> NetworkConfig:
    """The architecture of a control, all its widths and rates at once.

    Half the rate takes twice the steps to come as far, and twice the patience is none where the
    cap on steps ends a training first or a floor of them last: so both double whatever is counted
    in steps and may end a training on a finite set, `min_steps` and `max_steps`. The end of an
    online training stays where it is: the same sentences are seen.

    Raises
    ------
    ValidationError
        If a value leaves what a study may hold.
    """
    given = config.model_dump(include={"width", "optimizer", "training"})
    optimizer, training = given["optimizer"], given["training"]
    if control == WIDTH:
        given["width"] = [2 * width for width in config.widths]
    if control == RATE:
        optimizer["lr"] = _halved(optimizer["lr"])
    if control == PATIENCE:
        training["patience"] *= 2
    if control != WIDTH and not online:
        for steps in ("min_steps", "max_steps"):
            training[steps] *= 2
    return config.with_keys(**given)


def _halved(lr: Any) -> Any:
    """Half the rates, at every size if they are given by size."""
    if isinstance(lr, dict):
        return {size: _halved(rates) for size, rates in lr.items()}
    return [rate / 2 for rate in lr]


def check_controls(here: str, experiment: Any, architectures: Mapping[str, Any]) -> None:
    """Refuse controls that an experiment (`schema.ExperimentConfig`) cannot have.

    Raises
    ------
    ValueError
        In one line that names the key, below `here`.
    """
    asked, here = experiment.controls, f"{here}.controls"
    known = {name: architectures[name] for name in experiment.architectures}
    networks = {name: one for name, one in known.items() if isinstance(one, NetworkConfig)}
    if not networks:
        raise ValueError(
            f"{here}: are of networks that are trained on the task itself, and none here is; "
            "leave them out"
        )
    drawn = experiment.replicas.rule_draws
    if (asked.rule_draws or drawn) > drawn:
        raise ValueError(
            f"{here}.rule_draws: is {asked.rule_draws}, and the experiment has "
            f"replicas.rule_draws = {drawn}; give at most that"
        )
    if (asked.rule_draws or drawn) < 2:
        raise ValueError(
            f"{here}.rule_draws: one tells nothing of the scatter of rule draws, by which a "
            "control is judged; take at least 2, or leave controls out"
        )
    if asked.train_sizes and not experiment.train_sizes:
        raise ValueError(
            f"{here}.train_sizes: one online training gives all sizes, and the experiment has no "
            "others; leave them out"
        )
    if experiment.train_sizes and not asked.train_sizes:
        raise ValueError(
            f"{here}.train_sizes: is missing; name some of the experiment's sizes, such as two at "
            "which its curves are judged"
        )
    if experiment.online and experiment.task == "autoregressive":
        raise ValueError(
            f"{here}: compare the sizes at which online curves cross levels, and none are told "
            "apart in the autoregressive task; leave controls out, or set online: false"
        )
    for name, config in networks.items():
        for control in names(online=not experiment.train_sizes):
            try:
                varied(config, control, online=not experiment.train_sizes)
            except ValidationError as error:
                problem = error.errors()[0]
                raise ValueError(
                    f"{here}: {control} of {name!r} is beyond what a study may hold "
                    f"({problem['loc'][0]}: {problem['msg'].lower()}); leave controls out"
                ) from error
