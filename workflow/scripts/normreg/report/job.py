"""What the items of one job are made of. Each file is read once, whatever number of items needs it."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from normreg.analysis import agreement, contrasts, plan, predictions, run_tables
from normreg.analysis import summary as summaries
from normreg.analysis.contrasts import Contrast
from normreg.analysis.predictions import Diverged, Predictions
from normreg.config import datasets, identity
from normreg.config.identity import RunFacts
from normreg.config.sweeps import Sweep, from_plain
from normreg.data import dataset
from normreg.utils import tables

if TYPE_CHECKING:
    import pandas as pd

NO_FACTORS = "This study has no two conditions with and without a factor that are otherwise equal."
# The more seeds, the wider their range: with a hundred it is that of the two oddest runs, and hides all other bands.
FEW_SEEDS = 20


@dataclass(frozen=True)
class Drawn:
    """What colours, lines and the legend need to know of a condition: its name, penalty and norm."""

    condition: str
    penalty: str
    norm: str


@dataclass(frozen=True)
class Course(Drawn):
    """One metric of one condition over its epochs, for all its seeds."""

    seeds: tuple[int, ...]
    epochs: np.ndarray  # int64 (E,): those in which it was measured, from 1 on
    values: np.ndarray  # float64 (seeds, E)

    @property
    def middle(self) -> np.ndarray:
        """Median over the seeds, (E,)."""
        return np.asarray(np.median(self.values, axis=0))

    @property
    def low(self) -> np.ndarray:
        """Smallest value over the seeds, (E,)."""
        return np.asarray(self.values.min(axis=0))

    @property
    def high(self) -> np.ndarray:
        """Largest value over the seeds, (E,)."""
        return np.asarray(self.values.max(axis=0))

    @property
    def band(self) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of what a figure shades, each (E,): the range, or of more than `FEW_SEEDS` the middle half."""
        if len(self.seeds) <= FEW_SEEDS:
            return self.low, self.high
        low, high = np.quantile(self.values, (0.25, 0.75), axis=0)
        return low, high

    @property
    def final(self) -> float:
        """Median over the seeds at the last epoch."""
        return float(self.middle[-1])


def band_name(courses: Sequence[Course]) -> str:
    """What the bands of these courses are."""
    many = sorted({len(course.seeds) > FEW_SEEDS for course in courses})
    return " or ".join("middle half" if half else "range" for half in many)


class Courses(NamedTuple):
    """The courses of the conditions of a study, and a sentence on the runs that diverged, which have no part in them.

    A condition of which all runs diverged has no course.
    """

    found: list[Course]
    diverged: str


def read_courses(paths: Sequence[str | Path], runs: Sequence[RunFacts], metric: str) -> Courses:
    """Reads `metric` of all runs and gathers the seeds of each condition, conditions in the order of `runs`.

    Args:
        paths: one `metrics.csv` per run.
        runs: whose they are, in the same order.
        metric: a column of the tables.

    Raises:
        DataError: a table cannot be read or is of another run.
    """
    lost: list[str] = []
    finished: dict[str, list[tuple[RunFacts, dict[str, np.ndarray]]]] = {}
    for path, run in zip(paths, runs, strict=True):
        table = run_tables.read_metrics(path, [metric], run["identity"], run["epochs"])
        if run_tables.diverged_epoch(table, run["epochs"]) is not None:
            lost.append(run["condition"])
        else:
            finished.setdefault(run["condition"], []).append((run, table))
    courses = []
    for condition, found in finished.items():
        first, epochs = found[0][0], found[0][1]["epoch"]
        values = np.stack([table[metric] for _, table in found])
        measured = ~np.isnan(values).any(axis=0)
        seeds = tuple(int(run["seed"]) for run, _ in found)
        course = Course(condition, first["penalty"], first["norm"], seeds, epochs[measured], values[:, measured])
        courses.append(course)
    return Courses(courses, run_tables.diverged_sentence(lost, [run["condition"] for run in runs]))


@dataclass(frozen=True)
class PredictedImages(Predictions):
    """Saved predictions beside their images uint8 (N, height, width) and the names of the classes."""

    images: np.ndarray
    class_names: tuple[str, ...]
    files: tuple[str, ...] = ()  # one for each image, or none

    @property
    def mistakes(self) -> int:
        """Number of misclassified images."""
        return int(self.wrong.sum())


def read_predictions(path: str | Path, data: str | Path, known: str | None, run: str) -> PredictedImages | Diverged:
    """Reads the `predictions.npz` at `path` and the images in `data` it was made from. A run that diverged has none.

    Args:
        path: the predictions.
        data: the prepared data set.
        known: its digest, see `dataset.load`.
        run: the identity of the run the predictions are read for.

    Raises:
        DataError: a file cannot be read, or the predictions are of another run or not of this data.
    """
    images = dataset.load(data, known)
    names = tuple(str(name) for name in images.class_names)
    found = predictions.load(path, images.test_labels, run)
    if isinstance(found, Diverged):
        return found
    files = tuple(map(images.file_of, range(len(images.test_files))))
    arrays = found.logits, found.labels, found.indices, images.test_images
    return PredictedImages(*arrays, names, files, engine=found.engine)


