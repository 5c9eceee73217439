"""What the conditions of one seed share: initial weights, the order of the images, augmentation and dropout's seed.

The pairing of conditions rests on these draws, so they are made here and nowhere else, for every engine. They are made
on the CPU: every device sees the same ones.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from normreg.config.condition import Condition
from normreg.data import augmentation
from normreg.models.build import build
from normreg.training import streams


class EpochDraws(NamedTuple):
    """One epoch's draws: row k of every tensor belongs to the k-th image that is trained on.

    Attributes:
        order: int64 (N,), which image that is.
        augmentation: per step of the specification its random parameters, as `normreg.data.augmentation.draw` gives
            them; each tensor has N rows.
    """

    order: Tensor
    augmentation: list[dict[str, Tensor]]

    def part(self, start: int, stop: int) -> "EpochDraws":
        """The draws of the images from position `start` up to and without `stop`."""
        steps = [{name: values[start:stop] for name, values in step.items()} for step in self.augmentation]
        return EpochDraws(self.order[start:stop], steps)

    def to(self, device: torch.device) -> "EpochDraws":
        """The same draws on a device."""
        steps = [{name: values.to(device) for name, values in step.items()} for step in self.augmentation]
        return EpochDraws(self.order.to(device), steps)


def epoch_draws(seed: int, epoch: int, count: int, spec: augmentation.Spec) -> EpochDraws:
    """Order and augmentation of an epoch (numbered from 1) over `count` images, on the CPU.

    They depend on nothing else, neither on the batch size nor on the device. Only the augmentation depends on `spec`.
    """
    order = torch.randperm(count, generator=streams.generator(seed, streams.ORDER, epoch))
    return EpochDraws(order, augmentation.draw(spec, count, streams.generator(seed, streams.AUGMENTATION, epoch)))


def initial_model(condition: Condition, seed: int) -> nn.Sequential:
    """The condition's network with the initial weights of `seed`, on the CPU. Seeds PyTorch's default generators."""
    torch.manual_seed(streams.stream_seed(seed, streams.INIT))
    return build(condition)


def dropout_key(seed: int, epoch: int) -> int:
    """A 63-bit number from which an epoch's dropout masks follow: a seed for PyTorch, or a key of an engine's own."""
    return streams.stream_seed(seed, streams.DROPOUT, epoch)
