"""Memory for the kernels: one piece, cut into aligned arrays with a guard zone on either side of each.

Kernels do not check bounds. The guards hold a bit pattern that is NaN when read as float32, so that a wrong position
poisons results or shows in `damaged`, and tests can tell.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

GUARD = 256  # bytes; a multiple of a cache line
_PATTERN = 0xFF  # four of them are a NaN
_STAGGER = 192  # bytes by which arrays' addresses differ beyond whole pages, so that they do not compete in the cache
_PAGE = 4096


class Arena:
    """Named arrays, zero at first. `arrays[name]` is a flat numpy array."""

    def __init__(self, requests: Mapping[str, tuple[int, Any]]) -> None:
        """`requests` gives the number of elements and the dtype of each array."""
        places, end = {}, 0
        for index, (name, (count, kind)) in enumerate(requests.items()):
            start = -(-end // _PAGE) * _PAGE + (index * _STAGGER + GUARD) % _PAGE
            start = start if start >= end + GUARD else start + _PAGE
            places[name] = (start, count * np.dtype(kind).itemsize)
            end = start + places[name][1] + GUARD
        raw = np.full(end + _PAGE, _PATTERN, dtype=np.uint8)
        first = -raw.ctypes.data % 64
        self._memory = raw[first : first + end]
        self._places = places
        self.arrays: dict[str, Any] = {}
        for name, (_, kind) in requests.items():
            start, size = places[name]
            self.arrays[name] = self._memory[start : start + size].view(kind)
            self.arrays[name][:] = 0

    def damaged(self) -> list[str]:
        """Names of the arrays next to which something was written."""
        names = []
        for name, (start, size) in self._places.items():
            before, after = self._memory[start - GUARD : start], self._memory[start + size : start + size + GUARD]
            if (before != _PATTERN).any() or (after != _PATTERN).any():
                names.append(name)
        return names
