"""Writes files so that they appear complete or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from normreg.utils.locks import exclusive


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder, with the same suffix. If the block succeeds, the file becomes `path`.

    On any error the temporary file is removed, and an earlier `path` stays as it was. One process writes at a time. The
    temporary name is always the same, so the next call overwrites what a killed process left.

    Raises:
        OSError: writing failed; the error names `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    try:
        with exclusive(path.with_name(f".{path.name}.lock"), str(path)):
            try:
                yield temporary
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:  # ENOSPC carries no file name, other errors carry the temporary one: name `path`
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
