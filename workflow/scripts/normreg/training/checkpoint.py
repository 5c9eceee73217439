"""Checkpoints: the weights of the last epoch with everything needed to know where they come from."""

import io
import platform
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

from normreg.config.condition import Condition
from normreg.errors import DataError
from normreg.models.build import build
from normreg.utils.atomic import replacing

_AGAIN = "Delete it and run the same command again: that run is trained anew."


def save(path: str | Path, model: nn.Module, condition: Condition, provenance: Mapping[str, Any]) -> None:
    """Writes state dict (on the CPU), resolved condition, versions and `provenance` (seed, data set, digest, device).

    BN and GBN checkpoints of one network have the same keys and shapes; plain data only, so that `weights_only` loads.
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
    # Given a path, PyTorch reports a full disk without its name and writes the temporary file's name into the file.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def load(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint; never runs code from the file.

    Raises:
        DataError: missing, damaged in any byte that is read, or not a checkpoint of this project.
    """
    try:
        _check_sums(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and OS errors alike: the file cannot be read
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: cannot be read as a checkpoint ({reason}). {_AGAIN}") from error
    if not isinstance(content, dict) or not {"state_dict", "condition", "data_digest"} <= content.keys():
        raise DataError(f"{path}: found no state_dict, condition and data_digest in it. {_AGAIN}")
    return content


def restore(path: str | Path, condition: Condition, data_digest: str, seed: int) -> nn.Sequential:
    """The saved model, built as its condition says, in evaluation mode.

    Raises:
        DataError: the checkpoint is of another condition or seed, or was trained on other data than `data_digest`
            names, or its weights are not those of its network.
    """
    content = load(path)
    saved = content["condition"] if isinstance(content["condition"], dict) else {}
    parts = [(f"condition's {key}", saved.get(key), value) for key, value in condition.items()]
    parts += [("data_digest", content["data_digest"], data_digest), ("seed", content.get("seed"), seed)]
    for name, found, expected in parts:
        if found != expected:
            raise DataError(f"{path}: its {name} is {found}, expected {expected}. It comes from another run. {_AGAIN}")
    model = build(condition)
    try:
        model.load_state_dict(content["state_dict"])
    except (RuntimeError, TypeError, AttributeError) as error:  # names or shapes of tensors, or no tensors at all
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path}: its weights do not fit network {condition['network']} ({reason}). {_AGAIN}"
        ) from error
    return model.eval()


def _check_sums(path: str | Path) -> None:
    """Compares every part of the file with its CRC-32, which PyTorch's reader does not, and unpacks nothing."""
    with zipfile.ZipFile(path) as parts:
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts.infolist()):
            raise zipfile.BadZipFile("its parts are compressed, which those of a checkpoint never are")
        damaged = parts.testzip()
    if damaged:
        raise zipfile.BadZipFile(f"the CRC-32 of its part {damaged} is wrong")
