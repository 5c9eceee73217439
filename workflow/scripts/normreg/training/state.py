"""The state of a training run on disk: a killed run goes on from its last finished epoch.

The file is no output of the rule, so Snakemake leaves it alone when a job dies. It outlives the last epoch too, because
Snakemake deletes the outputs of a job whose success it has not recorded: the job that reads the checkpoint removes it.
Its key names everything the numbers depend on; a state with another key, or a damaged one, is never used.
"""

import contextlib
import hashlib
import io
import json
import logging
import pickle
import random
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from normreg.utils.files import exclusive, replacing

log = logging.getLogger("normreg")
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


def make_key(code: str, device: torch.device, **parts: Any) -> dict[str, str]:
    """What a state must agree in to be used, each part as text.

    Args:
        code: the digest of all code that training runs, see `normreg.utils.code`.
        device: its kind counts, and for a GPU the model: others round differently.
        parts: condition, network, seed, data digest, threads, engine: anything JSON can hold.
    """
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    texts = {name: json.dumps(value, sort_keys=True) for name, value in parts.items()}
    return {**texts, "code": code, "device": kind, "torch": str(torch.__version__)}


class StateFile:
    """One run's state. Its content is checked by SHA-256 and loaded without running any code from the file."""

    def __init__(self, path: Path, key: Mapping[str, str]) -> None:
        self.path, self.key = path, dict(key)

    def save(self, content: dict[str, Any]) -> None:
        """Replaces the state by `content` (tensors and plain data), whole or not at all."""
        payload = json.dumps(self.key).encode() + b"\n" + pack(content)
        with replacing(self.path) as temporary:
            temporary.write_bytes(hashlib.sha256(payload).digest() + payload)

    def load(self) -> dict[str, Any] | None:
        """What an earlier process saved under the same key; None, with the reason in the log, if it is of no use."""
        try:
            stored = self.path.read_bytes()
        except FileNotFoundError:
            return None
        key, _, content = stored[32:].partition(b"\n")
        reason = "it is damaged"
        if hashlib.sha256(stored[32:]).digest() == stored[:32]:
            try:
                found = json.loads(key)
            except ValueError:  # another version of this project wrote it
                found = {}
            differing = sorted(name for name in self.key.keys() | found.keys() if self.key.get(name) != found.get(name))
            if not differing:
                return unpack(content)
            reason = f"it comes from a run with another {' and another '.join(differing)}"
        log.warning("%s is not used: %s. Training starts over.", self.path, reason)
        return None


def beside(checkpoint: str | Path) -> Path:
    """Where the state of the run with this checkpoint is kept."""
    return Path(checkpoint).with_name("state.pt")


def pack(content: dict[str, Any]) -> bytes:
    """Tensors and plain data as bytes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def unpack(payload: bytes) -> dict[str, Any]:
    """What was given to `pack`. Runs no code of the payload, and fails on all else than tensors and plain data."""
    content: dict[str, Any] = torch.load(io.BytesIO(payload), weights_only=True)
    return content


@contextmanager
def held(path: Path, key: Mapping[str, str]) -> Iterator[StateFile]:
    """The state at `path` for this process alone; waits while another one, such as an orphaned job, holds it."""
    with exclusive(path.with_name(".lock"), "this training run"):
        yield StateFile(path, key)


def take(model: nn.Module) -> dict[str, Any]:
    """All that `put` needs. Tensors are those of the model, so save or copy them before training goes on.

    A state dict is not enough for the networks of users. They hold generators, buffers that are not persistent, and
    attributes that `forward` changes: a counter, a running mean, a list of past values.
    """
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
