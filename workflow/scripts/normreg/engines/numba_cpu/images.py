"""Writes images in the engine's layout, and draws dropout masks. Numba code."""

from typing import Any

from llvmlite import ir
from numba import from_dtype, njit, types
from numba.extending import intrinsic

from normreg.engines.numba_cpu.machine import LANES, MASKS
from normreg.engines.numba_cpu.vectors import HALVES, WORDS, spread

compiled = njit(error_model="numpy")


@compiled
def load_images(images: Any, pixels: Any, target: Any, channels: int, size: int, padding: int) -> None:
    """Writes uint8 `images` (count, channels * size * size) to the blocks of `target`, with padding.

    The table `pixels` (channels * 256,) gives the float for each value. Unused images of the last block are set to 0.
    """
    count, side = len(images), size + 2 * padding
    for block in range((count + LANES - 1) // LANES):
        present = min(LANES, count - block * LANES)
        for channel in range(channels):
            plane = (block * channels + channel) * side
            for row in range(size):
                source = (channel * size + row) * size
                for column in range(size):
                    place = ((plane + row + padding) * side + column + padding) * LANES
                    for lane in range(present):
                        target[place + lane] = pixels[channel * 256 + images[block * LANES + lane, source + column]]
                    for lane in range(present, LANES):
                        target[place + lane] = 0.0


@compiled
def warp(images: Any, matrix: Any, fill: int, target: Any, size: int) -> None:
    """Does the same as `normreg.data.augmentation.warp`, for uint8 `images` (count, size * size).

    `matrix`, int32 (count, 6), is made by `normreg.data.augmentation.fixed_point`.
    """
    for image in range(len(images)):
        a, b, c = matrix[image, 0], matrix[image, 1], matrix[image, 2]
        d, e, f = matrix[image, 3], matrix[image, 4], matrix[image, 5]
        for row in range(size):
            for column in range(size):
                x, y = (a * column + b * row + c) >> 16, (d * column + e * row + f) >> 16
                inside = 0 <= x < size and 0 <= y < size
                target[image, row * size + column] = images[image, y * size + x] if inside else fill


@intrinsic
def _two_masks(_: Any, counter: Any, first_key: Any, second_key: Any, threshold: Any) -> Any:
    """Random bits, two for each lane. Each is set with probability 1 - threshold / 65536.

    A hash of a counter for each lane gives two numbers of 16 bits, and each number is compared with the threshold. The
    hash is C. Wellons' "triple32" (three rounds of shift and multiply). A key goes in before each of the first two
    rounds.
    """

    def emit(_context: Any, b: Any, _signature: Any, values: Any) -> Any:
        def shifted(x: Any, bits: int) -> Any:
            return b.xor(x, b.lshr(x, ir.Constant(WORDS, [bits] * LANES)))

        start, first, second, limit = values
        x = b.add(spread(b, start), ir.Constant(WORDS, list(range(LANES))))
        x = shifted(b.add(x, spread(b, first)), 17)
        x = b.xor(b.mul(x, ir.Constant(WORDS, [0xED5AD4BB] * LANES)), spread(b, second))
        x = b.mul(shifted(x, 11), ir.Constant(WORDS, [0xAC4C1B51] * LANES))
        x = shifted(b.mul(shifted(x, 15), ir.Constant(WORDS, [0x31848BAB] * LANES)), 14)
        numbers = b.bitcast(x, HALVES)
        kept = b.icmp_unsigned(">=", numbers, spread(b, b.trunc(limit, ir.IntType(16)), 2 * LANES))
        return b.bitcast(kept, ir.IntType(2 * LANES))

    return from_dtype(MASKS)(types.uint32, types.uint32, types.uint32, types.uint32), emit


@compiled
def draw_masks(masks: Any, counter: int, first_key: int, second_key: int, threshold: int) -> None:
    """Fills `masks`, an array of `MASKS`. Each word has the masks of two vectors.

    `counter` is the first number that is hashed. Equal arguments give equal masks.
    """
    for k in range(len(masks)):
        masks[k] = _two_masks(
            types.uint32(counter + k * LANES),
            types.uint32(first_key),
            types.uint32(second_key),
            types.uint32(threshold),
        )
