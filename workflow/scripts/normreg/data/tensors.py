"""Moves a data set to a device."""

import torch
from torch import Tensor


def to_device(images: object, labels: object, device: torch.device) -> tuple[Tensor, Tensor]:
    """Turns arrays of images and labels into tensors on `device`. Labels become int64."""
    return torch.as_tensor(images).to(device), torch.as_tensor(labels).long().to(device)
