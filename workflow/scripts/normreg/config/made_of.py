"""Which runs the tables in a folder were made of. A report shows files as they are, so it needs the right --config."""

import csv
from collections.abc import Sequence
from pathlib import Path

from normreg.config.identity import RunFacts


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
    has, asked = sorted(set(found.values())), sorted({run["seed"] for run in runs})
    if has == asked:
        return (
            f"{path} was made of other conditions or settings than those of now. Make the run first: the same command "
            "without --report."
        )
    return (
        f"{path} and all figures beside it were made of {_seeds(has)}, but --report asks for {_seeds(asked)}. Give "
        f"--report --config {_word(has)}, with the other keys of the run; or make the run of {_seeds(asked)} "
        "first, without --report."
    )


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds)) or 'none'}"


def _word(seeds: Sequence[int]) -> str:
    """As a word of the command line: a count, or a list, which a shell may take for a pattern."""
    count = list(seeds) == list(range(len(seeds)))
    return f"seeds={len(seeds)}" if count else f"'seeds=[{','.join(map(str, seeds))}]'"
