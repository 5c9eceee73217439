"""Convolutions of one block of images and their input gradients, as LLVM instructions for each shape.

Arrays are [channel][row][column][image]. Both directions compute the same sum, output[o][y][x] +=
weight[o][i][p][q] * input[i][y + p][x + q]. The zero padding of the input is in memory. The input gradient reads the
weights in another order: input and output channels are exchanged, and the kernel is turned by 180 degrees.

Python loops emit the instructions. So the loops over the channels and columns of a tile are unrolled, and the sums of
the tile are in registers. Loops over rows, tiles, input channels and kernel rows are loops in the machine code. Tiles
at an edge with padding have code of their own, which leaves out the padding.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from normreg.engines.numba_cpu.machine import LANES
from normreg.engines.numba_cpu.tiles import Run, Tiles
from normreg.engines.numba_cpu.vectors import (
    FLOAT,
    FLOATS,
    VECTOR,
    ZERO,
    load_at,
    multiply_add,
    rectify,
    spread,
    store_at,
)

INDEX = ir.IntType(64)


def integer(value: int) -> Any:
    """A constant index."""
    return ir.Constant(INDEX, value)


@dataclass(frozen=True)
class Shape:
    """The sizes of a convolution. Images and kernels are square.

    Attributes:
        inputs, outputs: number of channels.
        kernel: rows of the kernel.
        size: rows of the output. The input in memory has `size + kernel - 1` rows.
        halo: rows and columns of zeros at each edge of the input. Convolutions skip them.
        turned: True for an input gradient. Its weights are those of the forward convolution from `outputs` to `inputs`.
    """

    inputs: int
    outputs: int
    kernel: int
    size: int
    halo: int
    turned: bool = False

    @property
    def side(self) -> int:
        """Rows of the input in memory."""
        return self.size + self.kernel - 1

    @property
    def steps(self) -> tuple[int, int]:
        """Distance between two output channels in the weights, and between two input channels."""
        area = self.kernel**2
        return (area, self.outputs * area) if self.turned else (self.inputs * area, area)

    def tap(self, row: Any, column: int, builder: Any) -> Any:
        """Position of a weight within its kernel."""
        position = builder.add(builder.mul(row, integer(self.kernel)), integer(column))
        return builder.sub(integer(self.kernel**2 - 1), position) if self.turned else position


@contextmanager
def tile_loop(builder: Any, run: Run) -> Iterator[Any]:
    """Yields the first channel or column of each tile of a run."""
    with cgutils.for_range(builder, integer(run.count), intp=INDEX) as loop:
        yield builder.add(integer(run.start), builder.mul(loop.index, integer(run.size)))


class _Kernel:
    """Emits one convolution into a function under construction."""

    def __init__(self, builder: Any, shape: Shape, relu: bool, sums: bool, pointers: list[Any]) -> None:
        self.builder, self.shape, self.relu, self.sums = builder, shape, relu, sums
        self.input, self.weight, self.output, self.total, self.square = pointers

    def emit(self, tiles: Tiles) -> None:
        builder, shape = self.builder, self.shape
        with cgutils.for_range(builder, integer(shape.size), intp=INDEX) as rows:
            for high in tiles.channels:
                with tile_loop(builder, high) as channel:
                    for wide, used in self._runs(tiles.columns):
                        with tile_loop(builder, wide) as column:
                            sums = self._tile(rows.index, channel, column, high.size, used)
                            for k, values in enumerate(sums):
                                self._finish(rows.index, builder.add(channel, integer(k)), column, values)

    def _runs(self, runs: Sequence[Run]) -> Iterator[tuple[Run, list[bool]]]:
        """Runs of equal tiles, and which columns of the input such a tile reads. The others have only zeros."""
        shape = self.shape
        for run in runs:
            starts = [run.start + k * run.size for k in range(run.count)]
            reads = [
                [shape.halo <= start + k < shape.side - shape.halo for k in range(run.size + shape.kernel - 1)]
                for start in starts
            ]
            for used, group in groupby(range(run.count), key=reads.__getitem__):
                same = list(group)
                yield Run(starts[same[0]], run.size, len(same)), used

    def _kernel_rows(self, row: Any) -> tuple[Any, Any]:
        """The first and last kernel row (exclusive) for an output row. Other kernel rows would meet only zeros."""
        b, shape = self.builder, self.shape
        above = b.sub(integer(shape.halo), row)
        below = b.sub(integer(shape.side - shape.halo), row)
        first = b.select(b.icmp_signed(">", above, integer(0)), above, integer(0))
        last = b.select(b.icmp_signed("<", below, integer(shape.kernel)), below, integer(shape.kernel))
        return first, last

    def _tile(self, row: Any, channel: Any, column: Any, high: int, used: Sequence[bool]) -> list[list[Any]]:
        """The sums of a tile for each channel and column. `used` says which columns of the input it reads."""
        b, shape = self.builder, self.shape
        wide = len(used) - shape.kernel + 1
        variables = [[cgutils.alloca_once(b, VECTOR) for _ in range(wide)] for _ in range(high)]
        for variable in (v for line in variables for v in line):
            b.store(ZERO, variable)
        first, last = self._kernel_rows(row)
        with cgutils.for_range(b, integer(shape.inputs), intp=INDEX) as source:  # noqa: SIM117  two loops
            with cgutils.for_range(b, last, start=first, intp=INDEX) as kernel_row:
                line = b.add(b.mul(source.index, integer(shape.side)), b.add(row, kernel_row.index))
                start = b.mul(b.add(b.mul(line, integer(shape.side)), column), integer(LANES))
                inputs = [
                    load_at(b, self.input, b.add(start, integer(LANES * k))) if use else None
                    for k, use in enumerate(used)
                ]
                self._accumulate(variables, inputs, source.index, kernel_row.index, channel)
        return [[b.load(variable) for variable in line] for line in variables]

    def _accumulate(self, variables: list[list[Any]], inputs: list[Any], source: Any, row: Any, channel: Any) -> None:
        """Adds the products of one kernel row and one input channel to the sums."""
        b, shape = self.builder, self.shape
        output_step, input_step = shape.steps
        base = b.add(b.mul(channel, integer(output_step)), b.mul(source, integer(input_step)))
        for column in range(shape.kernel):
            first = b.add(base, shape.tap(row, column, b))
            for k, line in enumerate(variables):
                weight = spread(b, load_at(b, self.weight, b.add(first, integer(k * output_step)), FLOAT))
                for variable, value in zip(line, inputs[column:], strict=False):
                    if value is not None:
                        b.store(multiply_add(b, weight, value, b.load(variable)), variable)

    def _finish(self, row: Any, channel: Any, column: Any, values: list[Any]) -> None:
        """Stores one channel of a tile, and adds it to the channel's sums over the image."""
        b, size = self.builder, self.shape.size
        if self.relu:
            values = [rectify(b, value) for value in values]
        line = b.add(b.mul(b.add(b.mul(channel, integer(size)), row), integer(size)), column)
        start = b.mul(line, integer(LANES))
        for k, value in enumerate(values):
            store_at(b, self.output, b.add(start, integer(LANES * k)), value)
        if not self.sums:
            return
        total, square = values[0], b.fmul(values[0], values[0])
        for value in values[1:]:
            total, square = b.fadd(total, value), multiply_add(b, value, value, square)
        place = b.mul(channel, integer(LANES))
        for pointer, sum_ in ((self.total, total), (self.square, square)):
            store_at(b, pointer, place, b.fadd(load_at(b, pointer, place), sum_))


def make_convolution(shape: Shape, tiles: Tiles, relu: bool, sums: bool) -> Any:
    """A function (input, input_start, weight, output, output_start, totals, squares, sums_start) for numba code.

    It convolves one block. Arrays are given by their addresses. Starts are the positions of the block in its array,
    counted in floats. `weight` has the same layout as in PyTorch. With `relu` the output is rectified. With `sums` two
    vectors are computed for each output channel: the sum over the image and the sum of squares. They are added to
    `totals` and `squares`.
    """

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        source, source_start, weight, target, target_start, total, square, sums_start = values
        pointers = [
            builder.gep(source, [source_start]),
            weight,
            builder.gep(target, [target_start]),
            builder.gep(total, [sums_start]),
            builder.gep(square, [sums_start]),
        ]
        _Kernel(builder, shape, relu, sums, pointers).emit(tiles)
        return context.get_dummy_value()

    signature = types.void(FLOATS, types.int64, FLOATS, FLOATS, types.int64, FLOATS, FLOATS, types.int64)

    @intrinsic
    def convolve(
        _: Any, source: Any, at: Any, weight: Any, target: Any, to: Any, total: Any, square: Any, s: Any
    ) -> Any:
        return signature, emit

    return convolve
