"""What the conditions of one seed share: initial weights, the order of the images, augmentation and dropout's seed.

Conditions can be compared in pairs only because they share these draws. So the draws of every engine are made here and
nowhere else. They are made on the CPU, so that they are the same for every device.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from normreg.config import networks
from normreg.config.condition import Condition
from normreg.data import augmentation
from normreg.models.build import build
from normreg.models.description import MNIST_LIKE, DataShape
from normreg.training import streams


class EpochDraws(NamedTuple):
    """The draws of one epoch. Row k of every tensor belongs to the k-th image in the order of training.

    Attributes:
        order: int64 (N,), the number of that image in the training split.
        augmentation: the random parameters of each step of the augmentation, see `normreg.data.augmentation.draw`.
            Each tensor has N rows.
    """

    order: Tensor
    augmentation: list[dict[str, Tensor]]

    def part(self, start: int, stop: int) -> "EpochDraws":
        """The draws of the images at positions `start` to `stop` - 1."""
        steps = [{name: values[start:stop] for name, values in step.items()} for step in self.augmentation]
        return EpochDraws(self.order[start:stop], steps)

    def to(self, device: torch.device) -> "EpochDraws":
        """Copies the draws to a device."""
        steps = [{name: values.to(device) for name, values in step.items()} for step in self.augmentation]
        return EpochDraws(self.order.to(device), steps)


def epoch_draws(seed: int, epoch: int, count: int, spec: augmentation.Spec, shape: augmentation.Shape) -> EpochDraws:
    """Draws order and augmentation of an epoch (numbered from 1) over `count` images of this height and width.

    It draws on the CPU. The draws depend only on the arguments, not on the batch size or the device. The order does not
    depend on `spec`.
    """
    order = torch.randperm(count, generator=streams.generator(seed, streams.ORDER, epoch))
    generator = streams.generator(seed, streams.AUGMENTATION, epoch)
    return EpochDraws(order, augmentation.draw(spec, count, generator, shape))


def initial_model(condition: Condition, seed: int, data: DataShape = MNIST_LIKE) -> nn.Module:
    """Builds the network on the CPU, with the initial weights of `seed`.

    Seeds the default generators of PyTorch, and of NumPy and Python for networks in Python that draw from those.
    """
    streams.seed_defaults(streams.stream_seed(seed, streams.INIT))
    return build(condition, data, networks.find(condition["network"]))


def dropout_key(seed: int, epoch: int) -> int:
    """A 63-bit number that decides an epoch's dropout masks. It seeds the default generators, or those of an engine."""
    return streams.stream_seed(seed, streams.DROPOUT, epoch)
