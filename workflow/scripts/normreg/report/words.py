"""Numbers and nouns as pages and figures write them. A value is unknown if it is NaN, None or pandas' NA."""

from collections.abc import Callable
from typing import Any

import pandas as pd


def text(value: Any) -> str:
    """The value as a text. Empty if it is unknown."""
    return "" if pd.isna(value) else str(value)


def known(value: Any, write: Callable[[Any], str]) -> str | None:
    """The value as `write` writes it. None, which a page shows as a dash, if it is unknown."""
    return None if pd.isna(value) else write(value)


def p_value(value: Any) -> str | None:
    """A p-value with three digits. None if it is unknown."""
    return known(value, lambda p: "<0.001" if p < 0.001 else f"{p:.3f}")


def signed(value: float, digits: int) -> str:
    """A number with its sign. The minus is as wide as a plus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 seed", "1,000 seeds"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def seeds(rows: pd.DataFrame) -> str:
    """The numbers of seeds of the rows that have any: "3 seeds", "2 to 3 seeds". Empty if no row has one."""
    numbers = sorted({int(number) for number in rows["seeds"] if number > 0})
    if not numbers:
        return ""
    return f"{numbers[0]} to {numbers[-1]} seeds" if len(numbers) > 1 else count(numbers[0], "seed")


def finished(*sentences: str) -> str:
    """Sentences one behind another, the empty ones left out."""
    return " ".join(filter(None, sentences))
