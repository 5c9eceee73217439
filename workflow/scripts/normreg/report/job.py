"""What the items of one job are made of. Each file is read once, whatever number of items needs it."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from normreg.analysis import agreement, contrasts
from normreg.analysis import summary as summaries
from normreg.analysis.contrasts import Contrast
from normreg.analysis.predictions import Diverged
from normreg.config import datasets, identity
from normreg.config.identity import RunFacts
from normreg.config.sweeps import Sweep, from_plain
from normreg.data import dataset
from normreg.report.inputs import Courses, PredictedImages, read_courses, read_predictions
from normreg.utils import tables

if TYPE_CHECKING:
    import pandas as pd


class Job:
    """The facts of a study (`Study.facts`), its files, and the params that only some items need.

    Attributes:
        params: Snakemake's; `study` has the facts.
        input: Snakemake's.
        folder: where the items are written.
        condition: the condition whose pictures are drawn, if any.
        sweep: the sweep that is drawn, if any.
    """

    def __init__(self, snakemake: Any) -> None:
        self.params, self.input, self.config = snakemake.params, snakemake.input, snakemake.config
        self._facts: dict[str, Any] = snakemake.params.study
        self.condition = snakemake.wildcards.get("condition", "")
        self.sweep = snakemake.wildcards.get("sweep", "")
        output = Path(snakemake.output[0]).parent
        self.folder = output.parent if self.condition else output

    @property
    def runs(self) -> list[RunFacts]:
        """The runs, in the order of the files of `input`."""
        return list(self._facts["runs"])

    @property
    def conditions(self) -> dict[str, Any]:
        """All conditions with their settings."""
        return dict(self._facts["conditions"])

    @property
    def declared(self) -> dict[str, Any]:
        """The conditions of the study file, without those of its sweeps."""
        return dict(self._facts["declared"])

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

    @property
    def named(self) -> dict[str, Any]:
        """What figures call the conditions."""
        return dict(self._facts["named"])

    @property
    def title(self) -> str:
        """The study and the data set."""
        return str(self._facts["title"])

    @property
    def sweeps(self) -> list[Sweep]:
        """The sweeps of the study."""
        return [from_plain(sweep) for sweep in self._facts["sweeps"]]

    @property
    def spec(self) -> Any:
        """The data set as the configuration knows it."""
        return datasets.find(self._facts["dataset"])

    @property
    def place(self) -> dict[str, str]:
        """Data set, study and name of the run."""
        return {key: self._facts[key] for key in ("dataset", "study", "name")}

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

    def heading(self, quantity: str) -> str:
        """What a graph of a validation figure is called."""
        held_out = any(settings["holdout_images"] for settings in self.conditions.values())
        return f"{'Hold-out' if held_out else 'Validation'} {quantity}: {self.title}"

    def write(self, name: str, table: tables.Table, frame: "pd.DataFrame", sealed: bool = True) -> None:
        """Writes a table of the study. `sealed` tables say of which runs they are."""
        tables.write_frame(self.folder / name, table, frame, self.identity if sealed else None)

    def paths(self, name: str) -> Sequence[Path]:
        """The PNG and the SVG of a figure."""
        return [self.folder / f"{name}.{ending}" for ending in ("png", "svg")]
