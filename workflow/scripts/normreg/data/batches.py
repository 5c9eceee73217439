"""Cuts a data set into batches and moves it to a device."""

import torch
from torch import Tensor


def batch_bounds(images: int, batch_size: int) -> list[tuple[int, int]]:
    """Start and stop (exclusive) of each batch. A last batch of one image is joined to the batch before it.

    The reason: batch normalisation needs more than one value per channel in training.
    """
    starts = list(range(0, images, batch_size))
    if len(starts) > 1 and images - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], images], strict=True))


def to_device(images: object, labels: object, device: torch.device) -> tuple[Tensor, Tensor]:
    """Turns arrays of images and labels into tensors on `device`. Labels become int64."""
    return torch.as_tensor(images).to(device), torch.as_tensor(labels).long().to(device)
