"""The documentation as a site: the Markdown files of this project, and the library's API from its docstrings.

`make docs` builds it. Every warning is an error: a broken link, an unknown anchor, a document in no menu.
"""

import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

project = "normreg"
root_doc = "README"
include_patterns = ["*.md", "config/*.md", "results/README.md", "benchmarks/*.md", "docs/*.md", "docs/site/*.md"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

myst_heading_anchors = 4
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
default_role = "code"

html_theme = "furo"
html_title = "normreg"
html_extra_path = ["index.html"]
html_show_copyright = False
html_copy_source = False

# The menu. The README has links, and no list that GitHub would show as code.
MENU = {
    "Begin": ["docs/tour", "docs/extend", "docs/exercise", "docs/glossary", "docs/troubleshooting"],
    "Use": ["docs/use", "config/README", "results/README", "docs/sweeps", "docs/explorer", "docs/install"],
    "What came out": ["docs/results", "docs/published-studies"],
    "How it works": ["docs/statistics", "docs/reliability", "docs/engine", "docs/performance", "benchmarks/README"],
    "Elsewhere": ["docs/gpu", "docs/cluster", "docs/module", "docs/library", "docs/site/api"],
    "Project": ["CONTRIBUTING", "CHANGELOG"],
}


def add_menu(app: Sphinx, name: str, source: list[str]) -> None:
    """Puts the menu below the README."""
    if name == root_doc:
        for caption, pages in MENU.items():
            lines = "\n".join(f"/{page}" for page in pages)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", add_menu)
