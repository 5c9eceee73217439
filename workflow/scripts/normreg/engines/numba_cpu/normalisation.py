"""Batch and ghost batch normalisation, except the passes over the pixels. Numba code, in double precision.

The convolutions give sums for each channel and image. From these the functions here compute statistics for each ghost
batch; image i belongs to ghost batch i mod splits. From the statistics they compute one multiply-add for each channel
and image. Unused images of the last block get 0 there, so that their values never reach a result.

Arrays of vectors are flat, [block][channel][image]. Statistics are (channels, at least splits).
"""

import math
from typing import Any, NamedTuple

from numba import njit

from normreg.engines.numba_cpu.gradients import Slopes
from normreg.engines.numba_cpu.machine import LANES

EPSILON, MOMENTUM = 1e-5, 0.1  # PyTorch's defaults, which the PyTorch path uses too
compiled = njit(error_model="numpy")


class Norm(NamedTuple):
    """Parameters, running statistics, and mean and reciprocal standard deviation (`rstd`) of the last batch."""

    weight: Any
    bias: Any
    running_mean: Any
    running_variance: Any
    mean: Any
    rstd: Any


class Extent(NamedTuple):
    """Numbers of images in the batch, of ghost batches, and of pixels in an image."""

    images: int
    splits: int
    pixels: int


@compiled
def place_of(image: int, channel: int, channels: int) -> int:
    """Position of an image and a channel in an array of vectors."""
    return ((image // LANES) * channels + channel) * LANES + image % LANES


@compiled
def per_split(sums: Any, channel: int, channels: int, extent: Extent, totals: Any) -> None:
    """Adds up `sums` of one channel over the images of each ghost batch, in double precision."""
    for s in range(extent.splits):
        total = 0.0
        for image in range(s, extent.images, extent.splits):
            total += sums[place_of(image, channel, channels)]
        totals[s] = total


@compiled
def set_constant(array: Any, channels: int, images: int, value: float) -> None:
    """Sets `array` to `value` for the images of the batch, and to 0 for unused images of the last block."""
    array[:] = 0
    for image in range(images):
        for channel in range(channels):
            array[place_of(image, channel, channels)] = value


@compiled
def batch_statistics(
    totals: Any, squares: Any, norm: Norm, scale: Any, shift: Any, extent: Extent, factor: float
) -> None:
    """Computes mean and `rstd` of each ghost batch, `scale` and `shift`, and updates the running statistics.

    Running statistics get one update per batch, with the mean and the unbiased variance, both averaged over ghost
    batches. `scale` and `shift` are those of the norm times `factor`.
    """
    channels, splits = len(norm.weight), extent.splits
    count = extent.images // splits * extent.pixels
    scale[:], shift[:] = 0, 0
    for channel in range(channels):
        mean, rstd = norm.mean[channel], norm.rstd[channel]
        per_split(totals, channel, channels, extent, mean)
        per_split(squares, channel, channels, extent, rstd)
        mean_total, variance_total = 0.0, 0.0
        for s in range(splits):
            mean[s] /= count
            variance = rstd[s] / count - mean[s] * mean[s]
            if variance < 0:  # from rounding; NaN stays NaN
                variance = 0.0
            mean_total += mean[s]
            variance_total += variance * count / (count - 1)
            rstd[s] = 1 / math.sqrt(variance + EPSILON)
            slope = norm.weight[channel] * rstd[s]
            offset = norm.bias[channel] - mean[s] * slope
            for image in range(s, extent.images, splits):
                place = place_of(image, channel, channels)
                scale[place], shift[place] = factor * slope, factor * offset
        running, share = norm.running_mean, MOMENTUM / splits
        running[channel] = (1 - MOMENTUM) * running[channel] + share * mean_total
        running = norm.running_variance
        running[channel] = (1 - MOMENTUM) * running[channel] + share * variance_total


@compiled
def running_coefficients(norm: Norm, scale: Any, shift: Any, images: int) -> None:
    """Computes `scale` and `shift` of evaluation mode, from the running statistics."""
    channels = len(norm.weight)
    scale[:], shift[:] = 0, 0
    for channel in range(channels):
        slope = norm.weight[channel] / math.sqrt(norm.running_variance[channel] + EPSILON)
        offset = norm.bias[channel] - norm.running_mean[channel] * slope
        for image in range(images):
            place = place_of(image, channel, channels)
            scale[place], shift[place] = slope, offset


@compiled
def gradient_coefficients(
    totals: Any,
    products: Any,
    norm: Norm,
    gradients: Any,
    slopes: Slopes,
    sums: Any,
    extent: Extent,
    factor: float,
) -> None:
    """Computes the gradients of weight and bias, (2, channels) in `gradients`, and the slopes of the input gradient.

    `totals` and `products` are the sums of `gradients.transfer_again`. Here they are multiplied by `factor`. `sums` is
    memory for intermediate results, (2, at least splits).
    """
    channels, splits = len(norm.weight), extent.splits
    count = extent.images // splits * extent.pixels
    slope, pull, offset = slopes.slope, slopes.pull, slopes.offset
    slope[:], pull[:], offset[:] = 0, 0, 0
    for channel in range(channels):
        mean, rstd = norm.mean[channel], norm.rstd[channel]
        per_split(totals, channel, channels, extent, sums[0])
        per_split(products, channel, channels, extent, sums[1])
        gradients[0, channel], gradients[1, channel] = 0, 0
        for s in range(splits):
            own = factor * sums[0, s]
            against_normal = rstd[s] * (factor * sums[1, s] - mean[s] * own)
            gradients[0, channel] += against_normal
            gradients[1, channel] += own
            a, share = norm.weight[channel] * rstd[s], against_normal / count
            own_pull, own_offset = -a * rstd[s] * share, a * (rstd[s] * mean[s] * share - own / count)
            for image in range(s, extent.images, splits):
                place = place_of(image, channel, channels)
                slope[place], pull[place], offset[place] = factor * a, own_pull, own_offset
