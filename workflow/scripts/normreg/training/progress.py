"""How far a training and its whole study are, as texts for the log.

Nothing here may end a training. So files that are missing, being written or damaged count as runs to train.
"""

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from normreg.analysis import run_tables
from normreg.training.history import Epoch
from normreg.utils import tables

SAMPLED = 20  # runs whose seconds are read

log = logging.getLogger("normreg")


def duration(seconds: float) -> str:
    """A rough time: "45 s" below two minutes, "7 min" below two hours, then "3 h 20 min"."""
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def describe(trained: int, seconds: float, asked: int, at_once: int | None) -> str:
    """How many runs are trained, and about how long the others take.

    Args:
        trained: number of trained runs. At least one.
        seconds: what the job of one run takes.
        asked: number of runs that were asked for.
        at_once: jobs that train at once. None: unknown, and no time is said.
    """
    left = asked - trained
    if not left:
        return f"all {asked} runs are trained"
    text = f"{trained} of {asked} runs are trained"
    if at_once is None:
        return text
    side_by_side = min(at_once, left)
    rest = duration(seconds * left / side_by_side)
    return f"{text}; the rest takes about {rest} with {side_by_side} at once, at the speed so far"


def finished(results: Path, runs: Sequence[str]) -> list[Path]:
    """The `metrics.csv` of those of `runs` (identities) that are trained, in the folder `results`.

    Every training of a study looks at the files of all others. So of each only its end and its first row are looked at.
    """
    paths = ((results / run.partition(" ")[0] / "metrics.csv", run) for run in runs)
    return [path for path, run in paths if _is_of(path, run)]


def _is_of(path: Path, run: str) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    first = next(csv.DictReader(io.StringIO(text)), {})
    return text.endswith("\n") and first.get("run") == run  # another text: it is trained again with other settings


def seconds_in_epochs(files: Sequence[Path]) -> float:
    """The mean seconds that a run of `finished` spent in its epochs. Of many runs, some are read."""
    some = files[:: -(-len(files) // SAMPLED)]
    return sum(sum(tables.read(path, run_tables.METRICS)["seconds"]) for path in some) / len(some)


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
            lost = max(0.0, seconds - sum(row.seconds for row in epochs))  # outside epochs, such as loading PyTorch
            mean = seconds_in_epochs(trained) + lost
            log.info("study: %s", describe(len(trained), mean, len(study["runs"]), study["at_once"]))
    except Exception as error:  # the run is trained, whatever is wrong with this line
        log.warning("study: cannot tell how far it is (%s: %s)", type(error).__name__, error)
