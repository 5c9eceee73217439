"""Takes the arrays of a stage out of the engine's memory, inside kernels. Numba code.

All kernels get the same arguments, so that `steps` can call any of them: the whole memory, and the table of the places
of all arrays in it.
"""

from typing import Any

import numpy as np

from normreg.engines.numba_cpu.machine import LANES, MASKS
from normreg.engines.numba_cpu.transfer import inlined
from normreg.engines.numba_cpu.vectors import store, zero

# The arrays of a stage, in the order of the table. `memory.Memory` says what most of them are.
NAMES = (
    *("source", "output", "masks", "scale", "shift", "choice", "gradient", "slope", "pull", "offset", "local"),
    *("totals", "squares", "products", "weight", "weight_gradient", "weight_sums", "norm_weight", "norm_bias"),
    *("norm_gradients", "running_mean", "running_variance", "mean", "rstd", "logits", "scratch"),
)


def taking(stage: int | str, names: str, prefix: str = "") -> list[str]:
    """Lines of source that find arrays of a stage in `memory`. `stage` is a number, or the name of one."""
    return [f"{prefix}{name} = pointer(memory, places[{stage}, {NAMES.index(name)}, 0])" for name in names.split(", ")]


@inlined
def clear(array: Any, vectors: int) -> None:
    """Sets the first `vectors` vectors after an address to 0."""
    for k in range(vectors):
        store(array, k * LANES, zero())


@inlined
def floats(memory: Any, places: Any, stage: int, name: int) -> Any:
    """A flat float32 array. `places` (stages, names, 2) has the first byte of each array, and the first after it."""
    return memory[places[stage, name, 0] : places[stage, name, 1]].view(np.float32)


@inlined
def words(memory: Any, places: Any, stage: int, name: int) -> Any:
    """A flat array of `MASKS`, see `floats`."""
    return memory[places[stage, name, 0] : places[stage, name, 1]].view(MASKS)


@inlined
def doubles(memory: Any, places: Any, stage: int, name: int) -> Any:
    """A flat float64 array, see `floats`."""
    return memory[places[stage, name, 0] : places[stage, name, 1]].view(np.float64)
