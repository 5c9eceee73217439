"""Reads `chosen.csv`: the strengths that a study chose on its hold-out, for their confirmation with new seeds."""

from pathlib import Path

from normreg.analysis import study_tables
from normreg.config import identity
from normreg.utils import tables


def conditions(path: str | Path, study: str) -> list[str]:
    """The chosen conditions and those that they are compared with, each once. `study` is the identity of the runs.

    Raises:
        DataError: the file is unreadable or changed, or belongs to another study.
    """
    table = tables.read(path, study_tables.CHOSEN)
    for found in dict.fromkeys(table["run"]):
        identity.check(path, found, study)
    pairs = zip(table["reference"], table["condition"], strict=True)
    return list(dict.fromkeys(name for pair in pairs for name in pair))
