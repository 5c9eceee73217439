"""All files about a study: which rule makes them, where the report shows them, and which studies have them.

A line here and a module with a function `make(job)` are all that an item needs. The lines of a
category stand in the order of the menu.
"""

import contextlib
import importlib
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from normreg.errors import DataError, NormregError
from normreg.report.job import Job
from normreg.utils.jobs import explain, log

ANSWER, COMPARISON, EFFECTS = "1 Answer", "2 Comparison", "3 Effects"
MISTAKES, WEIGHTS, TABLES = "4 Mistakes", "5 Weights and network", "6 Tables"
CURVES, ABOUT = "7 Curves", "8 About this run"  # all studies have all categories: the numbers have no gap


class Shown(NamedTuple):
    """Where the report shows a file, and by which words. Its caption is `report/CAPTION.rst`."""

    category: str
    label: str
    caption: str
    subcategory: str = ""


class Item(NamedTuple):
    """What one module makes.

    Attributes:
        rule: the rule, which makes all its items in one process.
        module: the module of this package that makes it.
        files: below the folder of the study, with their places in the report. {condition} and {sweep} are wildcards.
        kind: which studies have it, see `Study.kinds`. Empty: all. "looks": none, `decide` asks for them.
    """

    rule: str
    module: str
    files: dict[str, Shown | None]
    kind: str = ""


def _page(name: str, category: str, label: str, subcategory: str = "") -> dict[str, Shown | None]:
    """A table: as CSV, and as a page of the report."""
    return {f"{name}.csv": None, f"{name}.html": Shown(category, label, name, subcategory)}


def _graph(name: str, category: str, label: str, caption: str = "") -> dict[str, Shown | None]:
    """A figure: as SVG in the report, and as PNG."""
    return {f"{name}.svg": Shown(category, label, caption or name), f"{name}.png": None}


_AGREEMENT = "Agreement of runs"
_GALLERY = Shown(MISTAKES, "{condition}", "gallery", "Galleries")
_CONFUSION = Shown(MISTAKES, "{condition}", "confusion", "Confusion matrices")
_HARDEST = Shown(MISTAKES, "the hardest images", "agreement", _AGREEMENT)
_FIXED = Shown(MISTAKES, "images that factors fix or break", "fixed_and_broken", _AGREEMENT)
_EXPLORER = Shown(ANSWER, "explore curves and mistakes", "explorer")
_SUMMARY = Shown(TABLES, "summary of all conditions", "summary")
_ABOUT = Shown(ABOUT, "how the runs were made", "about")
_ALL = _graph("validation_accuracy", COMPARISON, "accuracy of all conditions", "comparison") | _graph(
    "validation_loss", COMPARISON, "loss of all conditions", "comparison"
)
_PANELS = _graph("small_multiples_accuracy", COMPARISON, "accuracy, a panel per condition", "small_multiples") | _graph(
    "small_multiples_loss", COMPARISON, "loss, a panel per condition", "small_multiples"
)
_RESPONSES = _page("responses", EFFECTS, "response curves (table)") | {
    "response_seeds.csv": None,
    "response_shapes.csv": None,
}
_RESPONSE = _graph("response_{sweep}", ANSWER, "response curve, {sweep}", "response")
_EFFECTS = _page("effects", EFFECTS, "effects (table)") | _graph("effects", ANSWER, "effects (figure)")
_MCNEMAR = _page("mcnemar", EFFECTS, "two saved models (McNemar)")
_WRONG = _page("agreement", MISTAKES, "images that runs get wrong", _AGREEMENT)
_RECALL = _page("recall", MISTAKES, "recall of each class")
_WEIGHTS = _page("weight_sizes", WEIGHTS, "sizes of the weights (table)") | _graph(
    "weight_sizes", WEIGHTS, "sizes of the weights (figure)"
)
_COMPARED = _page("published", EFFECTS, "published and measured (table)") | _graph(
    "published", ANSWER, "published and measured (figure)"
)
_LOOK = "looks/{look}"  # with so many seeds
_LOOKED = Shown(EFFECTS, "effects at {look} seeds", "effects", "Looks")
ITEMS = (
    Item("summarise", "runs", {"summary.csv": None, "runs.csv": None}),
    # Effects come first: the landing page of `explore` reads their table.
    Item("estimate_effects", "effects", _EFFECTS),
    Item("estimate_effects", "paper", {"summary.md": None, "summary.tex": None}),
    Item("take_look", "runs", {f"{_LOOK}/summary.csv": None, f"{_LOOK}/runs.csv": None}, "looks"),
    Item(
        "take_look",
        "effects",
        {f"{_LOOK}/{name}": _LOOKED if shown else None for name, shown in _EFFECTS.items()},
        "looks",
    ),
    Item("compare_responses", "responses", _RESPONSES, "sweeps"),
    Item("draw_response", "response_figure", _RESPONSE, "sweeps"),
    Item("choose_strengths", "chosen", {"chosen.csv": None}, "chooses"),
    Item("explore", "landing", {"landing.fragment": None}),
    Item("explore", "explorer.page", {"explorer.html": _EXPLORER}),
    Item("draw_study", "comparison", _ALL),
    Item("draw_study", "small_multiples", _PANELS),
    Item("tabulate", "noise", _page("noise", EFFECTS, "noise floor")),
    Item("tabulate", "mcnemar", _MCNEMAR),
    Item("tabulate", "agreement", _WRONG | {"agreement.png": _HARDEST, "fixed_and_broken.png": _FIXED}),
    Item("tabulate", "recall", _RECALL),
    Item("draw_condition", "gallery", {"{condition}/gallery.png": _GALLERY}),
    Item("draw_condition", "confusion", {"{condition}/confusion.png": _CONFUSION}),
    Item("draw_condition", "curves", _graph("{condition}/curves", CURVES, "{condition}", "curves")),
    Item("compare_published", "published", _COMPARED, "published"),
    Item("judge_claims", "claims", _page("claims", EFFECTS, "claims of the study"), "claims"),
    Item("tabulate", "weights", _WEIGHTS),
    Item("list_layers", "layers", _page("layers", WEIGHTS, "layers and parameters")),
    Item("tabulate", "summary", {"summary.html": _SUMMARY}),
    Item("tabulate", "last_five", _page("last_five", TABLES, "last five epochs")),
    Item("describe", "about", {"about.html": _ABOUT}),
)


