"""The files of which the page is made. Python only puts them together: there is no build step and no foreign script."""

from pathlib import Path

from normreg.utils.digests import sha256

TEMPLATE, STYLE = "explorer.html", "explorer.css"
# In this order they are one script.
_CURVES, _MISTAKES = ("scales.js", "curves.js", "legend.js"), ("filters.js", "tiles.js", "detail.js")
SCRIPTS = ("explorer.js", *_CURVES, *_MISTAKES, "start.js")
_FOLDER = Path(__file__).parent


def read(name: str) -> str:
    """The text of one of the files."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def script() -> str:
    """All scripts as one, in strict mode. Their names stay inside a function."""
    return "(() => {\n" + '"use strict";\n' + "\n".join(read(name) for name in SCRIPTS) + "})();\n"


def digest() -> str:
    """A digest of all files. It is a param of the rule, so that an edited file makes the page again."""
    return sha256(*(read(name).encode() for name in (TEMPLATE, STYLE, *SCRIPTS)))[:16]
