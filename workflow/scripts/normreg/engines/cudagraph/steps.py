"""A training step and a validation step that a CUDA graph can capture.

The steps are functions of buffers on the device. Only constants of the run come from the host. No value goes back to
the host, and no shape depends on a value.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normreg.config.condition import Lambdas
from normreg.data.normalise import Normaliser
from normreg.engines.cudagraph.buffers import EpochBuffers
from normreg.engines.cudagraph.sgd import DeviceSGD
from normreg.training.objective import objective

Step = Callable[[], None]


def training_step(
    model: nn.Module,
    optimizer: DeviceSGD,
    buffers: EpochBuffers,
    penalised: Sequence[Tensor],
    lambdas: Lambdas,
    size: int,
) -> Step:
    """A function that trains on the next `size` images of the epoch."""

    def step() -> None:
        images, labels = buffers.batch(size)
        model.train()
        value, figures = objective(model, images, labels, penalised, lambdas)
        optimizer.step(torch.autograd.grad(value, optimizer.parameters), *buffers.rates_now())
        buffers.advance(size, figures)

    return step


class Validation:
    """The validation split (images uint8, labels int64 (N,)), the position in it, and sums over it.

    Attributes:
        totals: sums of cross-entropy and correct predictions over the images so far, float64 (2,).
        moving: the tensors that steps write.
    """

    def __init__(self, images: Tensor, labels: Tensor, normalise: Normaliser) -> None:
        self.normalise = normalise
        self.images, self.labels = images, labels
        self.start = torch.zeros(1, dtype=torch.int64, device=images.device)
        self.totals = torch.zeros(2, dtype=torch.float64, device=images.device)
        self.counting = torch.arange(len(images), device=images.device)
        self.moving = [self.start, self.totals]

    def rewind(self) -> None:
        """Goes to the first image and sets the sums to 0."""
        for tensor in self.moving:
            tensor.zero_()

    def step(self, model: nn.Module, size: int) -> Step:
        """A function that evaluates `model` on the next `size` images."""

        @torch.no_grad()
        def step() -> None:
            positions = self.start + self.counting[:size]
            labels = self.labels.index_select(0, positions)
            model.eval()
            logits = model(self.normalise(self.images.index_select(0, positions)))
            loss = F.cross_entropy(logits.double(), labels, reduction="sum")
            self.totals.add_(torch.stack([loss, (logits.argmax(1) == labels).double().sum()]))
            self.start.add_(size)

        return step
