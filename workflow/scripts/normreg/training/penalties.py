"""Penalties on weights. L1 and group L2 are terms of the objective. L2 is weight decay, see `training.optimizer`."""

import re
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from normreg.analysis.run_tables import WEIGHT
from normreg.config.condition import Lambdas
from normreg.errors import ConfigError

# Layers whose weights are matrices of what they compute, and the names that PyTorch gives these.
_WEIGHTED = (_ConvNd, nn.Linear, nn.Bilinear, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)
_MATRIX = re.compile(r"weight|weight_(ih|hh|hr)\w*|(in|q|k|v)_proj_weight")
_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)  # the first: batch, instance norm
NORM, BIAS, OTHER = "norm", "bias", "other"
_ROLES = (WEIGHT, NORM, BIAS, OTHER)  # a tensor that two layers share has the first of its roles
_SCOPES: Mapping[str, tuple[str, ...]] = {"all": _ROLES, "weights": (WEIGHT,), "no-norm": (WEIGHT, BIAS, OTHER)}


def roles(model: nn.Module) -> dict[str, str]:
    """The role of each parameter in its layer, by the parameter's name: one of `_ROLES`.

    WEIGHT: the weights of convolutions, linear, bilinear and recurrent layers and of attention. NORM: scale and shift
    of norms. BIAS: biases of other layers. OTHER: all else, such as embeddings and parameters of the user's own
    modules.
    """
    found: dict[int, str] = {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            known = found.get(id(parameter), OTHER)
            found[id(parameter)] = min(known, _role(module, name), key=_ROLES.index)
    return {name: found[id(parameter)] for name, parameter in model.named_parameters()}


def _role(module: nn.Module, name: str) -> str:
    if isinstance(module, _NORMS):
        return NORM
    if isinstance(module, _WEIGHTED) and _MATRIX.fullmatch(name):
        return WEIGHT
    return BIAS if "bias" in name else OTHER


def scoped_parameters(model: nn.Module, scope: str) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Two lists: the parameters that a penalty acts on, and all others.

    Scope "all" is every parameter. Scope "weights" is those with the role WEIGHT, see `roles`. Scope "no-norm" is every
    parameter but the scale and shift of norms.

    Raises:
        ValueError: the scope is none of these.
        ConfigError: no parameter of the model is in the scope.
    """
    if scope not in _SCOPES:
        raise ValueError(f"unknown penalty scope {scope!r}; expected {', '.join(_SCOPES)}")
    role = roles(model)
    inside, outside = (
        [p for name, p in model.named_parameters() if (role[name] in _SCOPES[scope]) is wanted]
        for wanted in (True, False)
    )
    if not inside:
        raise ConfigError(f"key 'penalty_scope': none of the network's parameters is in the scope {scope}; take all.")
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
