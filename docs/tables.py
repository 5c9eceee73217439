"""Writes the tables of settings in config/README.md and docs/engine.md, from the table of settings in the library.

.venv/bin/python docs/tables.py
"""

import re
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

from normreg.engines.numba_cpu import contract as numba_cpu
from normreg.settings.kinds import Group, Setting
from normreg.settings.table import LAMBDAS, OPTIMIZERS, SCHEDULES, SETTINGS, STEPS

ROOT = Path(__file__).resolve().parents[1]


def table(heading: str, rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [heading, re.sub("[^|]+", "---", heading), *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def settings_table(settings: Iterable[Setting], heading: str) -> str:
    """A row for each setting: its key, values and meaning."""
    return table(heading, ((f"`{each.key}`", values(each), each.text) for each in settings))


def groups_table(groups: Mapping[str, Group], heading: str) -> str:
    """A row for each name: its keys with their values, and what it is."""
    keys = {
        name: "; ".join(f"`{each.key}`: {values(each)}" for each in group.settings) for name, group in groups.items()
    }
    return table(heading, ((f"`{name}`", keys[name] or "none", group.text) for name, group in groups.items()))


def values(setting: Setting) -> str:
    """The values of a setting, and which one it has if a file leaves it out."""
    default = str(setting.default).removesuffix(".0")
    return setting.kind.expected + ("" if setting.default is None else f" ({default} if left out)")


def engine_table(known: Collection[str], heading: str) -> str:
    """A row for each setting: what an engine trains of it."""
    return table(heading, ((f"`{each.key}`", engine_cell(each, known)) for each in SETTINGS))


def engine_cell(setting: Setting, known: Collection[str]) -> str:
    """For example "every value", or "`rotation` (`degrees`, `fill`)"."""
    if setting.key in known:
        return "every value"
    keys: dict[str, list[str]] = {}
    for _, name, *inner in sorted(each.split(".") for each in known if each.startswith(f"{setting.key}.")):
        keys.setdefault(name, []).extend(f"`{key}`" for key in inner)
    cells = (f"`{name}`" + (f" ({', '.join(inner)})" if inner else "") for name, inner in keys.items())
    return ", ".join(cells) or f"only `{setting.neutral}`"


def tables() -> dict[str, dict[str, str]]:
    """The tables of each document, by the name in the comment above them."""
    return {
        "config/README.md": {
            "settings": settings_table(SETTINGS, "| key | values | meaning |"),
            "lambdas": settings_table(LAMBDAS, "| lambda | values | acts as |"),
            "optimizers": groups_table(OPTIMIZERS, "| optimizer | keys | what it is |"),
            "schedules": groups_table(SCHEDULES, "| schedule | keys | learning rate |"),
            "steps": groups_table(STEPS, "| step | keys | what it does to a training image, and what is drawn |"),
        },
        "docs/engine.md": {"settings": engine_table(numba_cpu.KNOWN, "| key | what the engine trains |")},
    }


def written(text: str, found: Mapping[str, str], script: str = "docs/tables.py") -> str:
    """A document with the texts that a script writes written anew."""
    for name, lines in found.items():
        begin, end = f"<!-- {name}: {script} writes this table -->\n\n", "\n\n<!-- end -->"
        before, _, rest = text.partition(begin)
        text = before + begin + lines + end + rest.partition(end)[2]
    return text


def main() -> None:
    """Writes all tables."""
    for name, found in tables().items():
        path = ROOT / name
        path.write_text(written(path.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()
