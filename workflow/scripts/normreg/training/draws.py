"""Named random streams, and what the conditions of one seed share: weights, order, augmentation, dropout's seed.

Every draw depends on nothing but (seed, stream, epoch). So conditions that differ in penalty, norm or batch size share
initial weights, the order of the images and the augmentation draws. A run can also continue from any epoch, without
stored states of generators.

Conditions can be compared in pairs only because they share these draws. So the draws of every engine are made here and
nowhere else. They are made on the CPU, so that they are the same for every device.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from normreg.config import networks
from normreg.config.condition import Condition
from normreg.data import augmentation
from normreg.models.build import build
from normreg.models.description import MNIST_LIKE, DataShape

INIT = "init"
ORDER = "order"
AUGMENTATION = "augmentation"
DROPOUT = "dropout"
HOLDOUT = "holdout"
SUBSET = "subset"


def stream_seed(seed: int, stream: str, epoch: int = 0) -> int:
    """A 63-bit seed for one stream of one seed in one epoch, by SHA-256.

    PyTorch's CPU generator uses only its low 32 bits. The chance that two streams of a study are equal is below 1e-4.
    """
    digest = hashlib.sha256(f"{stream}/{seed}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(seed: int, stream: str, epoch: int = 0) -> torch.Generator:
    """A CPU generator at the start of a stream. Draws are made on the CPU, so that every device gets the same."""
    return torch.Generator().manual_seed(stream_seed(seed, stream, epoch))


def seed_defaults(number: int) -> None:
    """Seeds the default generators of PyTorch (on all devices), NumPy and Python. A network may draw from any."""
    torch.manual_seed(number)
    np.random.seed(number % 2**32)
    random.seed(number)


@contextmanager
def seeded_defaults(number: int) -> Iterator[None]:
    """Seeds them as `seed_defaults` while the block runs. Afterwards those on the CPU have their old states again."""
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        seed_defaults(number)
        yield
    random.setstate(states[0])
    np.random.set_state(states[1])


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
    order = torch.randperm(count, generator=generator(seed, ORDER, epoch))
    return EpochDraws(order, augmentation.draw(spec, count, generator(seed, AUGMENTATION, epoch), shape))


def initial_model(condition: Condition, seed: int, data: DataShape = MNIST_LIKE) -> nn.Module:
    """Builds the network on the CPU, with the initial weights of `seed`.

    Seeds the default generators of PyTorch, and of NumPy and Python for networks in Python that draw from those.
    """
    seed_defaults(stream_seed(seed, INIT))
    return build(condition, data, networks.find(condition["network"]))


def dropout_key(seed: int, epoch: int) -> int:
    """A 63-bit number that decides an epoch's dropout masks. It seeds the default generators, or those of an engine."""
    return stream_seed(seed, DROPOUT, epoch)
