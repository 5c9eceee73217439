"""Batch and ghost batch normalisation between the passes over the pixels. Numba code, in double precision.

The convolutions leave sums per channel and image; here they become statistics per ghost batch (image i belongs to ghost
batch i mod splits) and from these one multiply-add per channel and image. Images that only fill the last block get 0,
so that whatever lies in their lanes never reaches a result. A layer without normalisation gets constants.

Arrays of vectors are flat, [block][channel][image]; statistics are (splits, channels).
"""

import math
from typing import Any

from numba import njit

from normreg.engine.vectors import LANES

EPSILON, MOMENTUM = 1e-5, 0.1  # PyTorch's defaults, as the reference path uses
compiled = njit(error_model="numpy")


@compiled
def clear(*arrays: Any) -> None:
    """Zeros in every element."""
    for array in arrays:
        array[:] = 0


@compiled
def per_split(sums: Any, channel: int, channels: int, images: int, splits: int, totals: Any) -> None:
    """Adds up `sums` of one channel over the images of each ghost batch, in double precision."""
    totals[:splits] = 0.0
    for image in range(images):
        totals[image % splits] += sums[((image // LANES) * channels + channel) * LANES + image % LANES]


@compiled
def set_constant(array: Any, channels: int, images: int, value: float) -> None:
    """`value` for real images, 0 for those that fill the last block."""
    array[:] = 0
    for image in range(images):
        for channel in range(channels):
            array[((image // LANES) * channels + channel) * LANES + image % LANES] = value


@compiled
def batch_statistics(
    totals: Any,
    squares: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_variance: Any,
    mean: Any,
    inverse: Any,
    scale: Any,
    shift: Any,
    images: int,
    splits: int,
    pixels: int,
    factor: float,
) -> None:
    """Mean and 1 / standard deviation of each ghost batch; running statistics; `scale` and `shift` times `factor`.

    Running statistics take one update a batch, with the mean over ghost batches of mean and unbiased variance.
    """
    channels = len(weight)
    count = images // splits * pixels
    for channel in range(channels):
        per_split(totals, channel, channels, images, splits, mean[channel])
        per_split(squares, channel, channels, images, splits, inverse[channel])
        mean_total, variance_total = 0.0, 0.0
        for s in range(splits):
            mu = mean[channel, s] / count
            variance = max(inverse[channel, s] / count - mu * mu, 0.0)
            if math.isnan(inverse[channel, s]):  # max would hide it
                variance = math.nan
            mean_total += mu
            variance_total += variance * count / (count - 1)
            mean[channel, s], inverse[channel, s] = mu, 1 / math.sqrt(variance + EPSILON)
        running_mean[channel] = (1 - MOMENTUM) * running_mean[channel] + MOMENTUM * mean_total / splits
        running_variance[channel] = (1 - MOMENTUM) * running_variance[channel] + MOMENTUM * variance_total / splits
    scale[:], shift[:] = 0, 0
    for image in range(images):
        s = image % splits
        for channel in range(channels):
            place = ((image // LANES) * channels + channel) * LANES + image % LANES
            a = weight[channel] * inverse[channel, s]
            scale[place] = factor * a
            shift[place] = factor * (bias[channel] - mean[channel, s] * a)


@compiled
def running_coefficients(
    weight: Any, bias: Any, running_mean: Any, running_variance: Any, scale: Any, shift: Any, images: int
) -> None:
    """`scale` and `shift` of evaluation mode."""
    channels = len(weight)
    scale[:], shift[:] = 0, 0
    for channel in range(channels):
        a = weight[channel] / math.sqrt(running_variance[channel] + EPSILON)
        b = bias[channel] - running_mean[channel] * a
        for image in range(images):
            place = ((image // LANES) * channels + channel) * LANES + image % LANES
            scale[place], shift[place] = a, b


@compiled
def gradient_coefficients(
    totals: Any,
    products: Any,
    weight: Any,
    weight_gradient: Any,
    bias_gradient: Any,
    mean: Any,
    inverse: Any,
    slope: Any,
    pull: Any,
    offset: Any,
    sums: Any,
    images: int,
    splits: int,
    pixels: int,
    factor: float,
) -> None:
    """Gradients of weight and bias, and the input gradient as slope * part + pull * input + offset.

    `totals` and `products` are the sums of `transfer.sum_gradients`, still to be multiplied by `factor`; `sums` is
    scratch, (2, splits) at least.
    """
    channels = len(weight)
    count = images // splits * pixels
    slope[:], pull[:], offset[:] = 0, 0, 0
    for channel in range(channels):
        per_split(totals, channel, channels, images, splits, sums[0])
        per_split(products, channel, channels, images, splits, sums[1])
        weight_total, bias_total = 0.0, 0.0
        for s in range(splits):
            gradient = factor * sums[0, s]
            against_normal = inverse[channel, s] * (factor * sums[1, s] - mean[channel, s] * gradient)
            bias_total += gradient
            weight_total += against_normal
            sums[0, s], sums[1, s] = gradient / count, against_normal / count
        weight_gradient[channel], bias_gradient[channel] = weight_total, bias_total
        for image in range(images):
            s = image % splits
            place = ((image // LANES) * channels + channel) * LANES + image % LANES
            a = weight[channel] * inverse[channel, s]
            slope[place] = factor * a
            pull[place] = -a * inverse[channel, s] * sums[1, s]
            offset[place] = a * (inverse[channel, s] * mean[channel, s] * sums[1, s] - sums[0, s])
