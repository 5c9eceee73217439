"""Everything a training step reads or writes besides the model and its optimizer, at fixed places on the device."""

from collections.abc import Sequence

import torch
from torch import Tensor

from normreg import augmentation, streams
from normreg.condition import Condition


class EpochBuffers:
    """Images, an epoch's order, augmentation draws and rates, the position in the epoch, and its sums.

    `fill` writes an epoch's content in place; a step takes its part with `batch` and `rates_now`, and moves on with
    `advance`. Draws are those of `normreg.trainer.TorchTrainer` for the same seed and epoch: made on the CPU once an
    epoch and copied.

    Attributes:
        totals: sums over the images so far of objective, cross-entropy and correct predictions, float64 (3,).
        moving: the tensors that steps write.
    """

    def __init__(self, condition: Condition, seed: int, images: Tensor, labels: Tensor, steps: int) -> None:
        """`images` uint8 (N, 28, 28) and `labels` int64 (N,) are on the device; `steps` is the batches of an epoch."""
        self.seed, self.spec = seed, condition["augmentation"]
        self.images, self.labels = images, labels
        device, count = images.device, len(images)
        self.order = torch.arange(count, device=device)
        self.draws = [
            {name: torch.empty_like(values, device=device) for name, values in step.items()} for step in self._draw(1)
        ]
        self.rates = torch.zeros(steps, 2, device=device)  # learning rate and momentum of each step
        self.start = torch.zeros(1, dtype=torch.int64, device=device)  # first image of the next batch
        self.step = torch.zeros(1, dtype=torch.int64, device=device)
        self.totals = torch.zeros(3, dtype=torch.float64, device=device)
        self.counting = torch.arange(count, device=device)
        self.moving = [self.start, self.step, self.totals]

    def _draw(self, epoch: int) -> list[dict[str, Tensor]]:
        generator = streams.generator(self.seed, streams.AUGMENTATION, epoch)
        return augmentation.draw(self.spec, len(self.images), generator)

    def fill(self, epoch: int, rates: Sequence[tuple[float, float]]) -> None:
        """Writes the content of an epoch (numbered from 1) and goes to its start."""
        self.order.copy_(torch.randperm(len(self.images), generator=streams.generator(self.seed, streams.ORDER, epoch)))
        for own, drawn in zip(self.draws, self._draw(epoch), strict=True):
            for name, values in drawn.items():
                own[name].copy_(values)
        self.rates.copy_(torch.tensor(rates))
        self.rewind()

    def rewind(self) -> None:
        """Goes to the start of the epoch, with sums of 0."""
        for tensor in self.moving:
            tensor.zero_()

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """The next `size` images, augmented and normalised (size, 1, 28, 28), and their labels (size,)."""
        positions = self.start + self.counting[:size]
        chosen = self.order.index_select(0, positions)
        draws = [{name: values.index_select(0, positions) for name, values in step.items()} for step in self.draws]
        images = augmentation.apply(self.spec, draws, self.images.index_select(0, chosen))
        return augmentation.normalise(images), self.labels.index_select(0, chosen)

    def rates_now(self) -> tuple[Tensor, Tensor]:
        """Learning rate and momentum of the next step, each a float32 scalar on the device."""
        rate, momentum = self.rates.index_select(0, self.step)[0].unbind()
        return rate, momentum

    def advance(self, size: int, figures: Tensor) -> None:
        """Adds a batch's means, float64 (3,), to the sums, and goes to the next batch."""
        self.totals.add_(figures, alpha=size)
        self.start.add_(size)
        self.step.add_(1)
