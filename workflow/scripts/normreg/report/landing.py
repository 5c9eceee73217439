"""The landing page of the report: what came out in sentences, and a picture with a row for each effect of the accuracy.

It is HTML with inline SVG, which Snakemake lets through in `.. raw:: html`. Places along the axis are percentages and
all else is in pixels. So in a narrow window the axis is shorter, the texts wrap, and they stay as large as they are.
"""

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis import answer, summary
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.verdicts import Level
from normreg.config.factors import FACTORS
from normreg.report import effect_scale
from normreg.report.job import Job
from normreg.report.palette import factor_color
from normreg.utils.atomic import replacing

_STRIP, _AXIS = 22, 24  # heights of the strip of a row and of the axis, pixels
_MOST = 5  # numbers on the axis
_STEPS = (1, 2, 5, 10)
_FIGURE = f"font:14px/1.4 system-ui,sans-serif;color:{effect_scale.INK};background:#fff"
_TEXTS = "display:flex;flex-wrap:wrap;justify-content:space-between;column-gap:1em;margin-top:6px"


def picture(table: pd.DataFrame) -> str:
    """One line of HTML, from the table of `effects.estimate`. It is empty if no effect of the accuracy was measured.

    Each row has the name of the effect, its verdict, the difference, its 95 % interval and the zone of the margin. If
    runs diverged so that there is no difference, it has words alone.
    """
    effects = table[table["level"] == Level.EFFECT]
    rows = effects[[QUANTITIES[key].percent for key in effects["quantity"]]]
    if rows["difference"].isna().all():
        return ""
    quantity = QUANTITIES[rows["quantity"].iloc[0]]
    low, high = effect_scale.limits(rows, quantity)
    parts = [_row(row, low, high) for row in rows.to_dict("records")]
    parts.append(_svg(_AXIS, _axis(low, high)))
    caption = escape(_caption(rows, quantity, effect_scale.too_narrow(rows["margin"].iloc[0], low, high)))
    parts.append(f"<figcaption>{caption}</figcaption>")
    return f'<figure id="effects" style="{_FIGURE}">{"".join(parts)}</figure>'


def _svg(height: int, parts: list[str]) -> str:
    """A drawing as wide as the page. The texts say the same, so who hears the page does not miss it."""
    style = f"display:block;width:100%;height:{height}px"
    return f'<svg aria-hidden="true" style="{style}" fill="currentColor">{"".join(parts)}</svg>'


def _row(row: Mapping[Hashable, Any], low: float, high: float) -> str:
    """Name and verdict; below them zone, line of 0, interval and point."""

    def place(value: float) -> str:
        return f"{100 * (value - low) / (high - low):.2f}%"

    color, found, margin = factor_color(row["factor"]), row["verdict"] in effect_scale.FOUND, row["margin"]
    name, verdict = escape(answer.name_of(row)), escape(answer.verdict(row))
    words = f'<b style="color:{color}">{name}</b>{f"<b>{verdict}</b>" if found else f"<span>{verdict}</span>"}'
    zone = f"{200 * margin / (high - low):.2f}%"
    middle = _STRIP // 2
    parts = [
        f'<rect x="{place(-margin)}" y="2" width="{zone}" height="{_STRIP - 4}" fill="{effect_scale.ZONE}"/>',
        _line(place(0), 2, _STRIP - 2),
    ]
    if not pd.isna(row["low"]):
        ends = f'x1="{place(row["low"])}" x2="{place(row["high"])}"'
        parts.append(f'<line {ends} y1="{middle}" y2="{middle}" stroke="{color}" stroke-width="3"/>')
    if not pd.isna(row["difference"]):
        parts.append(_diamond(place(row["difference"]), middle, color, found))
    return f'<div><div style="{_TEXTS}">{words}</div>{_svg(_STRIP, parts)}</div>'


def _diamond(place: str, middle: int, color: str, filled: bool) -> str:
    shape = f'd="M0-6L6 0L0 6L-6 0Z" fill="{color if filled else "#fff"}" stroke="{color}" stroke-width="2"'
    return f'<svg x="{place}" y="{middle}" overflow="visible"><path {shape}/></svg>'


def _line(place: str, top: int, bottom: int) -> str:
    return f'<line x1="{place}" x2="{place}" y1="{top}" y2="{bottom}" stroke="#6b6b6b"/>'


def _axis(low: float, high: float) -> list[str]:
    """Round numbers along the axis, without those that would stand out over its ends."""
    parts = []
    for value in _round_numbers(low, high):
        share = (value - low) / (high - low)
        text = f"{value:+g}".replace("-", "−") if value else "0"
        if min(share, 1 - share) >= 0.012 * (1 + len(text)):
            parts.append(_line(f"{100 * share:.2f}%", 0, 4))
            parts.append(f'<text x="{100 * share:.2f}%" y="{_AXIS - 6}" text-anchor="middle">{text}</text>')
    return parts


def _round_numbers(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, at most `_MOST`."""
    power = 10.0 ** np.floor(np.log10((high - low) / _MOST))
    step = next(power * each for each in _STEPS if (high - low) / (power * each) <= _MOST)
    return [round(float(k * step), 10) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _caption(rows: pd.DataFrame, quantity: Quantity, narrow: str) -> str:
    """How to read the picture."""
    margin = f"{rows['margin'].iloc[0]:g} {quantity.difference_unit}"
    side = "right" if quantity.better_up else "left"
    parts = [f"Difference in {quantity.heading}, in {quantity.difference_unit}; {side} of 0 is better."]
    if rows["low"].notna().any():
        parts.append("Line: 95 % interval.")
    parts.append(
        f"Green: within the margin of {margin}, which counts as no difference{f' ({narrow})' if narrow else ''}."
    )
    if rows["verdict"].isin(list(effect_scale.FOUND)).any():
        parts.append("Filled: a difference was found.")
    return " ".join(parts)


def make(job: Job) -> None:
    """`landing.fragment`: the beginning of the report's first page, which includes it."""
    parts = [f"<h1>{escape(job.title)}</h1>"]
    usual = {contrast.factor for contrast in job.contrasts} <= set(FACTORS)
    question = "Does L1, L2 or ghost batch normalisation (GBN) help" if usual else "What does each setting change"
    parts.append(f"<p><strong>{question}, and by how much?</strong></p>")
    sentences = list(filter(None, [summary.diverged(job.summary)]))
    if job.sweeps:
        sentences += answer.read_responses(job.folder, job.identity)
    if job.contrasts:
        table = answer.read(job.folder / "effects.csv", job.identity)
        sentences += answer.sentences(table)
        parts.append(picture(table))
    parts.append(f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>" if sentences else "")
    seeds = len({run["seed"] for run in job.runs})
    if seeds < 3:
        parts.append(
            "<p>With fewer than three seeds no effect can be told from chance. Add seeds; finished ones are kept: "
            "<code>snakemake --cores 4 --resources gpu=1 --config seeds=5</code>, with this run's other keys.</p>"
        )
    facts = job.params.landing
    if facts["comparison"]:
        parts.append(f"<p>{escape(facts['comparison'])}</p>")
    parts.append(f"<p><em>Validation</em> is {escape(facts['validation'])}.</p>")
    with replacing(job.folder / "landing.fragment") as temporary:
        temporary.write_text("\n".join(part for part in parts if part) + "\n", encoding="utf-8")
