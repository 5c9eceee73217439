"""The identity of a run: a line of text that says which run a file belongs to.

    digits/controlled/l1-bn/seed0 1a2b3c4d5e6f7a8b

Every result carries it, and every reader compares it. The first part is the folder below `results/`, for people. The
second part is a digest of the data set, the run, the condition with all its settings, and the seed. The identity does
not depend on the code that made the file, or on the machine.
"""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from normreg.config.condition import LATER
from normreg.errors import AGAIN, DataError

_DIGITS, _SHOWN = 16, 100


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


def identify(dataset: str, run: str, name: str, condition: Mapping[str, Any], seed: int) -> str:
    """The identity of one run. `name` is the name of the condition, `condition` has its resolved settings.

    A setting of `LATER` counts only if it is not what runs did before it came. So older results keep their identity.
    """
    settings = {key: value for key, value in condition.items() if key not in LATER or value != LATER[key]}
    parts = [dataset, run, name, settings, seed]
    return f"{dataset}/{run}/{name}/seed{seed} {_digest(parts)}"


def run_facts(
    dataset: str, run: str, name: str, condition: Mapping[str, Any], seed: int, train_images: int
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
        "identity": identify(dataset, run, name, condition, seed),
    }


def identify_all(identities: Sequence[str]) -> str:
    """The identity of a table of several runs of one study, such as effects.csv."""
    dataset, run, *_ = identities[0].split("/")
    return f"{dataset}/{run} {_digest(list(identities))}"


def check(path: str | Path, found: object, expected: str) -> None:
    """Compares the identity in a file with the expected one.

    Raises:
        DataError: they differ. The message says which run the file belongs to.
    """
    if found == expected:
        return
    if not isinstance(found, str) or " " not in found:
        raise DataError(f"{path}: does not say which run it belongs to, expected {expected}. {AGAIN}")
    place, wanted = place_of(found), place_of(expected)
    if place == wanted:
        raise DataError(f"{path}: holds the run {wanted} under other settings than those of now. {AGAIN}")
    raise DataError(f"{path}: holds the run {ascii(place)[1:-1]}, expected {wanted}. {AGAIN}")


def place_of(identity: str) -> str:
    """The part of an identity for people: data set, run, condition and seed."""
    return identity.partition(" ")[0][:_SHOWN]


def check_first(path: str | Path, expected: str, settings: bool) -> None:
    """Compares the first row of a `metrics.csv` before any job runs. It is quick, but it reads nothing else.

    If the file is absent or cannot be read, nothing happens here. The jobs that read it will report that.

    Args:
        path: the file.
        expected: the identity of the run in whose folder the file is.
        settings: whether other settings are an error. They are not if training may soon replace the file.

    Raises:
        DataError: see `check`.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            found = next(csv.DictReader(file)).get("run")
    except (OSError, StopIteration, csv.Error, UnicodeDecodeError):
        return
    if isinstance(found, str) and (settings or place_of(found) != place_of(expected)):
        check(path, found, expected)


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_DIGITS]
