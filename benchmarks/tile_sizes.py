"""Measures how much faster convolutions would be with other tiles than those that `tiles.py` chooses.

    .venv/bin/python benchmarks/tile_sizes.py [--networks hardayaleva5 ...] [--rounds 15]

Each convolution of a network, forward, and both gradients, runs alone on one block of 16 images, with all other tiles
that the same model of the processor prefers if fewer registers may hold sums. docs/engine.md shows a result.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import numpy as np
import recipes
from numba import njit, types
from table import Table

from normreg.engines.numba_cpu.convolution import Shape, make_convolution
from normreg.engines.numba_cpu.kernels import processor
from normreg.engines.numba_cpu.stages import Stage, make_stages
from normreg.engines.numba_cpu.tiles import LANES, Tiles, forward_tiles, gradient_tiles
from normreg.engines.numba_cpu.vectors import pointer
from normreg.engines.numba_cpu.weight_gradient import make_weight_gradient
from normreg.models.description import MNIST_LIKE
from normreg.models.networks import built_in

SECONDS = 0.002  # that a timed loop takes, about


def choices(choose: Callable[..., Tiles], *sizes: int) -> list[Tiles]:
    """The tiles that the engine uses, and then the others, without repeats."""
    registers = processor()
    fewer = [replace(registers, sums=sums) for sums in range(registers.sums, 3, -1)]
    return list(dict.fromkeys(choose(*sizes, own) for own in fewer))


def convolutions(stage: Stage, first: bool) -> Iterator[tuple[str, Shape, list[Tiles]]]:
    """Name, shape and tiles of a stage's convolutions. The first stage has no input gradient."""
    i, o, kernel = stage.inputs, stage.outputs, stage.kernel
    shape = Shape(i, o, kernel, stage.size, stage.padding)
    yield "forward", shape, choices(forward_tiles, o, stage.size, kernel)
    yield "weight gradient", shape, choices(gradient_tiles, o, i, kernel)
    if not first:
        turned = Shape(o, i, kernel, stage.input_size, stage.halo, turned=True)
        yield "input gradient", turned, choices(forward_tiles, i, stage.input_size, kernel)


def compiled(way: str, shape: Shape, tiles: Tiles) -> Callable[[int], None]:
    """A function that runs the convolution so many times, on arrays of ones.

    Every other time it reads the input from one vector further on, so that the compiler cannot leave out a repetition.
    """
    halo = shape.kernel - 1 - shape.halo
    sizes = [shape.inputs * shape.side**2, shape.outputs * (shape.size + 2 * halo) ** 2]
    sizes += [shape.inputs * shape.outputs * shape.kernel**2, shape.outputs, shape.outputs]
    starts = [4 * LANES * int(k) for k in np.cumsum([0, *(size + 1 for size in sizes)])]
    raw = np.ones(starts[-1] // 4 + LANES, dtype=np.float32)
    first = -raw.ctypes.data % 64 // 4  # at the start of a cache line, as in the engine
    memory = raw[first : first + starts[-1] // 4].view(np.uint8)
    source, target, weight, total, square = starts[:-1]
    if way == "weight gradient":
        accumulate = make_weight_gradient(shape, tiles)

        @njit(types.void(types.Array(types.uint8, 1, "C"), types.int64))
        def run(memory: Any, times: int) -> None:
            for k in range(times):
                accumulate(pointer(memory, source), k % 2 * LANES, pointer(memory, target), pointer(memory, weight))
    else:
        convolve = make_convolution(shape, tiles, False, way == "forward")

        @njit(types.void(types.Array(types.uint8, 1, "C"), types.int64))
        def run(memory: Any, times: int) -> None:
            for k in range(times):
                sums = pointer(memory, total), pointer(memory, square)
                weights = pointer(memory, weight)
                convolve(
                    pointer(memory, source), k % 2 * LANES, weights, pointer(memory, target), 0, sums[0], sums[1], 0
                )

    return lambda times: run(memory, times)


def measure(way: str, shape: Shape, tiles: Sequence[Tiles], rounds: int) -> list[float]:
    """Microseconds of the convolution with each of the tiles: medians of rounds in which they take turns."""
    runs = [compiled(way, shape, own) for own in tiles]
    flops = 2 * LANES * shape.outputs * shape.inputs * shape.kernel**2 * shape.size**2
    times = max(1, round(SECONDS * 1e11 / flops))
    found: list[list[float]] = [[] for _ in runs]
    for _ in range(1 + rounds):  # the first one is a warm-up
        for run, own in zip(runs, found, strict=True):
            started = time.perf_counter()
            run(times)
            own.append(1e6 * (time.perf_counter() - started) / times)
    return [statistics.median(own[1:]) for own in found]


def said(tiles: Tiles) -> str:
    """Channels x columns of the tiles, as in 5+5 x 4+4."""
    parts = [
        "+".join(str(run.size) for run in runs for _ in range(run.count)) for runs in (tiles.channels, tiles.columns)
    ]
    return " x ".join(parts)


def main() -> None:
    """Measures one network after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=recipes.NETWORKS, default=list(recipes.NETWORKS))
    parser.add_argument("--rounds", type=int, default=15, help=f"of {1e3 * SECONDS:.0f} milliseconds")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/tile_sizes.csv"))
    arguments = parser.parse_args()
    table = Table(arguments.out)
    for network in arguments.networks:
        where, chosen, best = ("tiles", network, f"{LANES} images"), 0.0, 0.0
        for index, stage in enumerate(make_stages(built_in(network), MNIST_LIKE)):
            for way, shape, tiles in convolutions(stage, index == 0):
                times = measure(way, shape, tiles, arguments.rounds)
                fastest = min(range(len(times)), key=times.__getitem__)
                chosen, best = chosen + times[0], best + times[fastest]
                label = f"{way} {index}: {shape.kernel}x{shape.kernel}, {shape.inputs}->{shape.outputs}, {shape.size}"
                table.value(where, label, f"chosen: {said(tiles[0])}", times[0], "us")
                table.value(where, label, f"fastest of {len(times)}: {said(tiles[fastest])}", times[fastest], "us")
        table.value(where, "all convolutions", "chosen", chosen, "us")
        table.value(where, "all convolutions", "fastest", best, "us")
        table.value(where, "all convolutions", "faster by", chosen / best, "x")


if __name__ == "__main__":
    main()
