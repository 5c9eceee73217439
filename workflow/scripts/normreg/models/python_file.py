"""Networks that a Python file of the user builds. The file is code: it runs only if a study names it.

The file defines `build(spec)`, which returns a module that takes images (N, channels, height, width) and returns logits
(N, classes). The condition's norm takes the place of its batch norms, see `normreg.models.norms`. An edit of the file,
or of one beside it that it imports, reruns training.
"""

import copy
import math
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.parameter import is_lazy

from normreg.errors import ConfigError, acts
from normreg.models import norms
from normreg.models.description import DataShape, PythonNetwork

# Images of the trial runs. Few dimensions inside a network are 5. Four images are two ghost batches or more.
_EVALUATED, _TRAINED = 5, 4


@dataclass(frozen=True)
class NetworkSpec:
    """What a network must fit, and the dropout probability of the condition. `build(spec)` gets it.

    `dropout_read` is whether somebody has read `dropout`.
    """

    channels: int
    height: int
    width: int
    classes: int
    dropout: float
    dropout_read: ClassVar[bool] = False

    def __getattribute__(self, name: str) -> Any:
        """The attribute. Notes that the dropout is read, so that a dropout without effect can be said."""
        if name in ("dropout", "__dict__"):
            object.__setattr__(self, "dropout_read", True)
        return super().__getattribute__(name)


def build(network: PythonNetwork, norm: str, count: int, dropout: float, data: DataShape) -> tuple[nn.Module, bool]:
    """Runs the file, tries the network, and gives it the norm of the condition.

    Returns:
        The network in training mode, and whether the file read the dropout.

    Raises:
        ConfigError: the file fails or gives something else than a module; the module cannot be trained, or does not
            give one logit a class; or its norms cannot become the condition's norm.
    """
    path, spec = network.path, NetworkSpec(*data, dropout=dropout)
    model = _run(path, spec)
    if not isinstance(model, nn.Module):
        raise ConfigError(f"{path}: build(spec) returned {type(model).__name__}; expected an nn.Module.")
    for name in (*dict(model.named_modules()), *model.state_dict(), *(type(m).__name__ for m in model.modules())):
        if acts(name):  # tables, figures and messages have these names
            raise ConfigError(f"{path}: a layer has the name {name!r}; expected one without control characters.")
    with torch.no_grad(), _batch_norm_inputs() as inputs:  # evaluation first: it fills in PyTorch's lazy layers
        _try(model.eval(), _EVALUATED, path, data)
    _check_lazy(model, path)
    if norms.replace(model.train(), norm, count, path):
        _check_inputs(model, inputs, norm, path)
    with _blaming(path, "in a training step, "):
        trial = copy.deepcopy(model)  # because a step changes running statistics
    logits = _try(trial, _TRAINED, path, data)
    with _blaming(path, "in a training step, "):
        logits.sum().backward()
    later = dict(trial.named_parameters()).keys() - dict(model.named_parameters()).keys()
    if later:
        raise ConfigError(
            f"{path}: {', '.join(sorted(later))}: made in a training step, too late for the optimizer; make every "
            "parameter in __init__."
        )
    return model, spec.dropout_read


def _run(path: str, spec: NetworkSpec) -> Any:
    folder = str(Path(path).resolve().parent)
    sys.path.insert(0, folder)  # so that it can import what lies beside it
    try:
        with _blaming(path):
            return runpy.run_path(path)["build"](spec)
    finally:
        sys.path.remove(folder)


def _try(model: nn.Module, count: int, path: str, data: DataShape) -> Tensor:
    """The logits of black images. Refuses what are no logits."""
    images = torch.zeros(count, *data[:3])
    with _blaming(path, f"on images of {' x '.join(map(str, data[:3]))}, "), torch.random.fork_rng(devices=[]):
        logits = model(images)
    found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if not isinstance(logits, Tensor) or found != (count, data.classes):
        raise ConfigError(
            f"{path}: for {count} images its network gives {found} in {'training' if model.training else 'evaluation'} "
            f"mode; expected logits ({count}, {data.classes})."
        )
    return logits


@contextmanager
def _batch_norm_inputs() -> Iterator[list[tuple[nn.Module, tuple[Any, ...]]]]:
    """Collects each batch norm that is called, in the tree of modules or not, with its arguments."""
    called: list[tuple[nn.Module, tuple[Any, ...]]] = []

    def note(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        if isinstance(module, _BatchNorm):
            called.append((module, arguments))

    hook = register_module_forward_pre_hook(note)
    try:
        yield called
    finally:
        hook.remove()


def _check_inputs(model: nn.Module, inputs: list[tuple[nn.Module, tuple[Any, ...]]], norm: str, path: str) -> None:
    """Refuses networks in which a norm would act on something else than the images of a batch."""
    names = {id(module): name for name, module in model.named_modules()}
    for module, arguments in inputs:
        if id(module) not in names:
            raise ConfigError(
                f"{path}: its network calls a batch norm that is not one of its modules, so norm {norm} cannot take "
                "its place; keep the layer in an attribute, an nn.ModuleList or an nn.ModuleDict."
            )
        shape = tuple(arguments[0].shape) if arguments else ()
        if shape and shape[0] != _EVALUATED:
            raise ConfigError(
                f"{path}: for {_EVALUATED} images its layer '{names[id(module)]}' gets a tensor of shape {shape}; norm "
                f"{norm} needs the images in the first dimension."
            )
        if norm == "in" and math.prod(shape[2:]) == 1:
            raise ConfigError(
                f"{path}: its layer '{names[id(module)]}' gets a tensor of shape {shape}; norm in needs more than one "
                "pixel in each channel."
            )
    if not inputs:
        raise ConfigError(f"{path}: its network calls none of its batch norms, so norm {norm} would change nothing.")


def _check_lazy(model: nn.Module, path: str) -> None:
    for name, tensor in model.named_parameters():
        if is_lazy(tensor):
            raise ConfigError(f"{path}: its layer '{name.rpartition('.')[0]}' is lazy and never called; remove it.")


@contextmanager
def _blaming(path: str, when: str = "") -> Iterator[None]:
    """Turns what the user's code raises, which can be anything, into one message with the line of the file."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{path}: {when}{_failure(path, error)}. Correct this file.") from error


def _failure(path: str, error: BaseException) -> str:
    """What went wrong, and in which line of the file."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    place = f" in line {line}" if line else ""
    return f"it fails{place} with {type(error).__name__}: {' '.join(str(error).split())[:300]}"
