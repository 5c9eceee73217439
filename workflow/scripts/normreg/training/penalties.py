"""Penalties on weights. L1 and group L2 are terms of the objective. L2 is weight decay, see `training.optimizer`."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from normreg.config.condition import Lambdas

_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)  # the first: batch, instance norm


def scoped_parameters(model: nn.Module, scope: str) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Two lists: the parameters that a penalty acts on, and all others.

    Scope "all" is every parameter. Scope "weights" is the weights of convolutions and linear layers. Scope "no-norm" is
    every parameter but the scale and shift of norms.

    Raises:
        ValueError: the scope is none of these.
    """
    if scope not in ("all", "weights", "no-norm"):
        raise ValueError(f"unknown penalty scope {scope!r}; expected 'all', 'weights' or 'no-norm'")
    modules = list(model.modules())
    if scope == "weights":
        chosen = {id(module.weight) for module in modules if isinstance(module, _ConvNd | nn.Linear)}
    else:
        norms = [module for module in modules if isinstance(module, _NORMS)] if scope == "no-norm" else []
        spared = {id(p) for norm in norms for p in norm.parameters(recurse=False)}
        chosen = {id(p) for p in model.parameters()} - spared
    inside, outside = ([p for p in model.parameters() if (id(p) in chosen) is wanted] for wanted in (True, False))
    return inside, outside


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
