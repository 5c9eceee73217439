"""Where studies, networks, data sets and claims are looked for.

First in the working directory. If another workflow imports this one, its folder is the working directory, and what it
does not have itself is looked for in this project. So a study of its own can extend one of this project.
"""

import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path

from normreg.errors import ConfigError

NAME = re.compile("[a-z0-9]+(-[a-z0-9]+)*")  # of a study, a network or a data set: never a path
PROJECT = Path(__file__).resolve().parents[4]  # the clone; if the library is installed alone, no such folder


def places(own: Path) -> tuple[Path, ...]:
    """`own`, a path relative to the working directory, and after it the same path in this project if that is another.

    The second one is relative to the working directory too, so that nothing reruns when both folders move together.
    """
    return _places(own, PROJECT, str(Path.cwd()))


def files(own: Path, *names: str) -> list[Path]:
    """The files of these names in the `places` of a folder, those of the working directory first.

    A file of this project is left out if the working directory has the same one, as after a copy of `config`.
    """
    found: list[Path] = []
    for path in (place / name for place in places(own) for name in names):
        if path.is_file() and not any(_same(path, each) for each in found):
            found.append(path)
    return found


def only(found: Sequence[Path]) -> Path | None:
    """The only file of those found, None if there is none.

    Raises:
        ConfigError: there are two.
    """
    if len(found) > 1:
        raise ConfigError(f"{found[0]}: its name is also that of {found[1]}, which differs; rename this file.")
    return found[0] if found else None


def names(own: Path, *endings: str) -> list[str]:
    """The sorted names, without their endings, of the files with these endings in the `places` of a folder."""
    return sorted({path.stem for place in places(own) for path in place.glob("*") if path.suffix in endings})


def _same(one: Path, other: Path) -> bool:
    return one.name == other.name and one.read_bytes() == other.read_bytes()


@functools.cache
def _places(own: Path, project: Path, working: str) -> tuple[Path, ...]:
    other = project / own
    if not (project / "Snakefile").is_file() or other.resolve() == Path(working, own).resolve():
        return (own,)
    return own, Path(os.path.relpath(other, working))
