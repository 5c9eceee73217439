"""Checkpoints: the weights of the last epoch, and all that says where they come from."""

import io
import platform
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import torch
from torch import Tensor, nn

from normreg.config import identity, networks
from normreg.config.condition import Condition
from normreg.data.dataset import Dataset
from normreg.data.normalise import Statistics
from normreg.errors import DataError
from normreg.models.build import build
from normreg.models.description import DataShape, Network, PythonNetwork, from_data
from normreg.utils.atomic import replacing

AGAIN = "Delete it and run the same command again: that run is trained anew."
# The parts that a reader needs.
_PARTS: dict[str, type] = {
    "state_dict": dict,
    "condition": dict,
    "data_digest": str,
    "engine": str,
    "run": str,
    "network": dict,
    "shape": list,
    "normalise": list,
    "classes": list,
}


class Restored(NamedTuple):
    """A saved model in evaluation mode.

    Attributes:
        model: takes normalised images, and returns logits.
        normalise: mean and standard deviation of each channel with which it was trained.
        engine: the engine that trained it.
    """

    model: nn.Module
    normalise: Statistics
    engine: str


def facts_of(data: Dataset, network: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a checkpoint that say what its network takes. `network` is its description as plain data."""
    classes = [str(name) for name in data.class_names]
    shape = [*data.shape, len(classes)]
    return {"network": dict(network), "shape": shape, "normalise": data.normalise.tolist(), "classes": classes}


def weights_of(model: nn.Module) -> dict[str, Any]:
    """The state dict on the CPU. What a module adds by `get_extra_state` may be no tensor."""
    return {
        name: value.detach().cpu() if isinstance(value, Tensor) else value for name, value in model.state_dict().items()
    }


def save(path: str | Path, model: nn.Module, condition: Condition, provenance: Mapping[str, Any]) -> None:
    """Writes state dict (on the CPU), resolved condition, versions and `provenance`.

    `provenance` must be plain data, because PyTorch's `weights_only` loads nothing else. `load` needs `facts_of`,
    `data_digest`, `engine` and `run` in it; `run` is the run's identity. BN and GBN checkpoints of one network have the
    same keys and shapes.
    """
    content = {
        "state_dict": weights_of(model),
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
        raise DataError(f"{path}: cannot be read as a checkpoint ({reason}). {AGAIN}") from error
    _check_parts(path, content)
    return dict(content)


def restore(path: str | Path, run: str, data_digest: str, network: Mapping[str, Any]) -> Restored:
    """The saved model in evaluation mode, built as its condition says.

    Args:
        path: the file.
        run: the identity of the run that it must be of.
        data_digest: the digest of the data that it must have been trained on.
        network: the network that it must have, as plain data.

    Raises:
        DataError: one of them is another; or the weights do not fit the network.
    """
    content = load(path)
    identity.check(path, content["run"], run)
    if content["data_digest"] != data_digest:
        found = content["data_digest"]
        raise DataError(
            f"{path}: its data_digest is {found}, expected {data_digest}. It comes from other data. {AGAIN}"
        )
    if content["network"] != network:
        name = content["condition"].get("network")
        raise DataError(f"{path}: was trained with other layers than those that network {name} has now. {AGAIN}")
    return revive(path, content)


def revive(path: str | Path, content: Mapping[str, Any]) -> Restored:
    """The model of what `load` returned. Its network is the one that is described in the checkpoint.

    Raises:
        DataError: the weights do not fit the network.
        ConfigError: the network is a Python file that is missing, fails, or was changed.
    """
    condition = content["condition"]
    try:
        model = build(condition, DataShape(*content["shape"]), _network(path, content))
        model.load_state_dict(content["state_dict"])
    # Names or shapes of tensors, no tensors at all, or other things than numbers and layers
    except (RuntimeError, TypeError, AttributeError, LookupError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: its weights do not fit its network ({reason}). {AGAIN}") from error
    return Restored(model.eval(), content["normalise"], content["engine"])


def _network(path: str | Path, content: Mapping[str, Any]) -> Network | PythonNetwork:
    """The network that a checkpoint describes. One in Python must be at hand, because its code is not saved."""
    if "layers" in content["network"]:
        return from_data(content["network"])
    found = networks.find(content["condition"]["network"])
    if not isinstance(found, PythonNetwork) or found.digest != content["network"]["digest"]:
        raise DataError(f"{path}: was trained with other code than {content['network']['path']} has now. {AGAIN}")
    return found


def _check_parts(path: str | Path, content: object) -> None:
    """Refuses a content that is not a checkpoint of this project."""
    if not isinstance(content, dict):
        raise DataError(f"{path}: found {type(content).__name__}, expected the parts {', '.join(_PARTS)}. {AGAIN}")
    for name, kind in _PARTS.items():
        if not isinstance(content.get(name), kind):
            found = f"is of type {type(content[name]).__name__}" if name in content else "is missing"
            raise DataError(f"{path}: its {name} {found}, expected one of type {kind.__name__}. {AGAIN}")


def _check_sums(path: str | Path) -> None:
    """Compares every part of the file with its CRC-32. PyTorch's reader does not do that. Refuses compressed parts."""
    with zipfile.ZipFile(path) as parts:
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts.infolist()):
            raise zipfile.BadZipFile("its parts are compressed, which those of a checkpoint never are")
        damaged = parts.testzip()
    if damaged:
        raise zipfile.BadZipFile(f"the CRC-32 of its part {damaged} is wrong")
