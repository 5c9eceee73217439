"""Networks that a Python file of the user builds. The file is code: it runs only if a study names it.

The file defines `build(spec)`, which returns a module that takes images (N, channels, height, width) and returns logits
(N, classes). For ghost batch norm its BatchNorm2d layers are replaced, wherever they are in the tree of modules. Its
syntax tree is part of what reruns training, but not the modules that it imports.
"""

import copy
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from normreg.errors import ConfigError
from normreg.models.description import DataShape, PythonNetwork
from normreg.models.layers import GhostBatchNorm2d


@dataclass(frozen=True)
class NetworkSpec:
    """What a network must fit, and the dropout probability of the condition. `build(spec)` gets it."""

    channels: int
    height: int
    width: int
    classes: int
    dropout: float


def build(network: PythonNetwork, norm: str, num_splits: int, dropout: float, data: DataShape) -> nn.Module:
    """Runs the file, and gives the network the norm of the condition.

    Raises:
        ConfigError: the file fails, gives something else than a module, the module does not give one logit a class, or
            its norms cannot become ghost batch norms.
    """
    model = _run(network.path, NetworkSpec(*data, dropout=dropout))
    if not isinstance(model, nn.Module):
        raise ConfigError(f"{network.path}: build(spec) returned {type(model).__name__}; expected an nn.Module.")
    _check_output(model, network.path, data)
    if norm == "gbn":
        _replace_norms(model, num_splits, network.path)
    return model


def _run(path: str, spec: NetworkSpec) -> Any:
    folder = str(Path(path).resolve().parent)
    sys.path.insert(0, folder)  # so that it can import what lies beside it
    try:
        return runpy.run_path(path)["build"](spec)
    except (Exception, SystemExit) as error:  # the user's own code can raise anything
        raise ConfigError(f"{path}: {_failure(path, error)}. Correct this file.") from error
    finally:
        sys.path.remove(folder)


def _check_output(model: nn.Module, path: str, data: DataShape) -> None:
    """Passes two black images through the model in both modes. Evaluation first: it fills in PyTorch's lazy layers.

    Training mode runs on a copy, because it changes running statistics.
    """
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            outputs = [model.eval()(torch.zeros(2, *data[:3])), copy.deepcopy(model).train()(torch.zeros(2, *data[:3]))]
    except (Exception, SystemExit) as error:  # see `_run`
        images = " x ".join(str(n) for n in data[:3])
        raise ConfigError(f"{path}: on images of {images}, {_failure(path, error)}. Correct this file.") from error
    finally:
        model.train()
    for logits, mode in zip(outputs, ("evaluation", "training"), strict=True):
        found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        if found != (2, data.classes):
            raise ConfigError(
                f"{path}: for 2 images its network gives {found} in {mode} mode; expected logits (2, {data.classes})."
            )


def _failure(path: str, error: BaseException) -> str:
    """What went wrong, and in which line of the file."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    place = f" in line {line}" if line else ""
    return f"it fails{place} with {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _replace_norms(model: nn.Module, num_splits: int, path: str) -> None:
    """Puts ghost batch norms in place of batch norms. Weights and running statistics stay. A shared norm stays shared.

    Raises:
        ConfigError: there is no BatchNorm2d; or a batch norm is of another kind, or lacks scale and shift or running
            statistics.
    """
    made: dict[int, GhostBatchNorm2d] = {}
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm):
            if type(module) is not nn.BatchNorm2d or not module.affine or not module.track_running_stats:
                raise ConfigError(
                    f"{path}: its layer '{name}' is {type(module).__name__}({module.extra_repr()}); ghost batch norm "
                    "replaces BatchNorm2d with scale, shift and running statistics, and nothing else."
                )
            made[id(module)] = _ghost(module, num_splits)
    if not made:
        raise ConfigError(f"{path}: its network has no BatchNorm2d, so ghost batch norm would change nothing.")
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):  # `named_children` leaves out what is there twice
            if id(child) in made:
                parent._modules[name] = made[id(child)]


def _ghost(norm: nn.BatchNorm2d, num_splits: int) -> GhostBatchNorm2d:
    ghost = GhostBatchNorm2d(norm.num_features, num_splits, norm.eps, norm.momentum)
    ghost.load_state_dict(norm.state_dict())
    for parameter, original in zip(ghost.parameters(), norm.parameters(), strict=True):
        parameter.requires_grad_(original.requires_grad)
    return ghost.train(norm.training)
