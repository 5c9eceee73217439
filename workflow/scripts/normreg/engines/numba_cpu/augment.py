"""Augmentation for the engine. It gives the same bits as `data.augmentation.apply`; a kernel rotates and shifts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from normreg.data import augmentation


def augment(
    spec: augmentation.Spec, draws: Sequence[Mapping[str, Tensor]], images: Tensor, warp: Callable[..., None]
) -> Any:
    """Applies the steps of `spec` in order.

    Args:
        spec, draws, images: as for `normreg.data.augmentation.apply`; uint8 (count, size, size) or (count, 3, size,
            size).
        warp: the compiled kernel `normreg.engines.numba_cpu.images.warp`.

    Returns:
        A numpy array, uint8 (count, channels * size * size).
    """
    count, size = len(images), images.shape[-1]
    if images.ndim == 4:  # the kernel moves gray images only
        return augmentation.apply(spec, draws, images).reshape(count, -1).numpy()
    for step, values in zip(spec, draws, strict=True):
        ((kind, arguments),) = step.items()
        if kind not in ("rotation", "affine"):  # PyTorch is fast enough at these
            images = augmentation.apply([step], [values], images.view(count, size, size))
            continue
        source, images = images.view(count, -1), torch.empty(count, size**2, dtype=torch.uint8)
        matrix = augmentation.fixed_point(values["matrix"]).numpy()
        warp(source.numpy(), matrix, arguments["fill"], images.numpy(), size)
    return images.view(count, -1).numpy()
