"""The files of which the page is made. Python only puts them together: there is no build step and no foreign script."""

import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent
_CURVES, _MISTAKES = ("scales.js", "curves.js", "legend.js"), ("filters.js", "tiles.js", "detail.js")
# In this order they are one script.
SCRIPTS = ("explorer.js", *_CURVES, *_MISTAKES, "panels.js", "responses.js", "start.js")
FILES = ("explorer.html", "explorer.css", *SCRIPTS)


def read(name: str) -> str:
    """The text of one of the files."""
    return (FOLDER / name).read_text(encoding="utf-8")


def script() -> str:
    """All scripts as one, in strict mode. Their names stay inside a function."""
    return "(() => {\n" + '"use strict";\n' + "\n".join(read(name) for name in SCRIPTS) + "})();\n"


def digest() -> str:
    """A digest of all files. It is a param of the rule, so that an edited file makes the page again."""
    return hashlib.sha256("".join(map(read, FILES)).encode()).hexdigest()[:16]
