"""Checkpoints: the weights of the last epoch with everything needed to know where they come from."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import nn

from normreg import models
from normreg.atomic import replacing
from normreg.condition import Condition
from normreg.errors import DataError


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
    with replacing(path) as temporary:
        torch.save(content, temporary)


def load(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint; never runs code from the file.

    Raises:
        DataError: missing, damaged, or not a checkpoint of this project.
    """
    again = "Delete it and run the same command again: that run is trained anew."
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and OS errors alike: the file cannot be read
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: cannot be read as a checkpoint ({reason}). {again}") from error
    if not isinstance(content, dict) or not {"state_dict", "condition", "data_digest"} <= content.keys():
        raise DataError(f"{path}: found no state_dict, condition and data_digest in it. {again}")
    return content


def restore(path: str | Path, condition: Condition, data_digest: str) -> nn.Sequential:
    """The saved model, built as its condition says, in evaluation mode.

    Raises:
        DataError: the checkpoint is of another condition or was trained on other data than `data_digest` names.
    """
    content = load(path)
    for key, found, expected in (
        ("condition", content["condition"], dict(condition)),
        ("data_digest", content["data_digest"], data_digest),
    ):
        if found != expected:
            raise DataError(
                f"{path}: its {key} is {found}, expected {expected}. "
                "It comes from another run; delete it and run the same command again."
            )
    model = models.build(condition["network"], condition["norm"], condition["num_splits"], condition["dropout"])
    model.load_state_dict(content["state_dict"])
    return model.eval()
