"""Stochastic gradient descent whose learning rate and momentum are tensors on the device."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class DeviceSGD:
    """`torch.optim.SGD` with coupled weight decay, momentum and no dampening, for a captured step.

    The one-cycle schedule changes the momentum at every step. PyTorch's SGD takes it as a number from the host, so a
    capture would keep its first value for ever. The formulas are those of PyTorch's documentation:
    d = g + decay * w, v = momentum * v + d, w = w - lr * v; with Nesterov's momentum w = w - lr * (d + momentum * v).
    """

    def __init__(self, groups: Sequence[tuple[Sequence[nn.Parameter], float]], nesterov: bool) -> None:
        """`groups` are lists of parameters, each with its weight decay."""
        self.groups: list[tuple[list[Tensor], float]] = [(list(own), decay) for own, decay in groups]
        self.parameters = [p for own, _ in self.groups for p in own]
        self.velocity = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self.nesterov = nesterov

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], lr: Tensor, momentum: Tensor) -> None:
        """Updates parameters and velocity in place. `gradients` are in the order of `parameters`, rates scalars."""
        directions = self._decayed(gradients)
        torch._foreach_mul_(self.velocity, momentum)
        torch._foreach_add_(self.velocity, directions)
        moves = self.velocity
        if self.nesterov:
            moves = list(torch._foreach_mul(self.velocity, momentum))
            torch._foreach_add_(moves, directions)
        torch._foreach_sub_(self.parameters, list(torch._foreach_mul(moves, lr)))

    def _decayed(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        directions: list[Tensor] = []
        for parameters, decay in self.groups:
            own = list(gradients[len(directions) : len(directions) + len(parameters)])
            directions += torch._foreach_add(own, parameters, alpha=decay) if decay and own else own
        return directions
