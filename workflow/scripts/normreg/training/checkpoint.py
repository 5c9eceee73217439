"""Checkpoints: the weights of the last epoch, and all that says where they come from."""

import io
import json
import platform
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

from normreg.config import identity
from normreg.config.condition import LATER, Condition
from normreg.errors import DataError
from normreg.models.build import build
from normreg.utils.atomic import replacing

_AGAIN = "Delete it and run the same command again: that run is trained anew."
# The parts that every checkpoint must have. It also has versions, and may have more.
_PARTS: dict[str, type] = {
    "state_dict": dict,
    "condition": dict,
    "data_digest": str,
    "seed": int,
    "engine": str,
    "run": str,
}


def save(path: str | Path, model: nn.Module, condition: Condition, provenance: Mapping[str, Any]) -> None:
    """Writes state dict (on the CPU), resolved condition, versions and `provenance`.

    `provenance` must be plain data, because PyTorch's `weights_only` loads nothing else. `load` needs `data_digest`,
    `seed`, `engine` and `run` in it; `run` is the run's identity. BN and GBN checkpoints of one network have the same
    keys and shapes.
    """
    content = {
        "state_dict": {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()},
        "condition": dict(condition),
        "versions": {
            "torch": str(torch.__version__),
            "numpy": numpy.__version__,
            "python": platform.python_version(),
        },
        **provenance,
    }
    # PyTorch gets a buffer and no path. With a path, its error for a full disk does not name the file, and it writes
    # the name of the temporary file into the checkpoint.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def load(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint. Never runs code from the file.

    Raises:
        DataError: the file is missing, has a damaged byte that is read, or is not a checkpoint of this project.
    """
    try:
        _check_sums(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and OS errors all mean: the file cannot be read
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: cannot be read as a checkpoint ({reason}). {_AGAIN}") from error
    _check_parts(path, content)
    return dict(content)


def restore(
    path: str | Path, condition: Condition, data_digest: str, seed: int, run: str | None = None
) -> nn.Sequential:
    """The saved model in evaluation mode, built as its condition says. `run` is the expected identity, if given.

    Raises:
        DataError: the checkpoint is of another condition, seed or run, or was trained on data with another digest than
            `data_digest`, or its weights do not fit its network.
    """
    content = load(path)
    if run is not None and identity.place_of(content["run"]) != identity.place_of(run):
        identity.check(path, content["run"], run)
    saved = {**LATER, **content["condition"]}
    parts = [(f"condition's {key}", saved.get(key), value) for key, value in condition.items()]
    parts += [("data_digest", content["data_digest"], data_digest), ("seed", content["seed"], seed)]
    for name, found, expected in parts:
        if found != expected:
            raise DataError(f"{path}: its {name} is {found}, expected {expected}. It comes from another run. {_AGAIN}")
    if run is not None:
        identity.check(path, content["run"], run)
    model = build(condition)
    try:
        model.load_state_dict(content["state_dict"])
    except (RuntimeError, TypeError, AttributeError) as error:  # names or shapes of tensors, or no tensors at all
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path}: its weights do not fit network {condition['network']} ({reason}). {_AGAIN}"
        ) from error
    return model.eval()


def _check_parts(path: str | Path, content: object) -> None:
    """Refuses a content that is not a checkpoint of this project.

    This comes before any comparison, because `==` of tensors gives a tensor and no truth value.
    """
    if not isinstance(content, dict):
        raise DataError(f"{path}: found {type(content).__name__}, expected the parts {', '.join(_PARTS)}. {_AGAIN}")
    for name, kind in _PARTS.items():
        if type(content.get(name)) is not kind and not (kind is dict and isinstance(content.get(name), dict)):
            found = f"is of type {type(content[name]).__name__}" if name in content else "is missing"
            raise DataError(f"{path}: its {name} {found}, expected one of type {kind.__name__}. {_AGAIN}")
    try:
        json.dumps(content["condition"])
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: its condition holds something else than plain data. {_AGAIN}") from error


def _check_sums(path: str | Path) -> None:
    """Compares every part of the file with its CRC-32. PyTorch's reader does not do that. Refuses compressed parts."""
    with zipfile.ZipFile(path) as parts:
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts.infolist()):
            raise zipfile.BadZipFile("its parts are compressed, which those of a checkpoint never are")
        damaged = parts.testzip()
    if damaged:
        raise zipfile.BadZipFile(f"the CRC-32 of its part {damaged} is wrong")
