"""Writes tables as small, self-contained HTML pages. A Snakemake report shows HTML pages, but only links to CSV."""

from html import escape
from pathlib import Path

import pandas as pd

from normreg.utils.atomic import replacing

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.2em; color: #1a1a1a; background: #fff; }
p { max-width: 60em; }
table { border-collapse: collapse; margin: 0.6em 0 1.6em; }
th, td { padding: 0.3em 0.6em; text-align: right; white-space: nowrap; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #444; vertical-align: bottom; white-space: normal; }
th.row_heading, td:first-child, th:first-child { text-align: left; }
"""


def write_table(table: pd.DataFrame) -> str:
    """One table as HTML, with a dash for a missing value."""
    shown = table.astype(object).where(table.notna(), "–")  # `na_rep` of to_html does not replace None
    return str(shown.to_html(index=False, border=0, justify="unset"))


def write_page(
    path: str | Path, title: str, paragraphs: list[str], tables: dict[str, pd.DataFrame], style: str = ""
) -> None:
    """Writes one page: a title, paragraphs of plain text, then each table under its heading ("" for no heading).

    Numbers are shown as they are: round and format the columns before the call. Missing values are shown as a dash.
    `style` is CSS that this page needs beside that of all pages.
    """
    parts = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(text)}</p>" for text in paragraphs)]
    for heading, table in tables.items():
        if heading:
            parts.append(f"<h2>{escape(heading)}</h2>")
        parts.append(write_table(table))
    page = f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    page += '<meta name="viewport" content="width=device-width">'
    page += f"<style>{_STYLE}{style}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
