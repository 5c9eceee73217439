"""Turns 8-bit images into the floats that a network gets."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Statistics = (
    Sequence[Sequence[float]] | np.ndarray
)  # two rows: mean and standard deviation of each channel, of pixels from 0 to 1


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
