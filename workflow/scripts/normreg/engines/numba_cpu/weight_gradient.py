"""The gradient of a convolution's weights, for one block of images.

gradient[o][i][p][q] += sum over rows y and columns x of output_gradient[o][y][x] * input[i][y + p][x + q]. Each
lane has its own sum until the end of the batch. A tile has the sums of some output channels and some taps. The taps
are one kernel row of one input channel, or some input channels of a 1x1 convolution.
"""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from normreg.engines.numba_cpu.convolution import INDEX, Shape, integer, tile_loop
from normreg.engines.numba_cpu.machine import LANES
from normreg.engines.numba_cpu.tiles import Run, Tiles
from normreg.engines.numba_cpu.vectors import FLOATS, VECTOR, load_at, multiply_add, store_at

_NEAR_CACHE = 24_576  # bytes of output gradient that stay in the first-level cache while all inputs are read


class _Gradient:
    """Emits one weight gradient into a function under construction."""

    def __init__(self, builder: Any, shape: Shape, pointers: list[Any]) -> None:
        self.builder, self.shape = builder, shape
        self.input, self.output_gradient, self.sums = pointers
        self.halo = shape.kernel - 1 - shape.halo  # zeros around the output gradient; only the input gradient uses them
        self.width = shape.size + 2 * self.halo

    def emit(self, tiles: Tiles) -> None:
        b, shape = self.builder, self.shape
        row_bytes = tiles.channels[0].size * shape.size * LANES * 4
        rows = max(1, min(shape.size, _NEAR_CACHE // row_bytes))
        with cgutils.for_range(b, integer(-(-shape.size // rows)), intp=INDEX) as group:
            first = b.mul(group.index, integer(rows))
            end = b.add(first, integer(rows))
            end = b.select(b.icmp_signed("<", end, integer(shape.size)), end, integer(shape.size))
            for high in tiles.channels:
                with tile_loop(b, high) as channel:
                    self._taps(channel, high, tiles.columns, (first, end))

    def _taps(self, channel: Any, high: Run, columns: tuple[Run, ...], rows: tuple[Any, Any]) -> None:
        """Goes through all inputs for the output channels of a tile."""
        b, shape = self.builder, self.shape
        if shape.kernel == 1:
            for run in columns:
                with tile_loop(b, run) as source:
                    start = b.mul(source, integer(shape.side**2))
                    self._tile(channel, high.size, run.size, start, source, rows)
            return
        with cgutils.for_range(b, integer(shape.inputs), intp=INDEX) as source:  # noqa: SIM117  two loops
            with cgutils.for_range(b, integer(shape.kernel), intp=INDEX) as kernel_row:
                start = b.add(b.mul(source.index, integer(shape.side)), kernel_row.index)
                weight = b.add(b.mul(source.index, integer(shape.kernel)), kernel_row.index)
                self._tile(
                    channel,
                    high.size,
                    shape.kernel,
                    b.mul(start, integer(shape.side)),
                    b.mul(weight, integer(shape.kernel)),
                    rows,
                )

    def _tile(self, channel: Any, high: int, taps: int, start: Any, weight: Any, rows: tuple[Any, Any]) -> None:
        """Adds `rows` to the sums of one tile.

        The tile has `high` output channels from `channel` on, and `taps` weights from `weight` on.
        """
        b, shape = self.builder, self.shape
        area = shape.inputs * shape.kernel**2
        base = b.mul(b.add(b.mul(channel, integer(area)), weight), integer(LANES))
        places = [[b.add(base, integer(LANES * (k * area + t))) for t in range(taps)] for k in range(high)]
        variables = [[cgutils.alloca_once(b, VECTOR) for _ in range(taps)] for _ in range(high)]
        for place, variable in zip(_flat(places), _flat(variables), strict=True):
            b.store(load_at(b, self.sums, place), variable)
        with cgutils.for_range(b, rows[1], start=rows[0], intp=INDEX) as row:
            source = b.add(start, b.mul(row.index, integer(shape.side)))
            plane = b.mul(channel, integer(self.width**2))
            line = b.mul(b.add(row.index, integer(self.halo)), integer(self.width))
            target = b.add(b.add(plane, line), integer(self.halo))
            with cgutils.for_range(b, integer(shape.size), intp=INDEX) as column:
                self._accumulate(variables, b.add(source, column.index), b.add(target, column.index))
        for place, variable in zip(_flat(places), _flat(variables), strict=True):
            store_at(b, self.sums, place, b.load(variable))

    def _accumulate(self, variables: list[list[Any]], source: Any, target: Any) -> None:
        """Adds the products of one pixel to the sums."""
        b, shape = self.builder, self.shape
        step = shape.side**2 if shape.kernel == 1 else 1
        inputs = [
            load_at(b, self.input, b.mul(b.add(source, integer(t * step)), integer(LANES)))
            for t in range(len(variables[0]))
        ]
        for k, line in enumerate(variables):
            place = b.mul(b.add(target, integer(k * self.width**2)), integer(LANES))
            gradient = load_at(b, self.output_gradient, place)
            for value, variable in zip(inputs, line, strict=True):
                b.store(multiply_add(b, gradient, value, b.load(variable)), variable)


def _flat(lines: list[list[Any]]) -> list[Any]:
    return [item for line in lines for item in line]


def make_weight_gradient(shape: Shape, tiles: Tiles) -> Any:
    """A function (input, input_start, output_gradient, sums) for numba code. `shape` is that of the convolution.

    Arrays are given by their addresses. `output_gradient` holds one block, with `kernel - 1 - halo` zeros around each
    image. `sums` has a vector for each weight, in PyTorch's order. The function adds the sums of the block to it.
    """

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        source, start, gradient, sums = values
        _Gradient(builder, shape, [builder.gep(source, [start]), gradient, sums]).emit(tiles)
        return context.get_dummy_value()

    @intrinsic
    def accumulate(_: Any, source: Any, start: Any, gradient: Any, sums: Any) -> Any:
        return types.void(FLOATS, types.int64, FLOATS, FLOATS), emit

    return accumulate
