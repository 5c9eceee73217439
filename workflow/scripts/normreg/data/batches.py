"""How a data set is cut into batches, and brought to a device."""

import torch
from torch import Tensor


def batch_bounds(images: int, batch_size: int) -> list[tuple[int, int]]:
    """First and last-plus-one position of each batch; a last batch of one image joins the batch before it."""
    starts = list(range(0, images, batch_size))
    if len(starts) > 1 and images - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], images], strict=True))


def to_device(images: object, labels: object, device: torch.device) -> tuple[Tensor, Tensor]:
    """Arrays of images and labels as tensors on `device`, labels int64."""
    return torch.as_tensor(images).to(device), torch.as_tensor(labels).long().to(device)
