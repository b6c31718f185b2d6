"""Optimizers of a pack: every replica with its own learning rate.

Those of PyTorch have one rate for a whole tensor, and importing them takes longer than a small
training (they load its compiler); the arithmetic here is theirs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..models.layers import OptimizerKind, Pack

_BETAS, _EPSILON = (0.9, 0.999), 1e-8  # of Adam, the usual ones


class Optimizer:
    """Plain gradient descent with momentum, or Adam (arXiv:1412.6980), of all replicas of a pack.

    Parameters
    ----------
    network
        The pack.
    kind
        ``sgd`` or ``adam``.
    rates
        Learning rate of each replica as configured, ``(R,)``; what the width does to it
        (`Pack.rate_scales`) is applied here.
    momentum
        Of ``sgd``.
    warmup_steps
        Steps over which the rates rise linearly; 1 for none.
    decay_steps
        Step at which the rates, having fallen as half a cosine since the end of the warm-up, are
        zero (arXiv:1608.03983, without restarts); None if they stay.
    weight_decay
        Every step also takes this share of the configured rate off all weights, whatever the
        width (decoupled from the gradient, arXiv:1711.05101).
    """

    def __init__(
        self,
        network: Pack,
        kind: OptimizerKind,
        rates: Sequence[float],
        momentum: float,
        warmup_steps: int = 1,
        decay_steps: int | None = None,
        weight_decay: float = 0.0,
    ) -> None:
        self._parameters = list(network.parameters())
        self._kind, self._momentum, self._warmup = kind, momentum, warmup_steps
        self._last, self._decay = decay_steps, weight_decay
        device = self._parameters[0].device
        configured, scales = torch.tensor(rates, device=device), network.rate_scales(kind)
        self._configured = configured
        self._rates = [configured * scales.get(name, 1.0) for name, _ in network.named_parameters()]
        moments = 1 if kind == "sgd" else 2
        self._moments = [
            [torch.zeros_like(parameter) for parameter in self._parameters] for _ in range(moments)
        ]
        # on the device, so that a recorded step counts for itself
        self._steps = torch.zeros((), dtype=torch.float64, device=device)

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradients, which it consumes.

        Operations are element by element, so a replica's numbers do not depend on the pack.
        """
        self._steps += 1
        risen = (self._steps / self._warmup).clamp_(max=1.0)
        if self._last is not None:
            left = (self._steps - self._warmup) / max(self._last - self._warmup, 1)
            risen *= (left.clamp_(0.0, 1.0) * math.pi).cos_().add_(1.0).div_(2.0)
        if self._kind == "adam":
            bias, bias_square = (1.0 - beta**self._steps for beta in _BETAS)
        for parameter, rate, *moments in zip(self._parameters, self._rates, *self._moments):
            gradient = parameter.grad
            if gradient is None:
                raise RuntimeError("a parameter has no gradient: call backward before step")
            each = -1, *[1] * (parameter.dim() - 1)
            rates = rate.view(each)
            if self._decay:
                parameter.mul_(1.0 - self._configured.view(each) * (self._decay * risen))
            if self._kind == "sgd":
                (velocity,) = moments
                velocity.mul_(self._momentum).add_(gradient)
                parameter.addcmul_(velocity, rates * -risen)
            else:
                mean, square = moments
                mean.lerp_(gradient, 1.0 - _BETAS[0])
                square.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1.0 - _BETAS[1])
                scale = square.div(bias_square).sqrt_().add_(_EPSILON)
                parameter.addcmul_(mean.div(scale), rates * (-risen / bias))
            parameter.grad = None

    def keep(self, network: Pack, replicas: Tensor) -> None:
        """Go on with some `replicas` of the pack, `network` having been cut down to them."""
        self._parameters = list(network.parameters())
        self._configured = self._configured[replicas]
        self._rates = [rates[replicas] for rates in self._rates]
        self._moments = [[moment[replicas] for moment in moments] for moments in self._moments]

    def state(self) -> dict[str, Tensor]:
        """All moments by name."""
        return {
            f"{order}.{index}": moment
            for order, moments in enumerate(self._moments)
            for index, moment in enumerate(moments)
        }

    def restore(self, state: dict[str, Tensor], steps: int) -> None:
        """Take up the moments where they were after so many `steps`."""
        for name, moment in self.state().items():
            moment.copy_(state[name])
        self._steps.fill_(steps)
