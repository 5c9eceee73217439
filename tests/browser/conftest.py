"""The explorer and the report of a real, small run on digits, in Chromium.

`make test-browser` runs these tests. It says which Chromium in the variable CHROMIUM. They never ask a network for
anything: each page is offline, and a request is an error.
"""

import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from looking import SIZES
from playwright.sync_api import Page, sync_playwright
from waiting import HANG

# The fixtures of the workflow's tests that make a project and run Snakemake in it once.
_SPEC = importlib.util.spec_from_file_location("projects", Path(__file__).parents[1] / "workflow/conftest.py")
_PROJECTS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_PROJECTS)
fill, run_once, STUDY = _PROJECTS.fill, _PROJECTS.run_once, _PROJECTS.STUDY

CONFIG = ("seeds=[3, 5]",)
# What differs from the tiny study. The last condition has the settings of the first, so its runs count once.
CHANGES = {
    "epochs": 3,
    "lambdas": {"l1": 1e-3, "l2": 1e-5},
    "conditions": {
        "none-bn": {"penalty": "none", "norm": "bn"},
        "l1-bn": {"penalty": "l1", "norm": "bn"},
        "none-gbn": {"penalty": "none", "norm": "gbn"},
        "twin": {"penalty": "none", "norm": "bn"},
    },
}


def make_report(project) -> None:
    """The run and its report."""
    project.change_study(**CHANGES)
    project.snakemake(config=CONFIG)
    project.snakemake("--report", "report.html", config=CONFIG)


@pytest.fixture(scope="session")
def project(run_once):
    """The finished run. Nobody may change it."""
    return run_once("browser", make_report)


@pytest.fixture(scope="session")
def folder(project) -> Path:
    """The results of the run."""
    return project.folder / f"results/digits/{STUDY}"


@pytest.fixture(scope="session")
def explorer(folder) -> str:
    """The explorer's address."""
    return (folder / "explorer.html").as_uri()


@dataclass(frozen=True)
class Truth:
    """What the saved predictions say, computed here. Conditions with equal settings count once."""

    runs: list[tuple[str, int]]
    labels: np.ndarray
    predicted: np.ndarray  # (runs, images)
    sure: np.ndarray  # softmax of the predicted class, (runs, images)

    @property
    def wrong(self) -> np.ndarray:
        """Whether each run misses each image, (runs, images)."""
        return self.predicted != self.labels

    def changes(self, without: str, having: str, kind: str) -> np.ndarray:
        """In how many seeds the one condition is right and the other wrong, (images,)."""
        rows = {run: row for row, run in enumerate(self.runs)}
        count = np.zeros(len(self.labels), int)
        for seed in (3, 5):
            before, after = self.wrong[rows[without, seed]], self.wrong[rows[having, seed]]
            count += (before & ~after) if kind == "fixed" else (~before & after)
        return count


@pytest.fixture(scope="session")
def truth(folder) -> Truth:
    """Read from predictions.npz with numpy alone."""
    runs = [(name, seed) for name in ("none-bn", "l1-bn", "none-gbn") for seed in (3, 5)]
    predicted, sure = [], []
    for name, seed in runs:
        with np.load(folder / name / f"seed{seed}/predictions.npz") as saved:
            logits, labels = saved["logits"].astype(float), saved["labels"]
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        predicted.append(logits.argmax(axis=1))
        sure.append((odds / odds.sum(axis=1, keepdims=True)).max(axis=1))
    return Truth(runs, labels, np.array(predicted), np.array(sure))


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    place = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert place, "no chromium: install it, or give its place in the variable CHROMIUM"
    with sync_playwright() as playwright:
        # Inside a container, Chromium has no rights to make a sandbox of its own. The pages are ours.
        running = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def visit(browser):
    """A function that opens an address. At the end, no page may have logged an error or asked for anything."""
    contexts, noise = [], []

    def listen(page: Page) -> None:
        page.on("console", lambda message: noise.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: noise.append(f"error: {error}"))
        page.on("request", lambda request: noise.append(f"request: {request.url[:100]}") if outside(request) else None)

    def outside(request) -> bool:
        return not request.url.startswith(("file:", "data:", "blob:"))

    def open_page(address: str, width: int = 1280, scheme: str = "light", **more) -> Page:
        size = {"width": width, "height": SIZES[width]}
        context = browser.new_context(viewport=size, color_scheme=scheme, offline=True, **more)
        contexts.append(context)
        context.set_default_timeout(1000 * HANG)  # a busy machine is no error
        page = context.new_page()
        listen(page)
        page.goto(address)
        if more.get("java_script_enabled", True):
            page.wait_for_function("!document.querySelector('[aria-busy=true]')")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert noise == []