class Job:
    """The facts of a study (`Study.facts`), its files, and the params that only some items need.

    Attributes:
        params: Snakemake's; `study` has the facts.
        input: Snakemake's.
        config: Snakemake's.
        runs: the runs, in the order of the files of `input`.
        title: the study and the data set.
        conditions: all conditions with their settings.
        declared: the conditions of the study file, without those of its sweeps.
        named: what figures call the conditions.
        folder: where the items are written.
        condition: the condition whose pictures are drawn, if any.
        sweep: the sweep that is drawn, if any.
    """

    def __init__(self, snakemake: Any) -> None:
        self.params, self.input, self.config = snakemake.params, snakemake.input, snakemake.config
        self._facts: dict[str, Any] = snakemake.params.study
        self.title: str = self._facts["title"]
        # A job about one condition, or about networks, does not get these.
        self.runs: list[RunFacts] = self._facts.get("runs", [])
        self.conditions: dict[str, Any] = self._facts.get("conditions", {})
        self.declared: dict[str, Any] = self._facts.get("declared", {})
        self.named: dict[str, Any] = self._facts.get("named", {})
        self.condition = snakemake.wildcards.get("condition", "")
        self.sweep = snakemake.wildcards.get("sweep", "")
        output = Path(snakemake.output[0]).parent
        self.folder = output.parent if self.condition else output

    @property
    def sweeps(self) -> list[Sweep]:
        """The sweeps of the study."""
        return [from_plain(sweep) for sweep in self._facts["sweeps"]]

    @property
    def spec(self) -> Any:
        """The data set as the configuration knows it."""
        return datasets.find(self._facts["dataset"])

    @property
    def place(self) -> list[str]:
        """Data set, study and name of the run."""
        return [self._facts[key] for key in ("dataset", "study", "name")]

    @property
    def reference(self) -> str:
        """The condition that others are compared with, where none lacks a factor."""
        return str(self._facts["reference"])

    @functools.cached_property
    def contrasts(self) -> list[Contrast]:
        """The pairs of declared conditions that differ in one factor."""
        asked = self._facts["reference"], self._facts["crossed"]
        return contrasts.find_contrasts(self.declared, self.spec.train_images, *asked)

    @functools.cached_property
    def all_contrasts(self) -> list[Contrast]:
        """The same of all conditions. What a sweep varies is compared with the lack of it alone."""
        if not self.sweeps:
            return self.contrasts
        return contrasts.find_contrasts(self.conditions, self.spec.train_images)

    @functools.cached_property
    def identity(self) -> str:
        """The identity of a table of all runs."""
        return identity.identify_all([run["identity"] for run in self.runs])

    @functools.cached_property
    def data(self) -> dataset.Dataset:
        """The prepared images."""
        return dataset.load(self.input.data, self._facts["data_digest"])

    @functools.cached_property
    def summary(self) -> "pd.DataFrame":
        """`summary.csv`."""
        return summaries.read(self.folder / "summary.csv", self.runs)

    @functools.cached_property
    def agreement(self) -> tuple[agreement.Classes, list[agreement.Flips]]:
        """The images that runs get wrong, and what each factor changes."""
        facts = self.conditions, self.spec.train_images
        distinct = contrasts.find_distinct(*facts)
        found = agreement.read(self.input.predictions, self.runs, self.data.test_labels, distinct)
        return found, agreement.flips(self.all_contrasts, found)

    @functools.cached_property
    def predictions(self) -> PredictedImages | Diverged:
        """What the saved model of a condition's first seed says of the test images."""
        picture = self.params.picture
        return read_predictions(self.input.predictions, self.input.data, picture["data_digest"], picture["identity"])

    @functools.cache  # noqa: B019 - one object, as long as the process
    def courses(self, metric: str) -> Courses:
        """A column of all metrics.csv, by conditions."""
        return read_courses(self.input.metrics, self.runs, metric)

    @functools.cached_property
    def rules(self) -> plan.Rules:
        """What verdicts go by."""
        data, rules = self.spec, self.params.rules
        looks, seeds = rules["looks"], len({run["seed"] for run in self.runs})
        levels = plan.levels(looks, seeds) if looks else plan.LEVELS
        return plan.Rules(rules["margin"], data.test_images, data.network_shape.classes, rules["judge"], levels)

    def notes(self) -> list[str]:
        """What verdicts of this study must be read with: runs that diverged, the margin, the planned seeds."""
        margin, planned, looks = (self.params.rules[key] for key in ("margin", "planned_seeds", "looks"))
        notes = [
            summaries.diverged(self.summary),
            summaries.alike(self.summary),
            plan.margin_note(margin, self.spec.test_images),
        ]
        notes += plan.notes(planned, looks, self.summary["seed"].nunique(), sorted(set(self.summary["engine"])))
        return [note for note in notes if note]

    def write(self, name: str, table: tables.Table, frame: "pd.DataFrame", sealed: bool = True) -> None:
        """Writes a table of the study. `sealed` tables say of which runs they are."""
        tables.write_frame(self.folder / name, table, frame, self.identity if sealed else None)

    def paths(self, name: str) -> Sequence[Path]:
        """The PNG and the SVG of a figure."""
        return [self.folder / f"{name}.{ending}" for ending in ("png", "svg")]
