"""Lists results that no study makes any more: `make leftovers`. It deletes nothing."""

from collections.abc import Iterator
from pathlib import Path

from normreg.config import datasets, studies
from normreg.errors import ConfigError


def find(results: Path) -> Iterator[tuple[Path, str]]:
    """Folders below `results` that no study file, data set or condition makes, and why."""
    for dataset in _folders(results):
        if dataset.name not in datasets.names():
            yield dataset, "no data set of this name"
            continue
        for run in _folders(dataset):
            try:
                conditions = studies.load_named_run(run.name).conditions
            except ConfigError as error:
                yield run, str(error)
                continue
            for condition in _folders(run):
                if condition.name not in conditions:
                    yield condition, f"the run {run.name} has no condition of this name"


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir()) if path.is_dir() else []


def main() -> None:
    """Prints what `find` finds."""
    found = list(find(Path("results")))
    for path, why in found:
        print(f"{path}: {why}")
    print(
        f"{len(found)} found. Delete what you do not need." if found else "Every folder in results/ is made by a study."
    )


if __name__ == "__main__":
    main()
