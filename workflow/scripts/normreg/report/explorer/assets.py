"""The files of which the page is made. Python only puts them together: there is no build step and no foreign script."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

TEMPLATE, STYLE = "explorer.html", "explorer.css"
# Parts of the template that only studies with sweeps have: the choice of the view, the view, its tables.
TAB, RESPONSES, TABLES = "responses_tab.html", "responses.html", "responses_tables.html"
_RESPONSES = ("panels.js", "responses.js")
# In this order they are one script.
_CURVES, _MISTAKES = ("scales.js", "curves.js", "legend.js"), ("filters.js", "tiles.js", "detail.js")
SCRIPTS = ("explorer.js", *_CURVES, *_MISTAKES, *_RESPONSES, "start.js")
FILES = (TEMPLATE, TAB, RESPONSES, TABLES, STYLE, *SCRIPTS)
_FOLDER = Path(__file__).parent


def read(name: str) -> str:
    """The text of one of the files."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def fill(name: str, parts: Mapping[str, str]) -> str:
    """One of the files with `parts` in their places. One pass, so text in a part is never taken for a place."""
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], read(name))


def script() -> str:
    """All scripts as one, in strict mode. Their names stay inside a function."""
    return "(() => {\n" + '"use strict";\n' + "\n".join(read(name) for name in SCRIPTS) + "})();\n"


def digest() -> str:
    """A digest of all files. It is a param of the rule, so that an edited file makes the page again."""
    return hashlib.sha256("".join(map(read, FILES)).encode()).hexdigest()[:16]
