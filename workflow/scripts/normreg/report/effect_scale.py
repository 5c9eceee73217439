"""What all pictures of effects share: the axis, the zone of the margin, and which effects stand out.

This module imports no matplotlib: the landing page of the report is made without it.
"""

import numpy as np
import pandas as pd

from normreg.analysis.quantities import CROSS_ENTROPY, PERCENT, Quantity
from normreg.analysis.verdicts import EffectVerdict

INK = "#333333"
ZONE = "#dde8d7"  # differences that count as none
# Verdicts of a difference that was found. Their points are filled.
FOUND = set(EffectVerdict) - {
    EffectVerdict.DIVERGED,
    EffectVerdict.TOO_FEW,
    EffectVerdict.NO_SPREAD,
    EffectVerdict.EQUIVALENT,
    EffectVerdict.UNDECIDED,
}
_LEAST_SPAN = {PERCENT: 0.2, CROSS_ENTROPY: 0.002}  # an axis spans at least this, by unit
_VISIBLE = 0.02  # share of the axis below which the zone of the margin cannot be seen


def limits(rows: pd.DataFrame, quantity: Quantity) -> tuple[float, float]:
    """Ends of an axis: it has 0, the zone of the margin and all values, and else no more room than it needs."""
    margin = rows["margin"].iloc[0]
    values = np.append(rows[["difference", "low", "high"]].to_numpy(float).ravel(), [-margin, margin])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = max(0.05 * (high - low), (_LEAST_SPAN[quantity.unit] - (high - low)) / 2)
    return low - room, high + room


def too_narrow(margin: float, low: float, high: float) -> str:
    """A note if the zone cannot be seen on an axis from `low` to `high`, else an empty text."""
    return f"the margin of ±{margin:g} is too narrow to see here" if 2 * margin < _VISIBLE * (high - low) else ""
