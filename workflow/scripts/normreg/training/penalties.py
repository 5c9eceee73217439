"""Penalties on the weights. L1 and group L2 are terms of the objective. L2 is the weight decay of `optimizer.sgd`."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from normreg.config.condition import Lambdas


def scoped_parameters(model: nn.Module, scope: str) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Two lists: the parameters that a penalty acts on, and all others.

    Scope "all" is every parameter. Scope "weights" is the weights of convolutions and linear layers.

    Raises:
        ValueError: the scope is neither.
    """
    if scope == "all":
        return list(model.parameters()), []
    if scope != "weights":
        raise ValueError(f"unknown penalty scope {scope!r}; expected 'all' or 'weights'")
    inside: list[nn.Parameter] = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            inside.append(module.get_parameter("weight"))
    chosen = {id(p) for p in inside}
    return inside, [p for p in model.parameters() if id(p) not in chosen]


def l1(parameters: Iterable[Tensor]) -> Tensor:
    """Sum of |w| over all elements. The gradient is sign(w), and 0 at w = 0."""
    return torch.cat([p.reshape(-1) for p in parameters]).abs().sum()


def group_l2(parameters: Iterable[Tensor]) -> Tensor:
    """Sum over the tensors of their Euclidean norm, not squared.

    The gradient is w / ||w||, and 0 for a tensor of zeros. One published study (hardayaleva5) calls this "L2". It is a
    group lasso in which each tensor is a group.
    """
    return torch.stack([torch.linalg.vector_norm(p) for p in parameters]).sum()


def penalty(parameters: Sequence[Tensor], lambdas: Lambdas) -> Tensor | None:
    """lambda_l1 * l1 + lambda_group_l2 * group_l2, without `l2`. None if both lambdas are 0."""
    terms = []
    if lambdas["l1"]:
        terms.append(lambdas["l1"] * l1(parameters))
    if lambdas["group_l2"]:
        terms.append(lambdas["group_l2"] * group_l2(parameters))
    return torch.stack(terms).sum() if terms else None
