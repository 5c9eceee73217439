"""Buffers with fixed addresses on the device. A training step uses only these, the model and its optimizer."""

from collections.abc import Sequence

import torch
from torch import Tensor

from normreg.config.condition import Condition
from normreg.data import augmentation
from normreg.data.normalise import Normaliser
from normreg.training.draws import epoch_draws

_CHUNK = 4096  # images augmented at once; all 60,000 at once would need more than a gigabyte for intermediate results


class EpochBuffers:
    """The data of one epoch: ordered and augmented images, labels, rates, the position in the epoch, and sums.

    `fill` writes the data of an epoch in place. A step reads its part with `batch` and `rates_now`, and goes on with
    `advance`. Order and augmentation are applied in `fill`, outside the steps: a few large operations are faster than
    many small ones.

    Attributes:
        totals: sums of objective, cross-entropy and correct predictions over the images so far, float64 (3,).
        moving: the tensors that steps write.
    """

    def __init__(
        self, condition: Condition, seed: int, data: tuple[Tensor, Tensor], steps: int, normalise: Normaliser
    ) -> None:
        """`data` are images uint8 (N, ...) and labels int64 (N,) on the device. `steps`: batches per epoch."""
        images, labels = data
        self.normalise = normalise
        self.seed, self.spec = seed, condition["augmentation"]
        self.source_images, self.source_labels = images, labels
        device = images.device
        self.images, self.labels = torch.empty_like(images), torch.empty_like(labels)
        self.rates = torch.zeros(steps, 2, device=device)  # learning rate and momentum of each step
        self.counting = torch.arange(len(images), device=device)
        self.start = torch.zeros(1, dtype=torch.int64, device=device)  # first image of the next batch
        self.step = torch.zeros(1, dtype=torch.int64, device=device)
        self.totals = torch.zeros(3, dtype=torch.float64, device=device)
        self.moving = [self.start, self.step, self.totals]

    def fill(self, epoch: int, rates: Sequence[tuple[float, float]]) -> None:
        """Writes the data of an epoch (numbered from 1) and goes to its start."""
        count, device = len(self.images), self.images.device
        height, width = self.images.shape[-2:]
        draws = epoch_draws(self.seed, epoch, count, self.spec, (height, width)).to(device)
        for start in range(0, count, _CHUNK):
            part = draws.part(start, start + _CHUNK)
            images = augmentation.apply(self.spec, part.augmentation, self.source_images[part.order])
            self.images[start : start + _CHUNK] = images
        self.labels.copy_(self.source_labels[draws.order])
        self.rates.copy_(torch.tensor(rates))
        self.rewind()

    def rewind(self) -> None:
        """Goes to the start of the epoch and sets the sums to 0."""
        for tensor in self.moving:
            tensor.zero_()

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """The next `size` images, normalised, (size, channels, height, width), and their labels (size,)."""
        positions = self.start + self.counting[:size]
        return self.normalise(self.images.index_select(0, positions)), self.labels.index_select(0, positions)

    def rates_now(self) -> tuple[Tensor, Tensor]:
        """Learning rate and momentum of the next step, each a float32 scalar on the device."""
        lr, momentum = self.rates.index_select(0, self.step)[0].unbind()
        return lr, momentum

    def advance(self, size: int, figures: Tensor) -> None:
        """Adds a batch to the sums and goes to the next batch. `figures` are the batch's means, float64 (3,)."""
        self.totals.add_(figures, alpha=size)
        self.start.add_(size)
        self.step.add_(1)
