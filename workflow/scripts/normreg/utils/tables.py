"""Writes and reads the CSV files of the workflow.

Each column of a `Table` is declared to hold texts, whole numbers or numbers. The type is never guessed from a cell, so
that a condition may be called `null` or `001`. Only cells of columns in `may_be_empty` may be empty. Tables that jobs
read have a last column `digest`, the same in every row. It is a digest of all other cells. Without it nobody would see
a changed digit, because it is still a number.
"""

import csv
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from normreg.errors import AGAIN, DataError
from normreg.utils.files import replacing

if TYPE_CHECKING:
    import pandas as pd

_DIGEST, _DIGITS = "digest", 16
_SHOWN = 40  # characters of the columns that another file has


@dataclass(frozen=True)
class Table:
    """A kind of CSV.

    Attributes:
        name: its name in messages.
        columns: the type of each column, in order: `str`, `int` or `float`. A column `run` holds identities.
        may_be_empty: columns whose cells are empty if a value is unknown.
        digits: significant digits of a float. None: all.
        sealed: whether the table has the column `digest`.
        may_have_no_row: whether a table without rows is whole. Others were cut.
    """

    name: str
    columns: Mapping[str, type]
    may_be_empty: frozenset[str] = frozenset()
    digits: int | None = 6
    sealed: bool = True
    may_have_no_row: bool = False

    @property
    def heading(self) -> list[str]:
        """The first line."""
        return [*self.columns, *([_DIGEST] if self.sealed else [])]


def columns_of(kind: type, *names: str) -> dict[str, type]:
    """Columns of one type."""
    return dict.fromkeys(names, kind)


def write(path: str | Path, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes `rows`, which have exactly the table's columns. The file is written completely or not at all.

    Raises:
        ValueError: a row has other columns, or a value is missing or not finite where it must not be. This is a bug.
    """
    cells = [list(table.columns)]
    for row in rows:
        if row.keys() != table.columns.keys():
            raise ValueError(f"{path}: a row has the columns {list(row)}, expected {list(table.columns)}")
        cells.append([_write_cell(table, name, row[name]) for name in table.columns])
    if table.sealed:
        seal = _seal(cells)
        cells = [table.heading, *([*row, seal] for row in cells[1:])]
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(cells)


def write_frame(path: str | Path, table: Table, frame: "pd.DataFrame", run: str | None = None) -> None:
    """Writes a data frame, see `write`. If `run` is given, it becomes the column `run`."""
    columns = frame.astype(object).where(frame.notna(), None).to_dict("list")
    if run is not None:
        columns["run"] = [run] * len(frame)
    rows = zip(*columns.values(), strict=True)
    write(path, table, (dict(zip(columns, row, strict=True)) for row in rows))


def read(path: str | Path, table: Table, run: str | None = None) -> dict[str, list[Any]]:
    """The columns of a file that `write` has written. Empty cells are None.

    Args:
        path: the file.
        table: what it holds.
        run: the identity that its column `run` must have in every row. None: any.

    Raises:
        DataError: the file is unreadable, has other columns or no row, was changed after it was
            written, or is of another run.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            heading, *rows = list(csv.reader(file)) or [[]]
    except OSError as error:
        raise _refusal(path, table, str(error.strerror)) from error
    except (csv.Error, ValueError) as error:  # ValueError: not UTF-8
        raise _refusal(path, table, str(error)) from error
    if heading != table.heading:
        found = ascii(", ".join(heading)[:_SHOWN])
        raise _refusal(path, table, f"its columns are {found}, expected {', '.join(table.heading)}")
    if not rows and table.may_have_no_row:
        return {name: [] for name in table.columns}
    if not rows:
        raise _refusal(path, table, "it has no row")
    seal = _seal([row[:-1] for row in (heading, *rows)])
    if table.sealed and any(row[-1:] != [seal] for row in rows):
        raise _refusal(path, table, "its content was changed after it was written")
    columns = zip(table.columns.items(), zip(*rows, strict=True), strict=False)  # the last one is the digest
    values = {name: [kind(cell) if cell else None for cell in cells] for (name, kind), cells in columns}
    if run is not None:
        for owner in dict.fromkeys(values["run"]):
            check_run(path, owner, run)
    return values


def read_frame(path: str | Path, table: Table, run: str | None = None) -> "pd.DataFrame":
    """Reads a data frame, see `read`. Texts are objects, whole numbers int64, or Int64 if cells may be empty."""
    import pandas as pd

    columns = {}
    for name, values in read(path, table, run).items():
        optional = name in table.may_be_empty
        kinds = {str: "object", int: "Int64" if optional else "int64", float: "float64"}
        columns[name] = pd.Series(values, dtype=kinds[table.columns[name]])
    return pd.DataFrame(columns)


def check_run(path: str | Path, found: object, expected: str) -> None:
    """Compares the identity of a run in a file with the expected one, see `normreg.config.identity`.

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
    return identity.partition(" ")[0]


def _write_cell(table: Table, name: str, value: Any) -> str:
    kind = table.columns[name]
    unknown = value is None or value == "" or (kind is not str and math.isnan(value))
    if unknown and name in table.may_be_empty:
        return ""
    if unknown or (kind is not str and math.isinf(value)):
        raise ValueError(f"{table.name}: column {name} cannot hold {value!r}")
    if kind is float:
        return repr(float(value)) if table.digits is None else f"{value:.{table.digits}g}"
    return str(kind(value))


def _seal(rows: Sequence[Sequence[str]]) -> str:
    """A digest of all cells. Quotes and line ends of the file do not change it."""
    return hashlib.sha256(json.dumps([list(row) for row in rows]).encode()).hexdigest()[:_DIGITS]


def _refusal(path: str | Path, table: Table, reason: str) -> DataError:
    return DataError(f"{path}: cannot be read as {table.name}: {reason}. {AGAIN}")
