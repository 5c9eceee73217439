"""Named random streams: one source of randomness per purpose, so that conditions of one seed are paired.

Every draw depends on (seed, stream, epoch) alone. Conditions that differ in penalty, norm or batch size therefore share
initial weights, the order of the images and the augmentation draws, and a run can go on from any epoch without stored
generator states.
"""

import hashlib

import torch

INIT = "init"
ORDER = "order"
AUGMENTATION = "augmentation"
DROPOUT = "dropout"


def stream_seed(seed: int, stream: str, epoch: int = 0) -> int:
    """A 63-bit seed for one stream of one replicate in one epoch, by SHA-256.

    PyTorch's CPU generator uses the low 32 bits of it: two of a study's streams coincide with a chance below 1e-4.
    """
    digest = hashlib.sha256(f"{stream}/{seed}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(seed: int, stream: str, epoch: int = 0) -> torch.Generator:
    """A CPU generator at the start of a stream. Draws are made on the CPU so that every device sees the same ones."""
    return torch.Generator().manual_seed(stream_seed(seed, stream, epoch))
