"""What a module holds from one batch to the next, as tensors and plain data.

A state dict is not enough for the networks of users. They hold generators, buffers that are not persistent, and
attributes that `forward` changes: a counter, a running mean, a list of past values.
"""

import contextlib
import io
import pickle
import random
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# What `weights_only` loads.
_PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.device, torch.dtype)
_SEQUENCES, _MAPS = (list, tuple, set, torch.Size), (dict, OrderedDict, Counter)
_OF_EVERY_MODULE = vars(nn.Module()).keys()
# How the state of a generator is read and set.
_GENERATORS: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], object]]] = {
    torch.Generator: (torch.Generator.get_state, torch.Generator.set_state),
    random.Random: (random.Random.getstate, random.Random.setstate),
    np.random.RandomState: (lambda own: _listed(own.get_state(legacy=False)), np.random.RandomState.set_state),
    np.random.Generator: (
        lambda own: _listed(own.bit_generator.state),
        lambda own, state: setattr(own.bit_generator, "state", state),
    ),
}


def take(model: nn.Module) -> dict[str, Any]:
    """All that `put` needs. Tensors are those of the model, so save or copy them before training goes on."""
    parameters = dict(model.named_parameters())
    return {
        "parameters": {name: parameter.detach() for name, parameter in parameters.items()},
        "trained": [name for name, parameter in parameters.items() if parameter.requires_grad],
        "modules": {name: _take(module) for name, module in model.named_modules()},
    }


@torch.no_grad()
def put(model: nn.Module, state: dict[str, Any]) -> None:
    """Gives a model that was built the same way what `take` returned for another one, perhaps in another process.

    Raises:
        ValueError: it has other parameters.
        KeyError: it has no such module or generator.
    """
    parameters, saved = dict(model.named_parameters()), state["parameters"]
    if {name: own.shape for name, own in parameters.items()} != {name: own.shape for name, own in saved.items()}:
        raise ValueError("its parameters have other names or shapes")
    for name, parameter in parameters.items():
        parameter.copy_(saved[name])
        parameter.requires_grad_(name in state["trained"])
    for name, module in model.named_modules():
        _put(module, state["modules"][name])


def left_out(model: nn.Module) -> dict[str, bytes]:
    """The attributes that `take` leaves out, with their content as far as it can be compared. Tensors do not count."""
    return {
        f"{name}.{attribute}".lstrip("."): content
        for name, module in model.named_modules()
        for attribute, value in _own(module)
        if not (type(value) in _GENERATORS or _is_plain(value))
        if (content := _content(value)) is not None
    }


def _take(module: nn.Module) -> dict[str, dict[str, Any]]:
    own = dict(_own(module))
    return {
        "buffers": {name: buffer if buffer is None else buffer.detach() for name, buffer in module._buffers.items()},
        "attributes": {name: value for name, value in own.items() if _is_plain(value)},
        "generators": {
            name: _GENERATORS[type(value)][0](value) for name, value in own.items() if type(value) in _GENERATORS
        },
    }


def _put(module: nn.Module, state: dict[str, dict[str, Any]]) -> None:
    for name, value in state["generators"].items():
        generator = vars(module)[name]
        _GENERATORS[type(generator)][1](generator, value)
    for holder, values in ((module._buffers, state["buffers"]), (vars(module), state["attributes"])):
        for name, value in values.items():
            old = holder.get(name)
            if isinstance(old, Tensor) and isinstance(value, Tensor) and _alike(old, value):
                old.copy_(value)  # others may hold the same tensor
            else:
                holder[name] = value


def _own(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """The attributes of a module that not every module has."""
    for name, value in vars(module).items():
        if name not in _OF_EVERY_MODULE:
            yield name, value.detach() if isinstance(value, Tensor) else value


def _alike(one: Tensor, other: Tensor) -> bool:
    return (one.shape, one.dtype) == (other.shape, other.dtype) and not one.is_inference()


def _is_plain(value: Any) -> bool:
    """Whether a state file can hold this."""
    if type(value) in _SEQUENCES:
        return all(map(_is_plain, value))
    if type(value) in _MAPS:
        return all(_is_plain(key) and _is_plain(inner) for key, inner in value.items())
    return type(value) in _PLAIN or (type(value) is Tensor and value.grad_fn is None)


def _listed(state: Any) -> Any:
    """The state of a generator of NumPy, with lists in place of arrays."""
    if isinstance(state, dict):
        return {name: _listed(value) for name, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state


class _WithoutTensors(pickle.Pickler):
    def persistent_id(self, value: Any) -> str | None:
        return "" if isinstance(value, Tensor | nn.Module) else None


def _content(value: Any) -> bytes | None:
    """The content of an object, to be compared. None if it cannot be known."""
    buffer = io.BytesIO()
    with contextlib.suppress(Exception):  # pickle calls the code of others
        _WithoutTensors(buffer).dump(getattr(value, "__dict__", value))
        return buffer.getvalue()
    return None
