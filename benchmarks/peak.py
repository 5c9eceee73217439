"""What a machine can do at most, to compare other times with."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

GEMM = 1024  # rows and columns of the matrices
ROUNDS = 2_000_000  # of multiply-adds, some milliseconds
REPEATS = 6  # the first one is a warm-up


def peak(device: str) -> float:
    """GFLOP/s of `multiply_adds` on a CPU, and of `gemm` on a GPU."""
    return multiply_adds() if device == "cpu" else gemm(device)


def peak_label(device: str) -> str:
    """What `peak` measures."""
    return "multiply-adds in registers" if device == "cpu" else f"float32 {GEMM}^3 matrix product"


def gemm(device: str) -> float:
    """GFLOP/s of a float32 product of two matrices by PyTorch."""
    import torch

    a, b = torch.rand(2, GEMM, GEMM, device=device)
    return 2 * GEMM**3 / _fastest(lambda: (a @ b)[0, 0].item()) / 1e9  # .item() waits for a GPU


def multiply_adds() -> float:
    """GFLOP/s of float32 multiply-adds in the registers of one core: no code can do more.

    A product of matrices is no such limit, because a library may not use all that a processor has. On an AMD EPYC
    (Zen 5) that of PyTorch reaches 0.4 of it.
    """
    import numpy as np

    from normreg.engines.numba_cpu.machine import LANES

    count = 12  # enough to hide their latency, few enough for the registers
    run = chains(count)
    memory = np.full((2 + count) * LANES, 0.5, dtype=np.float32).view(np.uint8)  # x = x / 2 + 1 / 2 stays in range
    return 2 * LANES * count * ROUNDS / _fastest(lambda: run(memory, ROUNDS)) / 1e9


@cache
def chains(count: int) -> Any:
    """A function (memory, rounds): `count` vectors x, each x = x * first vector + second vector in each round."""
    from llvmlite import ir
    from numba import njit, types
    from numba.core import cgutils
    from numba.extending import intrinsic

    from normreg.engines.numba_cpu.machine import LANES
    from normreg.engines.numba_cpu.vectors import FLOATS, VECTOR, load_at, multiply_add, pointer, store_at

    def emit(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        numbers, rounds = values
        places = [ir.Constant(ir.IntType(64), k * LANES) for k in range(2 + count)]
        factor, term, *starts = (load_at(builder, numbers, place) for place in places)
        variables = [cgutils.alloca_once(builder, VECTOR) for _ in starts]
        for variable, start in zip(variables, starts, strict=True):
            builder.store(start, variable)
        with cgutils.for_range(builder, rounds):
            for variable in variables:
                builder.store(multiply_add(builder, builder.load(variable), factor, term), variable)
        for variable, place in zip(variables, places[2:], strict=True):
            store_at(builder, numbers, place, builder.load(variable))
        return context.get_dummy_value()

    @intrinsic
    def add(_: Any, numbers: Any, rounds: Any) -> Any:
        return types.void(FLOATS, types.int64), emit

    @njit
    def run(memory: Any, rounds: int) -> None:
        add(pointer(memory, 0), rounds)

    return run


def _fastest(work: Callable[[], Any]) -> float:
    """Seconds of the fastest of some calls."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times[1:])
