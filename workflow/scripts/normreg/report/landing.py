"""The landing page of the report: what came out in sentences, and a picture with a row for each effect of the accuracy.

It is HTML with inline SVG, which Snakemake lets through in `.. raw:: html`. Places along the axis are percentages and
all else is in pixels. So in a narrow window the axis is shorter, the texts wrap, and they stay as large as they are.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.ticker import MaxNLocator

from normreg.analysis import answer, plan, summary
from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.analysis.verdicts import EffectVerdict, Level
from normreg.config.factors import FACTORS
from normreg.report import effects_figure, html, style
from normreg.report.job import Job
from normreg.report.palette import factor_color

# The texts say what the drawings show, so who hears the page does not miss it.
_PICTURE = html.TEMPLATES.from_string("""
{% macro svg(height) %}
<svg aria-hidden="true" style="display:block;width:100%;height:{{ height }}px" fill="currentColor">{{ caller() }}</svg>
{% endmacro %}
<figure id="effects" style="font:14px/1.4 system-ui,sans-serif;color:{{ ink }};background:#fff">
{% for row in rows %}
  {% set weight = "b" if row.found else "span" %}
  {% set face = row.color if row.found else "#fff" %}
  <div><div style="display:flex;flex-wrap:wrap;justify-content:space-between;column-gap:1em;margin-top:6px">
  <b style="color:{{ row.color }}">{{ row.name }}</b><{{ weight }}>{{ row.verdict }}</{{ weight }}></div>
  {% call svg(22) %}
    <rect x="{{ row.zone }}" y="2" width="{{ row.wide }}" height="18" fill="{{ zone }}"/>
    <line x1="{{ row.zero }}" x2="{{ row.zero }}" y1="2" y2="20" stroke="#6b6b6b"/>
    {% if row.low_new_images %}
      <line x1="{{ row.low_new_images }}" x2="{{ row.high_new_images }}" y1="11" y2="11" stroke="{{ row.color }}"/>
    {% endif %}
    {% if row.low %}
      <line x1="{{ row.low }}" x2="{{ row.high }}" y1="11" y2="11" stroke="{{ row.color }}" stroke-width="4"/>
    {% endif %}
    {% if row.difference %}
      <svg x="{{ row.difference }}" y="11" overflow="visible">
      <path d="M0-6L6 0L0 6L-6 0Z" fill="{{ face }}" stroke="{{ row.color }}" stroke-width="2"/></svg>
    {% endif %}
  {% endcall %}
  </div>
{% endfor %}
{% call svg(24) %}
  {% for place, text in numbers %}
    <line x1="{{ place }}" x2="{{ place }}" y1="0" y2="4" stroke="#6b6b6b"/>
    <text x="{{ place }}" y="18" text-anchor="middle">{{ text }}</text>
  {% endfor %}
{% endcall %}
<figcaption>{{ caption }}</figcaption>
</figure>""")
_PAGE = html.TEMPLATES.from_string("""<h1>{{ title }}</h1>
<p><strong>{{ question }}, and by how much?</strong></p>
{% if picture %}
{{ picture | safe }}
{% endif %}
{% if sentences %}
<ul>{% for sentence in sentences %}<li>{{ sentence }}</li>{% endfor %}</ul>
{% endif %}
{% if plan %}
<p>{{ plan }}</p>
{% endif %}
{% if seeds < (planned or 3) %}
<p>{% if seeds < 3 %}With fewer than three seeds no effect can be told from chance. {% endif %}
{% if planned %}The study plans {{ planned }} seeds, and this report has {{ seeds }}. {% endif %}
Add seeds, finished ones are kept: <code>{{ command }}</code></p>
{% endif %}
{% if comparison %}
<p>{{ comparison }}</p>
{% endif %}
<p><em>Validation</em> is {{ validation }}.</p>
""")


def picture(table: pd.DataFrame) -> str:
    """One line of HTML, from the table of `effects.estimate`. It is empty if no effect was measured.

    Each row has the name of the effect, its verdict, the difference, its 95 % interval and the zone of the margin. If
    runs diverged so that there is no difference, it has words alone.
    """
    effects = table[table["level"] == Level.EFFECT]
    rows = effects[effects["quantity"].isin(effects["quantity"].head(1))]
    if rows["difference"].isna().all():
        return ""
    quantity = QUANTITIES[rows["quantity"].iloc[0]]
    low, high = effects_figure.limits(rows, quantity)
    drawn = _PICTURE.render(
        rows=[_row(row, effects, low, high) for row in rows.to_dict("records")],
        numbers=_numbers(low, high),
        caption=_caption(rows, quantity, effects_figure.too_narrow(rows["margin"].iloc[0], low, high)),
        ink=style.INK,
        zone=effects_figure.ZONE,
    )
    return "".join(line.strip() for line in drawn.splitlines())  # docutils would end the HTML at an indent


def _row(row: Mapping[Any, Any], effects: pd.DataFrame, low: float, high: float) -> dict[str, Any]:
    """The words of an effect, its colour, and its places on the axis from `low` to `high`.

    `effects` has it and the others, of all quantities. One that is not judged has no colour.
    """

    def place(value: float) -> str:
        return "" if pd.isna(value) else f"{100 * (value - low) / (high - low):.2f}%"

    judged = row["verdict"] != EffectVerdict.TOO_FEW
    return {
        "name": answer.name_of(row),
        "verdict": _verdicts(row, effects) if judged else answer.verdict(row),
        "found": row["verdict"] in effects_figure.FOUND,
        "color": factor_color(row["factor"]) if judged else style.GREY,
        "zone": place(-row["margin"]),
        "wide": place(low + 2 * row["margin"]),
        "zero": place(0),
        **{end: place(row[end]) for end in ("low", "high", "low_new_images", "high_new_images", "difference")},
    }


def _verdicts(row: Mapping[Any, Any], effects: pd.DataFrame) -> str:
    """The verdict of each quantity: "accuracy: undecided; loss: better"."""
    same = [own for own in effects.to_dict("records") if answer.name_of(own) == answer.name_of(row)]
    texts = {
        QUANTITIES[own["quantity"]].margin.replace("_", " "): answer.verdict(own) + answer.new_verdict(own)
        for own in same
    }
    return "; ".join(f"{name}: {text}" for name, text in texts.items() if text)


def _numbers(low: float, high: float) -> list[tuple[str, str]]:
    """Round numbers with their places along the axis, without those that would stand out over its ends."""
    found = []
    for value in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high):
        share = (value - low) / (high - low)
        text = f"{value:+.10g}".replace("-", "−") if abs(value) > 1e-9 * (high - low) else "0"
        if min(share, 1 - share) >= 0.012 * (1 + len(text)):
            found.append((f"{100 * share:.2f}%", text))
    return found


def _caption(rows: pd.DataFrame, quantity: Quantity, narrow: str) -> str:
    """How to read the picture."""
    margin = f"{rows['margin'].iloc[0]:g} {quantity.difference_unit}"
    side = "right" if quantity.better_up else "left"
    parts = [f"Difference in {quantity.heading}, in {quantity.difference_unit}; {side} of 0 is better."]
    if rows["low"].notna().any():
        thin = "; thin: on new test images too." if rows["low_new_images"].notna().any() else "."
        parts.append(f"Thick line: 95 % interval if networks are trained again{thin}")
    parts.append(
        f"Green: within the margin of {margin}, which counts as no difference{f' ({narrow})' if narrow else ''}."
    )
    if rows["verdict"].isin(list(effects_figure.FOUND)).any():
        parts.append("Filled: a difference was found.")
    return " ".join(parts)


def make(job: Job) -> None:
    """`landing.fragment`: the beginning of the report's first page, which includes it."""
    sentences = [summary.diverged(job.summary), summary.alike(job.summary)]
    rules = job.params.rules
    planned = rules["planned_seeds"]
    if job.sweeps:
        sentences += answer.read_responses(job.folder, job.identity)
    drawn = ""
    usual = {contrast.factor for contrast in job.contrasts} <= set(FACTORS)
    if job.contrasts:
        table = answer.read(job.folder / "effects.csv", job.identity)
        sentences += answer.sentences(table)
        drawn = picture(table)
    sentences.append(plan.margin_note(rules["margin"], job.spec.test_images) if drawn else "")
    page = _PAGE.render(
        title=job.title,
        question="Does L1, L2 or ghost batch normalisation (GBN) help" if usual else "What does each setting change",
        picture=drawn,
        sentences=[sentence for sentence in sentences if sentence],
        seeds=len({run["seed"] for run in job.runs}),
        planned=planned,
        command=f"{job.params.landing['command']} seeds={planned or 5}",
        plan=job.params.landing["plan"],
        comparison=job.params.landing["comparison"],
        validation=job.params.landing["validation"],
    )
    html.save(job.folder / "landing.fragment", page)
