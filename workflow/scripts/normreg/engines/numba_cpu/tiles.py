"""Divides the work of a kernel into tiles. A tile is so small that its sums stay in registers.

A forward tile has some output channels and some neighbouring columns. Each sum is a vector, with a number for each
image of a block. The tile reads `columns + kernel - 1` inputs and `channels * kernel` weights for `channels * columns *
kernel` multiply-adds. A tile of the weight gradient has some output channels and some taps. Taps are the columns of a
kernel row. In a 1x1 convolution they are input channels.
"""

from dataclasses import dataclass
from functools import cache

from normreg.engines.numba_cpu.errors import UnsupportedError

_OVERHEAD = 6  # extra cycles in a step of the innermost loop, besides its arithmetic; roughly measured
_VARIANT = 1.02  # a second size of tile must be faster by this factor, because it takes as long to compile as the first


@dataclass(frozen=True)
class Registers:
    """The registers of a kind of processor. A register holds one vector."""

    name: str
    lanes: int  # numbers in a vector
    total: int  # registers
    sums: int  # at most so many sums; all other operands may come from memory
    fma_cycles: float  # per vector
    load_cycles: float


AVX512 = Registers("avx512", lanes=16, total=32, sums=28, fma_cycles=1.0, load_cycles=1.0)
AVX2 = Registers("avx2", lanes=8, total=16, sums=12, fma_cycles=0.5, load_cycles=0.35)


def choose_registers(features: dict[str, bool]) -> Registers:
    """The registers of a processor with these features. LLVM gives their names.

    Raises:
        UnsupportedError: the processor has neither AVX-512 nor AVX2 with FMA.
    """
    if features.get("avx512f"):
        return AVX512
    if features.get("avx2") and features.get("fma"):
        return AVX2
    raise UnsupportedError("this processor has neither AVX-512 nor AVX2 with FMA")


@dataclass(frozen=True)
class Run:
    """`count` tiles of one size, side by side. The first one begins at `start`."""

    start: int
    size: int
    count: int


def split(total: int, largest: int) -> tuple[Run, ...]:
    """Divides `total` into as few parts as possible. No part is larger than `largest`.

    Sizes differ by at most 1. The larger parts come first.
    """
    parts = -(-total // largest)
    small, larger = divmod(total, parts)
    runs = [Run(0, small + 1, larger), Run(larger * (small + 1), small, parts - larger)]
    return tuple(run for run in runs if run.count)


@dataclass(frozen=True)
class Tiles:
    """The tiles of a kernel: output channels, and columns or taps."""

    channels: tuple[Run, ...]
    columns: tuple[Run, ...]


@cache
def forward_tiles(channels: int, columns: int, kernel: int, registers: Registers) -> Tiles:
    """The fastest tiles for a convolution whose output is `channels` x `columns` x `columns`."""

    def cycles(tiles: Tiles) -> float:
        total = 0.0
        for high in tiles.channels:
            for wide in tiles.columns:
                arithmetic = kernel * high.size * wide.size * registers.fma_cycles
                loads = (wide.size + kernel - 1 + kernel * high.size) * registers.load_cycles
                total += high.count * wide.count * (max(arithmetic, loads) + _OVERHEAD)
        return float(total * _VARIANT ** (len(tiles.channels) * len(tiles.columns)))

    fitting = [
        Tiles(split(channels, high), split(columns, wide))
        for high in range(1, channels + 1)
        for wide in range(1, columns + 1)
        if high * wide <= registers.sums and high * wide + wide + kernel <= registers.total
    ]
    return min(fitting, key=cycles)


@cache
def gradient_tiles(channels: int, inputs: int, kernel: int, registers: Registers) -> Tiles:
    """The fastest tiles for a weight gradient. Taps are the kernel's columns, or the input channels of a 1x1 kernel."""

    def cycles(tiles: Tiles) -> float:
        total = 0.0
        for high in tiles.channels:
            for taps in tiles.columns:
                arithmetic = high.size * taps.size * registers.fma_cycles
                loads = (high.size + taps.size) * registers.load_cycles
                total += high.count * taps.count * (max(arithmetic, loads) + 1)
        return float(total * _VARIANT ** (len(tiles.channels) * len(tiles.columns)))

    taps = [split(inputs, wide) for wide in range(1, inputs + 1)] if kernel == 1 else [split(kernel, kernel)]
    fitting = [
        Tiles(split(channels, high), columns)
        for high in range(1, channels + 1)
        for columns in taps
        if high * columns[0].size <= registers.sums and (high + 1) * columns[0].size + 1 <= registers.total
    ]
    return min(fitting, key=cycles)
