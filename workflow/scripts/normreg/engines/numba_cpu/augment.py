"""Augmentation for the engine. It gives the same bits as `data.augmentation.apply`; a kernel rotates and shifts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from normreg.data import augmentation
from normreg.engines.numba_cpu.stages import IMAGE_SIZE


def augment(
    spec: augmentation.Spec, draws: Sequence[Mapping[str, Tensor]], images: Tensor, warp: Callable[..., None]
) -> Any:
    """Applies the steps of `spec` in order.

    Args:
        spec, draws, images: as for `normreg.data.augmentation.apply`; uint8 (count, 28, 28).
        warp: the compiled kernel `normreg.engines.numba_cpu.images.warp`.

    Returns:
        A numpy array, uint8 (count, 784).
    """
    count = len(images)
    for step, values in zip(spec, draws, strict=True):
        ((kind, arguments),) = step.items()
        if kind not in ("rotation", "affine"):  # PyTorch is fast enough at these
            images = augmentation.apply([step], [values], images.view(count, IMAGE_SIZE, IMAGE_SIZE))
            continue
        source, images = images.view(count, -1), torch.empty(count, IMAGE_SIZE**2, dtype=torch.uint8)
        matrix = augmentation.fixed_point(values["matrix"]).numpy()
        warp(source.numpy(), matrix, arguments["fill"], images.numpy(), IMAGE_SIZE)
    return images.view(count, -1).numpy()
