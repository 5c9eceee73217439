"""The identity of a run: a line of text that says which run a file belongs to.

    digits/controlled/l1-bn/seed0 1a2b3c4d5e6f7a8b

Every result carries it, and every reader compares it. The first part is the folder below `results/`, for people. The
second part is a digest of the data set, the run, the condition with all its settings, its network, and the seed. The
identity does not depend on the code that made the file, or on the machine.
"""

import csv
import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from normreg.settings.table import essential
from normreg.utils.code import NUMBERS as ENGINES
from normreg.utils.tables import check_run, place_of

_DIGITS = 16


class RunFacts(TypedDict):
    """The facts of a run that readers of its files need.

    `train_images` is how many images it trains on. `holdout_images` is 0 if it validates on the official test split.
    """

    condition: str
    penalty: str
    norm: str
    seed: int
    epochs: int
    train_images: int
    holdout_images: int
    identity: str


def identify(
    dataset: str,
    run: str,
    name: str,
    condition: Mapping[str, Any],
    seed: int,
    network: Mapping[str, Any] | None = None,
) -> str:
    """The identity of one run.

    Args:
        dataset: key of the data set.
        run: name of the run.
        name: name of the condition.
        condition: its resolved settings. Those with a neutral value do not count, so a new setting changes nothing.
        seed: the seed.
        network: the network as plain data, see `networks.described`. The place of a Python file does not count.
    """
    layers = {key: value for key, value in (network or {}).items() if key != "path"}
    parts = [dataset, run, name, essential(condition), seed, layers]
    return f"{dataset}/{run}/{name}/seed{seed} {digest(parts)}"


def run_facts(
    dataset: str,
    run: str,
    name: str,
    condition: Mapping[str, Any],
    seed: int,
    train_images: int,
    network: Mapping[str, Any] | None = None,
) -> RunFacts:
    """The facts of one run, for the readers of its files. See `identify` and `sizes.trained_images`."""
    return {
        "condition": name,
        "penalty": condition["penalty"],
        "norm": condition["norm"],
        "seed": seed,
        "epochs": condition["epochs"],
        "train_images": train_images,
        "holdout_images": condition["holdout_images"],
        "identity": identify(dataset, run, name, condition, seed, network),
    }


def identify_all(identities: Sequence[str]) -> str:
    """The identity of a table of several runs of one study, such as effects.csv."""
    dataset, run, *_ = identities[0].split("/")
    return f"{dataset}/{run} {digest(list(identities))}"


def made_by(path: str | Path) -> tuple[str, str, str] | None:
    """The identity, the digest of the data and the code (`Sources.training`) in the first row of a `metrics.csv`.

    None if the file is absent or cannot be read. The jobs that read the whole file say what is wrong with it.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            row = next(csv.DictReader(file))
        found = row["run"], row["data"], row["code"]
    except (OSError, StopIteration, KeyError, csv.Error, UnicodeDecodeError):
        return None
    return found if all(isinstance(text, str) for text in found) else None


def recorded(path: str | Path, name: str) -> str | None:
    """A text that is an array of a prepared data set. Read without NumPy, which takes time. None if it is not there."""
    try:
        with zipfile.ZipFile(path) as arrays:
            return arrays.read(f"{name}.npy").rpartition(b"\n")[2].decode("utf-32-le")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None


def check_place(path: str | Path, expected: str) -> None:
    """Compares the place that a `metrics.csv` names with the place of the run `expected`, before any job runs.

    Raises:
        DataError: they differ: somebody has copied the folder of another run.
    """
    found = made_by(path)
    if found is not None and place_of(found[0]) != place_of(expected):
        check_run(path, found[0], expected)


def is_stale(path: str | Path, expected: str, data: str | None, code: Callable[[str], str]) -> bool:
    """Whether the run that a `metrics.csv` is of had other settings, another network, other data or code than now.

    Args:
        path: the file. If it is absent or cannot be read, the run is not stale: others say what it is.
        expected: the identity that the run has now.
        data: the digest of the data set. None: not known, because it is not prepared.
        code: gives the code that an engine has now, see `Sources.training`.
    """
    found = made_by(path)
    if found is None:
        return False
    run, trained_on, made = found
    engine = made.partition(" ")[0]
    return run != expected or data not in (None, trained_on) or engine not in ENGINES or made != code(engine)


def digest(parts: object) -> str:
    """16 hex digits of a digest of plain data."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_DIGITS]
