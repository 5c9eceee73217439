"""Computes the gradient of one convolution's output from that of the next convolution's input. Numba code.

`transfer` describes the layers between two convolutions. Its tuples are used here, and these functions are inlined too.
"""

from typing import Any, NamedTuple

import numpy as np

from normreg.engines.numba_cpu.machine import LANES
from normreg.engines.numba_cpu.stages import MAX_POOL
from normreg.engines.numba_cpu.transfer import Link, Sizes, inlined, pool_window
from normreg.engines.numba_cpu.vectors import (
    add,
    fma,
    keep,
    load,
    splat,
    store,
    where_equal,
    where_positive,
    zero,
)


class Slopes(NamedTuple):
    """Vectors [block][channel][image]: addresses in kernels, arrays in `normalisation`.

    A norm's input gradient is slope * part + pull * input + offset.
    """

    slope: Any
    pull: Any
    offset: Any


@inlined
def part_at(link: Link, sizes: Sizes, value: Any, above: Any, pixel: int, scale: Any, shift: Any) -> Any:
    """The gradient at the norm's output, computed from the gradient `above` at dropout's output.

    `value` is the convolution's output. `normalisation` multiplies by the constant factors of dropout and averaging.
    """
    if link.drop:
        above = keep(link.masks, pixel, above)
    if sizes.rectified:
        above = where_positive(fma(value, scale, shift), above)
    return above


@inlined
def chosen(above: Any, choice: Any, k: int, pool: int) -> Any:
    """The gradient for pixel `k` of a window, computed from the gradient `above` after pooling."""
    if pool == MAX_POOL:
        above = where_equal(choice, splat(np.float32(k)), above)
    return above


@inlined
def transfer_again(
    link: Link,
    sizes: Sizes,
    target: Any,
    start: int,
    block: int,
    padding: int,
    gradient: Any,
    totals: Any,
    products: Any,
) -> None:
    """Does the same as `transfer` and, in the same pass, sums over the pixels of each channel and image.

    `choice` gets the choices. `totals` gets the sum of the norm's output gradient. `products` gets the sum of that
    gradient times the norm's input. `gradient` is the gradient at the output of pooling, without padding.
    """
    window, size = sizes.window, sizes.size
    pooled = size // window
    side = pooled + 2 * padding
    for channel in range(sizes.channels):
        plane = block * sizes.channels + channel
        scale, shift = load(link.scale, plane * LANES), load(link.shift, plane * LANES)
        total, product = zero(), zero()
        for row in range(pooled):
            row_total, row_product = zero(), zero()  # sums of rows first, because they round less
            for column in range(pooled):
                first = (plane * size + row * window) * size + column * window
                result, best = pool_window(link, sizes, first, scale, shift)
                spot = ((channel * side + row + padding) * side + column + padding) * LANES
                store(target, start + spot, result)
                place = ((plane * pooled + row) * pooled + column) * LANES
                if sizes.pool == MAX_POOL:
                    store(link.choice, place, best)
                above = load(gradient, place)
                for k in range(window * window):
                    pixel = first + k // window * size + k % window
                    value, part = load(link.output, pixel * LANES), chosen(above, best, k, sizes.pool)
                    part = part_at(link, sizes, value, part, pixel, scale, shift)
                    row_total, row_product = add(row_total, part), fma(part, value, row_product)
            total, product = add(total, row_total), add(product, row_product)
        store(totals, plane * LANES, total)
        store(products, plane * LANES, product)


@inlined
def through_norm(part: Any, value: Any, slope: Any, pull: Any, offset: Any, rectified_first: bool) -> Any:
    """The gradient at the norm's input, or at the input of a ReLU before it.

    It is slope * part + pull * value + offset. With a ReLU it is 0 unless `value` is positive.
    """
    result = fma(slope, part, fma(pull, value, offset))
    if rectified_first:
        result = where_positive(value, result)
    return result


@inlined
def output_gradient(
    link: Link, sizes: Sizes, gradient: Any, slopes: Slopes, target: Any, block: int, halo: int, rectified_first: bool
) -> None:
    """Writes the gradient of the convolution's output to `target`: one block with `halo` zeros around each image."""
    size, window = sizes.size, sizes.window
    pooled, width = size // window, size + 2 * halo
    for channel in range(sizes.channels):
        plane = block * sizes.channels + channel
        scale, shift = load(link.scale, plane * LANES), load(link.shift, plane * LANES)
        a, b = load(slopes.slope, plane * LANES), load(slopes.pull, plane * LANES)
        c = load(slopes.offset, plane * LANES)
        for row in range(pooled):
            for column in range(pooled):
                place = ((plane * pooled + row) * pooled + column) * LANES
                above = load(gradient, place)
                choice = load(link.choice, place) if sizes.pool == MAX_POOL else zero()
                for k in range(window * window):
                    y, x = row * window + k // window, column * window + k % window
                    pixel = (plane * size + y) * size + x
                    value, part = load(link.output, pixel * LANES), chosen(above, choice, k, sizes.pool)
                    part = part_at(link, sizes, value, part, pixel, scale, shift)
                    result = through_norm(part, value, a, b, c, rectified_first)
                    store(target, ((channel * width + y + halo) * width + x + halo) * LANES, result)
        # Pooling leaves some pixels out. They have a gradient all the same, because the norm's statistics contain them.
        for y in range(size):
            for x in range(pooled * window if y < pooled * window else 0, size):
                value = load(link.output, ((plane * size + y) * size + x) * LANES)
                result = through_norm(zero(), value, a, b, c, rectified_first)
                store(target, ((channel * width + y + halo) * width + x + halo) * LANES, result)
