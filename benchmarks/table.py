"""The results. Each figure is written at once: as a line on the console and as a row of a CSV file."""

import csv
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from harness import Spread


@dataclass(frozen=True)
class Row:
    """One figure. `low` and `high` are minimum and maximum of `count` rounds, unless `item` says something else."""

    measure: str
    network: str
    condition: str
    variant: str
    item: str
    value: float | str
    low: float | str
    high: float | str
    count: int
    unit: str


class Table:
    """Writes rows to the console and to the CSV file at `path`. An existing file is overwritten."""

    def __init__(self, path: Path) -> None:
        self.path, self.last = path, ""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            csv.writer(file).writerow([field.name for field in fields(Row)])

    def add(self, row: Row) -> None:
        """Prints and writes one row. Prints a heading before each new measure, network and condition."""
        heading = " ".join(part for part in (row.measure, row.network, row.condition) if part)
        if heading != self.last:
            print(f"\n{heading}")
            self.last = heading
        extent = "" if row.low == "" else f"({_text(row.low)} to {_text(row.high)})"
        label = ", ".join(part for part in (row.variant, row.item) if part)
        print(f"  {label:<66} {_text(row.value):>9} {row.unit:<9} {extent}", flush=True)
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow([_text(value) for value in astuple(row)])

    def spread(self, where: tuple[str, str, str], variant: str, item: str, spread: Spread, unit: str) -> None:
        """Adds a row with median, minimum and maximum. `where` is measure, network and condition."""
        self.add(Row(*where, variant, item, spread.median, spread.low, spread.high, spread.count, unit))

    def value(self, where: tuple[str, str, str], variant: str, item: str, value: float | str, unit: str = "") -> None:
        """Adds a row with a single value."""
        self.add(Row(*where, variant, item, value, "", "", 1, unit))


def _text(value: float | int | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
