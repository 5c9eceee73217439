"""What is stale: results say themselves what made them, so that no record of Snakemake is needed.

An input function of a rule returns `CHANGED` if the rule's outputs were made otherwise than they would be now. This
file is then newer than the outputs, so that the job runs.
"""

import csv
import functools
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from normreg.config import datasets, identity
from normreg.config.identity import RunFacts
from normreg.errors import ConfigError, DataError
from normreg.utils.code import Sources
from normreg.utils.files import is_cut
from normreg.workflow.study import Study

CHANGED = Path(".snakemake/normreg-other-settings-or-code")
CONTENTS = Path(".snakemake/normreg-contents.json")  # digests of files that are as they were
RECORDS = Path(".snakemake/metadata")  # Snakemake's, in the working directory


class Freshness:
    """Compares results with the settings, the data and the code of now."""

    def __init__(self, sources: Sources, placed: Callable[[str], str], writes: bool) -> None:
        """Looks whether Snakemake has records.

        Args:
            sources: the code.
            placed: puts the prefix of an importing workflow before a path.
            writes: whether this process plans the jobs. Others find `CHANGED` as it is.
        """
        self._sources, self._placed, self._writes = sources, placed, writes
        self._recorded = RECORDS.is_dir() and any(RECORDS.iterdir())
        self._made_of: dict[str, str] = {}

    def of_run(self, study: Study, condition: str, seed: int) -> list[str]:
        """`CHANGED`, if a run was trained with other settings, network, data or code than now."""
        metrics = self._placed(f"{study.folder}/{condition}/seed{seed}/metrics.csv")
        data = self._digest(study.data.key)
        return self._changed(identity.is_stale(metrics, study.identify(condition, seed), data, self._sources.training))

    def of_data(self, dataset: str) -> list[str]:
        """`CHANGED`, if the prepared images were made of other files or by other code than now."""
        found = identity.recorded(self._placed(f"resources/{dataset}.npz"), "made_of")
        return self._changed(found not in (None, self.data_made_of(dataset)))

    def of_items(self) -> list[str]:
        """`CHANGED`, if Snakemake has no records: nothing else says by which margin or code tables were made."""
        return self._changed(not self._recorded)

    def data_settled(self, dataset: str) -> bool:
        """Whether the content of the prepared images stays what it is, so that their time means nothing."""
        return datasets.find(dataset).digest is not None or not self.of_data(dataset)

    def data_made_of(self, dataset: str) -> str:
        """The files and the code of which a data set is prepared. A built-in one is checked by published sums.

        Raises:
            NormregError: the files are missing or not those of the data set's file.
        """
        if dataset not in self._made_of:
            spec = datasets.find(dataset)
            described, content = datasets.describe(spec), None
            if described is not None:
                from normreg.data import sources  # not above: NumPy takes time, and most calls need none

                content = sources.content(spec, CONTENTS)  # also compares it with `sha256`
            parts = [dataset, described, content, self._sources.digest("prepare_data.py")]
            self._made_of[dataset] = identity.digest(parts)
        return self._made_of[dataset]

    @functools.cache  # noqa: B019 - one object, as long as the process
    def _digest(self, dataset: str) -> str | None:
        """The digest of the prepared images, as their file says it. None if there is no file."""
        return identity.recorded(self._placed(f"resources/{dataset}.npz"), "digest")

    def _changed(self, stale: bool) -> list[str]:
        return [self._write()] if stale else []

    @functools.cache  # noqa: B019
    def _write(self) -> str:
        """Another content each time: Snakemake does not count a new time alone as a change."""
        if self._writes:
            path = Path(self._placed(str(CHANGED)))  # Snakemake puts a prefix before what input functions return
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{time.time_ns()}\n", encoding="utf-8")
        return str(CHANGED)


def check_results(study: Study, files: Iterable[str], placed: Callable[[str], str]) -> None:
    """Looks at the results of a study that are there, before any job.

    Raises:
        DataError: a file is of a run of another place (somebody has copied its folder), is empty or lacks its end.
    """
    for run in study.runs:
        place = f"{study.folder}/{run['condition']}/seed{run['seed']}/metrics.csv"
        identity.check_place(placed(place), run["identity"])
    cut = [file for file in map(placed, files) if is_cut(file)]
    if cut:
        others = f" and {len(cut) - 10} others" if len(cut) > 10 else ""
        raise DataError(
            f"results are empty or end too early, as after a power cut or a full disk: {', '.join(cut[:10])}{others}. "
            "Delete them and run the same command again, which makes them anew."
        )


def check_folders(*folders: str) -> None:
    """Refuses what stands in the place of a folder.

    Raises:
        ConfigError: it is a file, or a link to nothing; or Snakemake may not write its records.
    """
    for folder in map(Path, folders):
        if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
            found = "a file" if folder.exists() else f"a link to {folder.readlink()}, which is not there"
            raise ConfigError(f"{folder}: found {found}; expected a folder or nothing. Move it away and run again.")
    records = Path(".snakemake")
    if not os.access(records if records.exists() else ".", os.W_OK):
        raise ConfigError(
            f"{records.absolute()}: this user may not write there. Snakemake keeps its records there and needs them "
            "also for -n and --report. Make the folder writable, or give --directory a folder of your own."
        )


def difference(path: str | Path, runs: Sequence[RunFacts]) -> str | None:
    """A sentence if the summary at `path` was made of other runs than `runs`: what it has and what to do.

    None if they are the same, or if the file is missing or is no summary: others say that.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            found = {row["run"]: int(row["seed"]) for row in csv.DictReader(file)}
    except (OSError, csv.Error, KeyError, TypeError, ValueError):
        return None
    if not found or None in found or set(found) == {run["identity"] for run in runs}:
        return None
    has, asked = (", ".join(map(str, sorted(each))) for each in (set(found.values()), {run["seed"] for run in runs}))
    return (
        f"{path} and all figures beside it were made of other runs (seeds {has}) than those that --report asks for "
        f"(seeds {asked}): other seeds, conditions or settings. Give --report the --config of the run, or make the run "
        "first: the same command without --report."
    )
