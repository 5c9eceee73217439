"""Predictions of a trained model for the validation split, and the size of its weights."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from normreg.analysis import run_tables
from normreg.data.normalise import Normaliser, Statistics
from normreg.training import penalties, streams
from normreg.utils import tables

BATCH = 250  # measured: larger batches do not fit in the processor's cache
_SEED = 0


def predict(model: nn.Module, images: Tensor, normalise: Normaliser) -> Tensor:
    """Logits (N, classes) of uint8 `images` in evaluation mode. Afterwards the model has its old mode again.

    A network that draws random numbers here draws the same ones each time, if it draws from the default generators.

    Args:
        model: takes float32 (N, channels, height, width).
        images: (N, height, width), or (N, channels, height, width).
        normalise: on the device of the images.
    """
    training = model.training
    model.eval()
    with torch.inference_mode(), streams.seeded_defaults(_SEED):
        logits = torch.cat([model(normalise(part)) for part in images.split(BATCH)])
    model.train(training)
    return logits


def logits(model: nn.Module, images: np.ndarray, statistics: Statistics) -> np.ndarray:
    """Logits of arrays on the device of the model, see `predict`. `statistics` are those that training had."""
    device = next(model.parameters()).device
    return predict(model, torch.as_tensor(images).to(device), Normaliser(statistics, device)).cpu().numpy()


def write_weights(model: nn.Module, path: str | Path, run: str, diverged: bool = False) -> None:
    """Writes `weight_rows` of a model. `run` is the identity of its run. One that diverged has no sizes."""
    unknown = dict.fromkeys(run_tables.SIZES) if diverged else {}
    tables.write(path, run_tables.WEIGHTS, ({**row, **unknown, "run": run} for row in weight_rows(model)))


def weight_rows(model: nn.Module) -> list[dict[str, str | int | float]]:
    """Per parameter tensor: type of its layer, its role, elements, L1 norm, squared L2 norm, shares of small elements.

    L1 by subgradient descent rarely gives exact zeros. So sparsity is given as shares with |w| below the
    thresholds of `run_tables.SHARES`.
    Tensors without elements have no row.
    """
    rows: list[dict[str, str | int | float]] = []
    role = penalties.roles(model)
    for name, parameter in model.named_parameters():
        size = parameter.detach().abs().double()
        if not size.numel():
            continue
        layer = type(model.get_submodule(name.rpartition(".")[0])).__name__
        row: dict[str, str | int | float] = {"parameter": name, "layer_type": layer, "role": role[name]}
        row |= {"elements": size.numel(), "l1": size.sum().item(), "l2_squared": size.square().sum().item()}
        row |= {name: (size < below).double().mean().item() for name, below in run_tables.SHARES.items()}
        rows.append(row)
    return rows
