"""Which run a file belongs to: a line of text that every result carries and every reader compares.

    digits/controlled/l1-bn/seed0 1a2b3c4d5e6f7a8b

First the place below `results/`, for people, then a digest of what the run is: data set, run, condition with all its
settings, seed. The code that made the file is not part of it, nor the machine.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from normreg.errors import DataError
from normreg.utils.digests import sha256

AGAIN = "Delete it and run the same command again."
_DIGITS, _SHOWN = 16, 100


class RunFacts(TypedDict):
    """What readers of a run's files are told about it."""

    condition: str
    penalty: str
    norm: str
    seed: int
    epochs: int
    identity: str


def identify(dataset: str, run: str, name: str, condition: Mapping[str, Any], seed: int) -> str:
    """The identity of one run: `name` is the condition's, `condition` its resolved settings."""
    parts = [dataset, run, name, condition, seed]
    return f"{dataset}/{run}/{name}/seed{seed} {_digest(parts)}"


def identify_all(identities: Sequence[str]) -> str:
    """The identity of a table over several runs of one study, for files such as effects.csv."""
    dataset, run, *_ = identities[0].split("/")
    return f"{dataset}/{run} {_digest(list(identities))}"


def check(path: str | Path, found: object, expected: str) -> None:
    """Compares the identity that a file carries with that of the run it is read for.

    Raises:
        DataError: they differ; says whose file it is.
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
    """The part for people: data set, run, condition and seed."""
    return identity.partition(" ")[0][:_SHOWN]


def check_first(path: str | Path, expected: str, settings: bool) -> None:
    """Compares the first row of a `metrics.csv` before any job runs: cheap, and blind to everything else.

    A file that is absent or cannot be read is left to its readers.

    Args:
        path: the file.
        expected: the identity of the run whose place it lies in.
        settings: whether other settings count. They do not where training may be about to replace the file.

    Raises:
        DataError: as `check`.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            found = next(csv.DictReader(file)).get("run")
    except (OSError, StopIteration, csv.Error, UnicodeDecodeError):
        return
    if isinstance(found, str) and (settings or place_of(found) != place_of(expected)):
        check(path, found, expected)


def _digest(parts: object) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode())[:_DIGITS]
