"""The source files a script depends on: itself and every normreg module it imports, directly or not.

Snakemake watches neither imported modules nor, by content, scripts. A job that declares this closure as input reruns
exactly when code it can run has changed, and not when a file was merely touched or copied.
"""

import ast
from collections.abc import Iterator
from pathlib import Path


def import_closure(script: Path, package: Path) -> list[Path]:
    """`script` and the modules of `package` it reaches by import statements, anywhere in a file, sorted.

    Args:
        script: a Python file.
        package: the folder of the package, `.../normreg`; other imports are installed packages and not followed.
    """
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(_imported_files(file, package))
    return sorted(found)


def _imported_files(file: Path, package: Path) -> Iterator[Path]:
    for name in _imported_names(ast.parse(file.read_text(encoding="utf-8"), str(file)), package.name):
        # Importing a.b.c runs a/__init__, a/b/__init__ and a/b/c; a last part that is no module is a name inside one.
        target = package
        for part in ["", *name.split(".")[1:]]:
            target = target / part
            for candidate in (target.with_suffix(".py"), target / "__init__.py"):
                if candidate.is_file():
                    yield candidate


def _imported_names(tree: ast.Module, package: str) -> Iterator[str]:
    """Dotted names below `package`; relative imports are refused, the project has none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == package)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError("relative import: write the package's name, so that the closure can follow it")
            if node.module and node.module.split(".")[0] == package:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
