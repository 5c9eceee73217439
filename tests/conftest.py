"""Shared by all tests: one thread, so that results do not depend on the machine's cores; what is made only once."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from hypothesis import HealthCheck, settings
from waiting import HANG

torch.set_num_threads(1)

# `make test` loads "quick", `make test-all` loads "thorough". Both make the same examples every time.
settings.register_profile(
    "quick",
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=1000)
settings.load_profile("quick")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def common_folder(tmp_path_factory) -> Path:
    """A folder that all test processes of one call of pytest see."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def made_once(common_folder):
    """A function that makes a folder for all test processes: the first that asks makes it, the others wait."""

    def get(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = common_folder / name, common_folder / f"{name}.done"
        with FileLock(common_folder / f"{name}.lock", timeout=HANG):
            if not done.exists():
                assert not folder.exists(), f"{name} was begun and did not succeed: see the first error"
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return get


@pytest.fixture(scope="session")
def kernel_cache(common_folder) -> Path:
    """Where the CPU engine's compiled kernels lie: compiled once for all tests and all test processes.

    A test that needs it is skipped where the engine does not run.
    """
    from normreg.engines.numba_cpu.contract import lacking

    if reason := lacking():
        pytest.skip(f"no CPU engine: {reason}")
    return common_folder / "kernels"


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
