"""Whether a run may be compared with the published results of its study."""

from typing import Any

from normreg.config import datasets, study_files
from normreg.config.studies import Run


def published_for(run: Run, dataset: str) -> dict[str, Any] | None:
    """The published results that `run` on `dataset` is compared with, see `study.schema.yaml`. None: there are none."""
    return run.published if run.published and run.published["dataset"] == dataset else None


def objection(run: Run, dataset: str) -> str | None:
    """A sentence: why `run` on `dataset` is not compared. None if it is, or if its study has no published results."""
    block = study_files.read(run.study).get("published")
    if block is None or published_for(run, dataset):
        return None
    if run.published is None:
        return (
            f"{run.name} is not compared with the published results of {run.study}: it has another network or other "
            "epochs than the study."
        )
    published, own = datasets.find(block["dataset"]).name, datasets.find(dataset).name
    return f"{run.name} on {own} is not compared with the published results of {run.study}: those are on {published}."
