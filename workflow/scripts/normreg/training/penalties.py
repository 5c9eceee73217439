"""Penalties on the weights. L1 and group L2 are terms of the objective; L2 is the weight decay of `optimizer.sgd`."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from normreg.config.condition import Lambdas


def scoped_parameters(model: nn.Module, scope: str) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The parameters a penalty acts on and the rest: "all", or "weights" (those of convolutions and linear layers)."""
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
    """Sum of |w| over all elements; gradient sign(w), 0 at w = 0."""
    return torch.cat([p.reshape(-1) for p in parameters]).abs().sum()


def group_l2(parameters: Iterable[Tensor]) -> Tensor:
    """Sum over tensors of the Euclidean norm, not squared; gradient w / ||w||, 0 for a tensor of zeros.

    This is what one published study (hardayaleva5) calls "L2": a group lasso with a tensor as the group.
    """
    return torch.stack([torch.linalg.vector_norm(p) for p in parameters]).sum()


def penalty(parameters: Sequence[Tensor], lambdas: Lambdas) -> Tensor | None:
    """lambda_l1 * l1 + lambda_group_l2 * group_l2; None when both lambdas are 0. `l2` is not in it."""
    terms = []
    if lambdas["l1"]:
        terms.append(lambdas["l1"] * l1(parameters))
    if lambdas["group_l2"]:
        terms.append(lambdas["group_l2"] * group_l2(parameters))
    return torch.stack(terms).sum() if terms else None
