"""How far a training and its whole study are, as texts for the log.

Nothing here may end a training. So files that are missing, being written or damaged count as runs to train.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from normreg.analysis import run_tables
from normreg.errors import DataError
from normreg.training.history import Epoch
from normreg.utils import tables

log = logging.getLogger("normreg")


def duration(seconds: float) -> str:
    """A rough time: "45 s" below two minutes, "7 min" below two hours, then "3 h 20 min"."""
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def describe(trained: Sequence[float], lost: float, asked: int, at_once: int | None) -> str:
    """How many runs are trained, and about how long the others take.

    Args:
        trained: the seconds that each trained run spent in its epochs. At least one.
        lost: seconds of a job outside its epochs, such as loading PyTorch.
        asked: number of runs that were asked for.
        at_once: jobs that train at once. None: unknown, and no time is said.
    """
    left = asked - len(trained)
    if not left:
        return f"all {asked} runs are trained"
    text = f"{len(trained)} of {asked} runs are trained"
    if at_once is None:
        return text
    side_by_side = min(at_once, left)
    seconds = (sum(trained) / len(trained) + lost) * left / side_by_side
    return f"{text}; the rest takes about {duration(seconds)} with {side_by_side} at once, at the speed so far"


def finished(results: Path, runs: Sequence[str]) -> list[float]:
    """The seconds in all epochs of each of `runs` (identities) whose `metrics.csv` is in the folder `results`."""
    found = []
    for run in runs:
        place, _, _ = run.partition(" ")
        try:
            metrics = tables.read(results / place / "metrics.csv", run_tables.METRICS)
        except DataError:
            continue
        if set(metrics["run"]) == {run}:  # else it is trained again: it has other settings
            found.append(sum(metrics["seconds"]))
    return found


def tell(study: Mapping[str, Any] | None, run: str, epochs: Sequence[Epoch], seconds: float) -> None:
    """Logs `describe` at the end of a training. Says nothing if the run is none of those that were asked for.

    Args:
        study: "runs", the identities of all runs that were asked for, "results", the folder of results, and "at_once",
            see `describe`.
        run: the identity of the run that has just ended. Its `metrics.csv` is written.
        epochs: its epochs.
        seconds: the time that its job has taken.
    """
    try:
        if study is not None and run in study["runs"]:
            trained = finished(Path(study["results"]), study["runs"])
            lost = max(0.0, seconds - sum(row.seconds for row in epochs))
            log.info("study: %s", describe(trained, lost, len(study["runs"]), study["at_once"]))
    except Exception as error:  # the run is trained, whatever is wrong with this line
        log.warning("study: cannot tell how far it is (%s: %s)", type(error).__name__, error)
