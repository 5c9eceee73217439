"""Checkpoints: the weights of the last epoch, and all that says where they come from."""

import io
import platform
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import torch
from torch import Tensor, nn

from normreg.config import networks
from normreg.config.condition import Condition
from normreg.config.schema import validate
from normreg.data.dataset import Dataset
from normreg.errors import ConfigError, DataError
from normreg.models.build import build
from normreg.models.description import DataShape, Network, PythonNetwork, as_data, from_data
from normreg.training.evaluation import Statistics
from normreg.utils import tables
from normreg.utils.files import regular_file, replacing

AGAIN = "Delete it and run the same command again: that run is trained anew."
_LARGEST = 2**32  # bytes of a file: a billion weights


class Restored(NamedTuple):
    """A saved model in evaluation mode.

    Attributes:
        model: takes normalised images, and returns logits.
        normalise: mean and standard deviation of each channel with which it was trained.
        engine: the engine that trained it.
        diverged: the epoch in which the run diverged; the model is that of before. None if it did not.
    """

    model: nn.Module
    normalise: Statistics
    engine: str
    diverged: int | None


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
    """The content of a checkpoint. Never runs code from the file, which may come from anybody.

    Raises:
        DataError: the file is missing, has a damaged byte that is read, or is not a checkpoint of this project.
    """
    try:
        _check_sums(regular_file(path, _LARGEST))
        with warnings.catch_warnings(action="ignore"):  # about kinds of tensors that a checkpoint never has
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and OS errors all mean: the file cannot be read
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: cannot be read as a checkpoint ({reason}). {AGAIN}") from error
    try:
        _check(content, str(path))
    except ConfigError as error:
        raise DataError(f"{error} {AGAIN}") from error
    return dict(content)


def restore(path: str | Path, run: str, data_digest: str) -> Restored:
    """The saved model in evaluation mode, built as its condition says.

    Args:
        path: the file.
        run: the identity of the run that it must be of. If its network is Python code, its file in `config/networks`
            runs.
        data_digest: the digest of the data that it must have been trained on.

    Raises:
        DataError: one of them is another; or the weights do not fit the network.
        ConfigError: the network is a Python file that is missing or fails.
    """
    content = load(path)
    tables.check_run(path, content["run"], run)
    if content["data_digest"] != data_digest:
        found = content["data_digest"]
        raise DataError(
            f"{path}: its data_digest is {found}, expected {data_digest}. It comes from other data. {AGAIN}"
        )
    code = "python" in content["network"]
    return revive(path, content, networks.find(content["condition"]["network"]) if code else None)


def revive(path: str | Path, content: Mapping[str, Any], network: Network | PythonNetwork | None = None) -> Restored:
    """The model of what `load` returned.

    Args:
        path: the file, for messages.
        content: what `load` returned.
        network: needed if it is Python code, which a checkpoint does not hold. This code runs. A list of layers is
            taken from the checkpoint.

    Raises:
        DataError: the weights do not fit the network; or it is Python code, and `network` is missing or another.
        ConfigError: the network is a Python file that fails.
    """
    if "python" not in content["network"]:
        network = from_data(content["network"])
    elif not isinstance(network, PythonNetwork):
        name = content["condition"]["network"]
        raise DataError(
            f"{path}: its network is Python code, which a checkpoint does not hold and which runs only if you say so: "
            f"give its file, such as --network config/networks/{name}.py."
        )
    elif as_data(network) != content["network"]:
        raise DataError(f"{path}: was trained with other code than {network.path} has now. {AGAIN}")
    try:
        model = _build(content, network)
        model.load_state_dict(content["state_dict"])
    except ConfigError as error:
        if isinstance(network, PythonNetwork):
            raise
        raise DataError(f"{path}: {error} {AGAIN}") from error
    # Names or shapes of tensors, no tensors at all, or other things than numbers
    except (RuntimeError, TypeError, AttributeError, LookupError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: its weights do not fit its network ({reason}). {AGAIN}") from error
    return Restored(model.eval(), content["normalise"], content["engine"], content.get("diverged"))


def _build(content: Mapping[str, Any], network: Network | PythonNetwork) -> nn.Module:
    """The module, still without the weights.

    A list of layers takes memory only if the checkpoint has as many numbers: a few words can describe a network that
    fills a machine.
    """
    condition, shape = content["condition"], DataShape(*content["shape"])
    if isinstance(network, PythonNetwork):
        return build(condition, shape, network)
    with torch.device("meta"):
        model = build(condition, shape, network)
    storages = [tensor.untyped_storage() for tensor in content["state_dict"].values()]
    stored = sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
    needed = sum(tensor.nbytes for tensor in model.state_dict().values())
    if needed > stored:
        raise ValueError(f"it needs {needed:,} bytes of weights, found {stored:,}")
    return build(condition, shape, network)  # not `to_empty`, which imports sympy: half a second


def _check(content: Any, where: str) -> None:
    """Refuses what is not a checkpoint of this project.

    Raises:
        ConfigError: the message begins with `where`.
    """
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        raise ConfigError(f"{where}: has no state_dict with weights; expected a checkpoint of normreg.")
    validate({key: part for key, part in content.items() if key != "state_dict"}, "checkpoint.schema.yaml", where)
    if "python" not in content["network"]:
        validate(content["network"], "network.schema.yaml", f"{where}: network")
    channels, _, _, classes = content["shape"]
    means, deviations = content["normalise"]
    found = (len(means), len(deviations), len(content["classes"]))
    if found != (channels, channels, classes):
        raise ConfigError(
            f"{where}: has {found[0]} means, {found[1]} standard deviations and {found[2]} names of classes; expected "
            f"{channels}, {channels} and {classes}, as its shape says."
        )


def _check_sums(path: str | Path) -> None:
    """Compares every part of the file with its CRC-32. PyTorch's reader does not do that.

    Refuses parts that are compressed or overlap: a small file could have parts of any size.
    """
    with zipfile.ZipFile(path) as parts:
        infos = parts.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in infos):
            raise zipfile.BadZipFile("its parts are compressed, which those of a checkpoint never are")
        if sum(part.file_size for part in infos) > Path(path).stat().st_size:
            raise zipfile.BadZipFile("its parts have more bytes than the file")
        damaged = parts.testzip()
    if damaged:
        raise zipfile.BadZipFile(f"the CRC-32 of its part {damaged} is wrong")
