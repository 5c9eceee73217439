"""The table of norms: what takes the place of a batch norm, in a list of layers and in a network in Python."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from normreg.errors import ConfigError
from normreg.models.description import BASELINE, NORM_COUNTS
from normreg.models.layers import GhostBatchNorm, GhostBatchNorm1d, GhostBatchNorm2d, GhostBatchNorm3d

_GHOSTS: Mapping[type[nn.Module], type[GhostBatchNorm]] = {
    nn.BatchNorm1d: GhostBatchNorm1d,
    nn.BatchNorm2d: GhostBatchNorm2d,
    nn.BatchNorm3d: GhostBatchNorm3d,
}


_INSTANCES: Mapping[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: nn.InstanceNorm1d,
    nn.BatchNorm2d: nn.InstanceNorm2d,
    nn.BatchNorm3d: nn.InstanceNorm3d,
}


def _ghost(norm: _BatchNorm, num_splits: int) -> nn.Module:
    settings = norm.num_features, num_splits, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
    return _GHOSTS[type(norm)](*settings)


def _groups(norm: _BatchNorm, groups: int) -> nn.Module:
    """Group norm; with one group, layer norm over channels and pixels, with a scale and a shift for each channel."""
    if norm.num_features % groups:
        raise ConfigError(f"num_groups {groups} does not divide the {norm.num_features} channels of a norm.")
    return nn.GroupNorm(groups, norm.num_features, norm.eps, norm.affine)


def _instances(norm: _BatchNorm, _: int) -> nn.Module:
    """Instance norm, which has no running statistics, with the scale and shift that a batch norm has."""
    return _INSTANCES[type(norm)](norm.num_features, norm.eps, affine=norm.affine)


# What takes the place of a BatchNorm1d, 2d or 3d, made from that layer and the number that the norm has, or 1.
# `replace` hands on the tensors that both have, so this takes over settings alone.
NORMS: Mapping[str, Callable[[_BatchNorm, int], nn.Module]] = {
    BASELINE: lambda norm, _: norm,
    "gbn": _ghost,
    "gn": _groups,
    "ln": lambda norm, _: _groups(norm, 1),
    "in": _instances,
    "none": lambda *_: nn.Identity(),
}


def count_of(condition: Mapping[str, Any]) -> int:
    """The number of ghost batches or of groups that a condition's norm has. It is 1 for all other norms."""
    return int(condition[NORM_COUNTS[condition["norm"]]]) if condition["norm"] in NORM_COUNTS else 1


def replace(model: nn.Module, norm: str, count: int, where: str) -> list[str]:
    """Gives a module the norm of a condition, in the place of its batch norms. Their tensors, mode and hooks stay.

    Args:
        model: is changed.
        norm: a key of `NORMS`.
        count: ghost batches in a batch, or groups, for the norms that have them.
        where: the network's file, for messages.

    Returns:
        The names of the layers that were replaced.

    Raises:
        ConfigError: the norm takes the place of batch norms, and there is none, or one of another class than PyTorch's
            three: what such a class does besides would be lost.
    """
    if norm == BASELINE:
        return []
    found = {name: module for name, module in model.named_modules() if _is_batch_norm(module)}
    if not found:
        raise ConfigError(f"{where}: its network has no BatchNorm1d, 2d or 3d, so norm {norm} would change nothing.")
    for name, module in found.items():
        if type(module) not in _GHOSTS or "forward" in vars(module):
            own = " with a `forward` of its own" if type(module) in _GHOSTS else ""
            raise ConfigError(
                f"{where}: its layer '{name}' is {_class_name(module)}{own}. Norm {norm} takes the place of "
                "BatchNorm1d, BatchNorm2d and BatchNorm3d, but not of other classes made from them; use one of the "
                "three."
            )
    for name, module in found.items():
        try:
            new = NORMS[norm](module, count)
        except ConfigError as error:
            raise ConfigError(f"{where}: its layer '{name}': {error}") from None
        _become(module, new)
    return list(found)


def _is_batch_norm(module: nn.Module) -> bool:
    return isinstance(module, _BatchNorm) or "BatchNorm" in getattr(module, "original_name", "")  # one of TorchScript


def _class_name(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__name__}".removeprefix("torch.nn.modules.batchnorm.")


def _become(module: nn.Module, new: nn.Module) -> None:
    """Turns a module into `new` in place, as PyTorch's lazy layers do.

    So whatever holds the module, such as a list or a closure of the user's code, holds the new norm.
    """
    for kind in ("_parameters", "_buffers"):
        tensors, given = getattr(new, kind), getattr(module, kind)
        tensors.update({name: given[name] for name, own in tensors.items() if own is not None and name in given})
    settings = {key: value for key, value in vars(new).items() if key != "training" and "hook" not in key}
    vars(module).update(settings)
    module.__class__ = type(new)
