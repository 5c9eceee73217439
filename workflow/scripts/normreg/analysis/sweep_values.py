"""The values of sweeps: as texts, and as places on an axis."""

from typing import Any

import numpy as np


def place(value: Any, train_images: int) -> float | None:
    """Where a value stands on an axis. "all" is its number of images, another text has no place."""
    if value == "all":
        return float(train_images)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def write(value: Any) -> str:
    """A value of a sweep as tables and axes show it: "1e-4", "0.03", "5,000", "all"."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if 0 < abs(value) < 0.01:
        return np.format_float_scientific(value, trim="-", exp_digits=1)
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
