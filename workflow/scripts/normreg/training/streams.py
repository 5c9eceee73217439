"""Named random streams, one for each purpose. They make the conditions of one seed comparable in pairs.

Every draw depends on nothing but (seed, stream, epoch). So conditions that differ in penalty, norm or batch size share
initial weights, the order of the images and the augmentation draws. A run can also continue from any epoch, without
stored states of generators.
"""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

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
