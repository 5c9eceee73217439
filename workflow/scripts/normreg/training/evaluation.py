"""Predictions of a trained model for the validation split, and the size of its weights."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from normreg.analysis import run_tables
from normreg.data.augmentation import normalise
from normreg.utils import tables

BATCH = 250  # measured: larger batches do not fit in the processor's cache
THRESHOLDS = (1e-4, 1e-3, 1e-2)


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Logits (N, 10) of uint8 `images` (N, 28, 28) in evaluation mode. Afterwards the model has its old mode again."""
    training = model.training
    model.eval()
    with torch.inference_mode():
        logits = torch.cat([model(normalise(part)) for part in images.split(BATCH)])
    model.train(training)
    return logits


def logits(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """Logits of arrays, see `predict`: uint8 (N, 28, 28) to float32 (N, 10), on the device of the model."""
    device = next(model.parameters()).device
    return predict(model, torch.as_tensor(images).to(device)).cpu().numpy()


def write_weights(model: nn.Module, path: str | Path, run: str) -> None:
    """Writes `weight_rows` of a model. `run` is the identity of its run."""
    tables.write(path, run_tables.WEIGHTS, ({**row, "run": run} for row in weight_rows(model)))


def weight_rows(model: nn.Module) -> list[dict[str, str | int | float]]:
    """Per parameter tensor: elements, L1 norm, squared L2 norm, and the share of elements with |w| below `THRESHOLDS`.

    L1 by subgradient descent rarely gives exact zeros. So sparsity is given as shares below thresholds.
    """
    rows: list[dict[str, str | int | float]] = []
    for name, parameter in model.named_parameters():
        size = parameter.detach().double().abs()
        row: dict[str, str | int | float] = {"parameter": name, "elements": size.numel()}
        row |= {"l1": size.sum().item(), "l2_squared": size.square().sum().item()}
        row |= {f"share_below_{t:g}": (size < t).double().mean().item() for t in THRESHOLDS}
        rows.append(row)
    return rows
