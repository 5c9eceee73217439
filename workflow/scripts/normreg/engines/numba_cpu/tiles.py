"""How the kernels cut their work so that the sums under way stay in registers.

A forward tile is some output channels by some neighbouring columns, a vector of 16 images each: it reads
`columns + kernel - 1` inputs and `channels * kernel` weights for `channels * columns * kernel` multiply-adds. A tile of
the weight gradient is some output channels by some taps (the columns of a kernel row, or input channels of a 1x1).
"""

from dataclasses import dataclass
from functools import cache

from normreg.engines.numba_cpu.errors import UnsupportedError

LANES = 16  # images of a block, and numbers of a vector
_OVERHEAD = 6  # cycles of a step of the innermost loop besides its arithmetic; measured, roughly
_VARIANT = 1.02  # what a second size of tile must gain, for it takes as long to compile as the first


@dataclass(frozen=True)
class Registers:
    """What a kind of processor has room for, in vectors of 16 floats."""

    name: str
    total: int  # registers
    sums: int  # of them for sums at most; the rest may come from memory
    fma_cycles: float  # per vector
    load_cycles: float


AVX512 = Registers("avx512", total=32, sums=28, fma_cycles=1.0, load_cycles=1.0)
AVX2 = Registers("avx2", total=12, sums=6, fma_cycles=1.0, load_cycles=0.7)


def choose_registers(features: dict[str, bool]) -> Registers:
    """By the processor's features as LLVM names them.

    Raises:
        UnsupportedError: without AVX2 and FMA.
    """
    if features.get("avx512f"):
        return AVX512
    if features.get("avx2") and features.get("fma"):
        return AVX2
    raise UnsupportedError("this processor has neither AVX-512 nor AVX2 with FMA")


@dataclass(frozen=True)
class Run:
    """`count` tiles of one size, side by side from `start`."""

    start: int
    size: int
    count: int


def split(total: int, largest: int) -> tuple[Run, ...]:
    """`total` in as few parts of at most `largest` as there can be, sizes differing by 1 at most, larger ones first."""
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
    """The cheapest tiles for a convolution to `channels` x `columns` x `columns`."""

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
    """The cheapest tiles for a weight gradient: taps are the kernel's columns, or input channels of a 1x1."""

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
