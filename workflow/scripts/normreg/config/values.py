"""How the value of a setting is written in names, labels, tables and sentences, and where it stands on an axis."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_SMALL, _LARGE = Decimal("0.01"), Decimal("1e7")  # other numbers have an exponent


def write(value: Any) -> str:
    """A value as people read it: "1e-4", "2.5e-4", "0.03", "5,000", "all"."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    number = Decimal(repr(value)).normalize()
    if number and not _SMALL <= abs(number) < _LARGE:
        digits, exponent = f"{number:e}".split("e")
        return f"{digits}e{int(exponent)}"
    return f"{number:,f}"


def write_name(value: Any) -> str:
    """A value as a part of a condition's name: "1e-4", "2p5e-4", "0p03", "5000", "all"."""
    return write(value).replace(",", "").replace(".", "p").lower()


def name_part(key: str, value: Any) -> str:
    """What the name of a condition says of a setting: "gbn", "dropout-0p1", "adamw", "augmentation-flip-crop"."""
    last = key.rpartition(".")[2]
    if isinstance(value, Mapping):  # an optimizer with its name, or a schedule
        return str(value.get("name") or next(iter(value)))
    if isinstance(value, list):
        return "-".join((last, *(next(iter(step)) for step in value))) if value else f"no-{last}"
    return str(value) if last in ("penalty", "norm", "network") else f"{last}-{write_name(value)}"


def place(value: Any, images: int) -> float | None:
    """Where a value stands on an axis. "all" is its number of images, another text has no place."""
    if value == "all":
        return float(images)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