def files(rule: str) -> dict[str, Shown | None]:
    """The outputs of a rule below the folder of a study."""
    return {name: shown for item in ITEMS if item.rule == rule for name, shown in item.files.items()}


def key(name: str) -> str:
    """A file as the name of an output in a rule."""
    return re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")


def modules(rule: str) -> list[str]:
    """The modules that a rule runs, each once, as names below `normreg`."""
    return list(dict.fromkeys(f"report.{item.module}" for item in ITEMS if item.rule == rule))


def targets(kinds: set[str], conditions: list[str], sweeps: list[str], figures: bool, tables: bool) -> Iterator[str]:
    """The files of a study below its folder.

    Args:
        kinds: see `Study.kinds`.
        conditions: those with pictures of their own.
        sweeps: the names of its sweeps.
        figures: whether to name pictures.
        tables: whether to name tables and pages.
    """
    for item in ITEMS:
        for name in item.files if not item.kind or item.kind in kinds else ():
            if figures if name.endswith((".png", ".svg")) else tables:
                wildcard = {"{condition}": conditions, "{sweep}": sweeps}
                found = next((key for key in wildcard if key in name), None)
                yield from (name.replace(found, value) for value in wildcard[found]) if found else (name,)


def make(rule: str, job: Job) -> None:
    """Makes all items of a rule. One that fails is said, and the others are made.

    Raises:
        DataError: some item could not be made.
    """
    failed = []
    for name in modules(rule):
        try:
            with contextlib.chdir(os.sep):  # a matplotlibrc here can keep matplotlib from being imported
                module = importlib.import_module(f"normreg.{name}")
            module.make(job)
        except Exception as error:
            failed.append(name)
            reason = str(error) if isinstance(error, NormregError) else explain(error)
            log.error("%s of %s: %s", name, job.title, reason or "unexpected error", exc_info=not reason)
    if failed:
        raise DataError(
            f"{len(failed)} of {len(modules(rule))} items of {job.title} could not be made: {', '.join(failed)}. The "
            "others are there. When the cause is mended, run the same command again."
        )
