"""How a data set is cut into batches, and brought to a device."""

import torch
from torch import Tensor

from normreg.models.batches import batch_bounds

__all__ = ["batch_bounds", "to_device"]


def to_device(images: object, labels: object, device: torch.device) -> tuple[Tensor, Tensor]:
    """Arrays of images and labels as tensors on `device`, labels int64."""
    return torch.as_tensor(images).to(device), torch.as_tensor(labels).long().to(device)
