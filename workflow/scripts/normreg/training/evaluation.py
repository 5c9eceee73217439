"""What a network gets and gives: normalised images, predictions in evaluation mode, and the size of its weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from normreg.analysis import run_tables
from normreg.training import draws, objective
from normreg.utils import tables

# Two rows: mean and standard deviation of each channel, of pixels from 0 to 1.
Statistics = Sequence[Sequence[float]] | np.ndarray
BATCH = 250  # measured: larger batches do not fit in the processor's cache
_SEED = 0


class Normaliser:
    """Scales pixels to 0 to 1, subtracts the mean of their channel and divides by its standard deviation."""

    def __init__(self, statistics: Statistics, device: torch.device | None = None) -> None:
        """`statistics` are those of the images, see `Dataset.normalise`. `device` is where the images are."""
        self.mean: float | Tensor
        self.std: float | Tensor
        means, deviations = ([float(value) for value in row] for row in statistics)
        if len(means) == 1:  # numbers: with tensors a GPU would round otherwise
            (self.mean,), (self.std,) = means, deviations
        else:
            self.mean, self.std = (torch.tensor(row, device=device).view(-1, 1, 1) for row in (means, deviations))

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 (N, height, width) or (N, channels, height, width) to float32 (N, channels, height, width)."""
        if images.ndim == 3:
            images = images.unsqueeze(1)
        return images.to(torch.float32).div_(255).sub_(self.mean).div_(self.std)


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
    with torch.inference_mode(), draws.seeded_defaults(_SEED):
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

    L1 by subgradient descent rarely gives exact zeros. So sparsity is given as shares with `|w|` below the
    thresholds of `run_tables.SHARES`.
    Tensors without elements have no row.
    """
    rows: list[dict[str, str | int | float]] = []
    role = objective.roles(model)
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
