"""Shared by all tests: one thread, so that results and times do not depend on the machine's cores."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parents[1]


class _Tables(HTMLParser):
    """The text of all table cells of a page: a list of rows per table, each a list of texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.inside = False

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.tables[-1][-1][-1] += data


@pytest.fixture(scope="session")
def html_tables():
    """A function from an HTML page to its tables, each a list of rows of texts, the heading first."""

    def read(page: str) -> list[list[list[str]]]:
        parser = _Tables()
        parser.feed(page)
        return parser.tables

    return read
