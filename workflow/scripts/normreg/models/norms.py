"""The table of norms: each as a layer of a list of layers, and in the place of a BatchNorm of a network in Python."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from normreg.errors import ConfigError
from normreg.models.description import BASELINE
from normreg.models.layers import GhostBatchNorm, GhostBatchNorm1d, GhostBatchNorm2d, GhostBatchNorm3d


@dataclass(frozen=True)
class Norm:
    """A value of a condition's key `norm`.

    Attributes:
        layer: makes the layer `norm` of a list of layers, from the number of channels and `num_splits`.
        instead: makes what takes the place of a BatchNorm1d, 2d or 3d, from that layer and `num_splits`. `replace`
            hands on the tensors that both have, so this takes over settings alone.
    """

    layer: Callable[[int, int], nn.Module]
    instead: Callable[[_BatchNorm, int], nn.Module]


_GHOSTS: Mapping[type[nn.Module], type[GhostBatchNorm]] = {
    nn.BatchNorm1d: GhostBatchNorm1d,
    nn.BatchNorm2d: GhostBatchNorm2d,
    nn.BatchNorm3d: GhostBatchNorm3d,
}


def _ghost(norm: _BatchNorm, num_splits: int) -> nn.Module:
    settings = norm.num_features, num_splits, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
    return _GHOSTS[type(norm)](*settings)


NORMS: Mapping[str, Norm] = {
    BASELINE: Norm(lambda channels, _: nn.BatchNorm2d(channels), lambda norm, _: norm),
    "gbn": Norm(GhostBatchNorm2d, _ghost),
}


def replace(model: nn.Module, norm: str, num_splits: int, where: str) -> list[str]:
    """Gives a module the norm of a condition, in the place of its batch norms. Their tensors, mode and hooks stay.

    Args:
        model: is changed.
        norm: a key of `NORMS`.
        num_splits: ghost batches per batch, for the norms that have them.
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
    for module in found.values():
        _become(module, NORMS[norm].instead(module, num_splits))
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
        tensors.update({name: given[name] for name in tensors if name in given})
    settings = {key: value for key, value in vars(new).items() if key != "training" and "hook" not in key}
    vars(module).update(settings)
    module.__class__ = type(new)
