"""Stochastic gradient descent on the parameters of a model."""

import torch
from torch import nn

from normreg.config.condition import Optimizer
from normreg.training.penalties import scoped_parameters


def sgd(model: nn.Module, optimizer: Optimizer, weight_decay: float, scope: str) -> torch.optim.SGD:
    """PyTorch's SGD. The parameters in scope have weight decay: d = g + weight_decay * w. All others have none."""
    inside, outside = scoped_parameters(model, scope)
    groups = [{"params": inside, "weight_decay": weight_decay}]
    if outside:
        groups.append({"params": outside, "weight_decay": 0.0})
    return torch.optim.SGD(groups, lr=optimizer["lr"], momentum=optimizer["momentum"], nesterov=optimizer["nesterov"])
