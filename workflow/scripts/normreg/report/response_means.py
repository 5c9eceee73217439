"""The plain means of all conditions of a sweep, as a learning curve."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from normreg.analysis import answer
from normreg.analysis.quantities import QUANTITIES
from normreg.report import axes as scales
from normreg.report import response_scale, style
from normreg.report.palette import NORM_STYLES, PENALTY_STYLES


def draw(axes: Axes, means: pd.DataFrame, key: str, inches: float) -> None:
    """Draws the mean accuracy of every condition; errors are on a log scale.

    Args:
        axes: `inches` wide.
        means: rows of the level "mean". That of a condition of which all runs diverged is unknown.
        key: the name of the axis of values.
        inches: see above.
    """
    quantity = next(QUANTITIES[name] for name in means["quantity"].unique() if QUANTITIES[name].percent)
    own = means[(means["quantity"] == quantity.key) & means["mean"].notna()]
    if own.empty:
        axes.set_axis_off()
        return
    for curve, rows in own.groupby("curve", sort=False):
        at, _ = response_scale.places(rows)
        first = rows.iloc[0]
        penalty, norm = PENALTY_STYLES[first["penalty"]], NORM_STYLES[first["norm"]]
        look: dict[str, Any] = {
            "color": penalty.color,
            "linestyle": norm.line,
            "marker": penalty.markers[0],
            "markersize": 5,
        }
        face = penalty.color if norm.filled else "white"
        name = answer.curve_name({**first.to_dict(), "curve": curve})
        axes.plot(at, rows["mean"], label=name, markerfacecolor=face, linewidth=1.4, **look)
    scales.use_error_scale(axes, quantity, own["mean"].to_numpy())
    first_curve = own[own["curve"] == own["curve"].iloc[0]]
    at, _ = response_scale.places(first_curve)
    axes.set_xticks(at, [str(value).split(" / ")[0] for value in first_curve["value"]])
    axes.set_title("all conditions", loc="left", size=10, weight="bold", pad=7)
    axes.set_xlabel(key)
    axes.set_ylabel(f"{quantity.label}\n{scales.scale_name(quantity)}", size=9)
    axes.legend(loc="center left", bbox_to_anchor=(1.0 + 0.12 / inches, 0.5), frameon=False, borderaxespad=0)
    axes.spines["left"].set_color(style.GREY)
