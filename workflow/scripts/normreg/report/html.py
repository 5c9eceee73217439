"""Writes tables as small, self-contained HTML pages. A Snakemake report shows HTML pages, but only links to CSV."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from normreg.utils.files import replacing

TEMPLATES = jinja2.Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True)
_PAGE = TEMPLATES.from_string("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.2em; color: #1a1a1a; background: #fff; }
p { max-width: 60em; }
.table { overflow-x: auto; margin: 0.6em 0 1.6em; }
table { border-collapse: collapse; }
th, td { padding: 0.3em 0.6em; text-align: left; white-space: nowrap; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #444; vertical-align: bottom; white-space: normal; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
{{ style | safe }}</style></head>
<body>
<h1>{{ title }}</h1>
{% for text in paragraphs %}
<p>{{ text }}</p>
{% endfor %}
{% for heading, table in tables %}
{% if heading %}
<h2>{{ heading }}</h2>
{% endif %}
<div class="table" tabindex="0" role="region" aria-label="{{ heading or title }}">{{ table | safe }}</div>
{% endfor %}
</body></html>
""")
_TABLE = TEMPLATES.from_string("""<table>
<thead><tr>{% for name, side, _ in columns %}<th{{ side }}>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}
<tr>{% for _, side, cells in columns %}<td{{ side }}>{{ cells[row] }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table>
""")
_NUMBER = re.compile(r"[<>]? ?[+−-]?[\d,]*\.?\d+(e-?\d+)?( %)?|–?")


def write_table(table: pd.DataFrame) -> str:
    """One table as HTML, with a dash for a missing value. A column of nothing else is left out.

    Numbers stand at the right of their column, texts at the left.
    """
    columns = []
    for name, column in table.dropna(axis="columns", how="all").items():
        cells = ["–" if pd.isna(cell) else str(cell) for cell in column]
        numbers = all(map(_NUMBER.fullmatch, cells))
        columns.append((name, Markup(' class="number"') if numbers else "", cells))
    return _TABLE.render(columns=columns, rows=range(len(table)))


def write_page(
    path: str | Path, title: str, paragraphs: Iterable[str], tables: Mapping[str, pd.DataFrame], style: str = ""
) -> None:
    """Writes one page: a title, paragraphs of plain text, then each table under its heading ("" for no heading).

    Empty paragraphs and tables without rows are left out. Numbers are shown as they are: round and format the columns
    before the call. Missing values are shown as a dash. `style` is CSS that this page needs beside that of all pages.
    """
    written = [(heading, write_table(table)) for heading, table in tables.items() if len(table)]
    said = [text for text in paragraphs if text]
    save(path, _PAGE.render(title=title, paragraphs=said, tables=written, style=style))


def save(path: str | Path, page: str) -> None:
    """Writes a text as a file, completely or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
