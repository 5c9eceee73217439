"""Memory for the kernels: one piece that holds all arrays, with a guard zone on both sides of each array.

Kernels do not check bounds. A guard zone holds a bit pattern that is NaN as float32. So if a kernel reads there, its
results become NaN. If it writes there, `damaged` names the array. So tests can notice both.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

GUARD = 256  # bytes; a multiple of a cache line
_PATTERN = 0xFF  # four such bytes are a NaN
_STAGGER = 192  # bytes between the places of arrays within their pages, so that they do not compete in the cache
_PAGE = 4096


class Arena:
    """Named arrays, filled with 0 at first. `arrays[name]` is a flat numpy array. `memory` has the bytes of all."""

    def __init__(self, requests: Mapping[str, tuple[int, Any]]) -> None:
        """`requests` has the number of elements and the dtype of each array."""
        places, end = {}, 0
        for index, (name, (count, kind)) in enumerate(requests.items()):
            start = -(-end // _PAGE) * _PAGE + (index * _STAGGER + GUARD) % _PAGE
            start = start if start >= end + GUARD else start + _PAGE
            places[name] = (start, count * np.dtype(kind).itemsize)
            end = start + places[name][1] + GUARD
        raw = np.full(end + _PAGE, _PATTERN, dtype=np.uint8)
        first = -raw.ctypes.data % 64
        self.memory = raw[first : first + end]
        self._places = places
        self.arrays: dict[str, Any] = {}
        for name, (_, kind) in requests.items():
            start, size = places[name]
            self.arrays[name] = self.memory[start : start + size].view(kind)
            self.arrays[name][:] = 0

    def place(self, array: Any) -> tuple[int, int]:
        """The first byte of an array in `memory`, or of a part of one, and the first byte after it."""
        start = array.ctypes.data - self.memory.ctypes.data
        return start, start + array.nbytes

    def damaged(self) -> list[str]:
        """Names of the arrays whose guard zones were overwritten."""
        names = []
        for name, (start, size) in self._places.items():
            before, after = self.memory[start - GUARD : start], self.memory[start + size : start + size + GUARD]
            if (before != _PATTERN).any() or (after != _PATTERN).any():
                names.append(name)
        return names
