"""One digest for all the code that a script can run.

Snakemake does not watch imported modules, and it watches scripts only by their modification time. So each job has this
digest in its params. The job then reruns when the meaning of its code changes, and only then. Comments, docstrings and
formatting do not count, nor do the place and the times of the files.
"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

from normreg.errors import NormregError


class Sources:
    """The scripts in a folder and the package beside them.

    Each object reads each file once. Make a new object to see later edits.
    """

    def __init__(self, folder: Path, package: str = "normreg") -> None:
        """Says where the code is.

        Args:
            folder: the folder of the scripts and the package.
            package: the package's name. All other imports are installed packages, which are not followed.
        """
        self.folder, self.package = folder, package
        self._files: dict[str, tuple[list[str], str]] = {}

    def digest(self, script: str) -> str:
        """The name of `script` and 16 hex digits: SHA-256 over the syntax trees of `closure(script)`.

        The digest is the same under every supported Python. It contains the script's name because Snakemake compares
        only the values of params, not their keys.

        Raises:
            NormregError: a file is not valid Python, or has a relative import.
        """
        trees = [f"{name} {self._read(name)[1]}\n" for name in self.closure(script)]
        return f"{script} {hashlib.sha256(''.join(trees).encode()).hexdigest()[:16]}"

    def closure(self, script: str) -> list[str]:
        """`script` and all modules of the package that it imports, directly or not: sorted paths below the folder."""
        found: set[str] = set()
        waiting = [script]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self._read(name)[0])
        return sorted(found)

    def _read(self, name: str) -> tuple[list[str], str]:
        """The files that this file imports, and the digest of its own syntax tree."""
        if name not in self._files:
            try:
                tree = ast.parse((self.folder / name).read_bytes(), name)
            except SyntaxError as error:
                raise NormregError(f"{name}, line {error.lineno}: {error.msg}. Correct this file.") from error
            imported = [file for module in _imports(tree, self.package, name) for file in self._files_of(module)]
            self._files[name] = imported, hashlib.sha256(canonical(tree).encode()).hexdigest()
        return self._files[name]

    def _files_of(self, module: str) -> Iterator[str]:
        """The files that `import a.b.c` runs: a/__init__, a/b/__init__, a/b/c. A name in a/b has no file."""
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            path = "/".join(parts[:length])
            yield from (file for file in (f"{path}.py", f"{path}/__init__.py") if (self.folder / file).is_file())


def _imports(tree: ast.Module, package: str, file: str) -> Iterator[str]:
    """The dotted names that a file imports from `package`. The last part may be a module or a name inside a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == package)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise NormregError(f"{file}, line {node.lineno}: relative import. Write the package's name instead.")
            if node.module and node.module.split(".")[0] == package:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def canonical(node: object) -> str:
    """A syntax tree as text that is the same under every supported Python. (`ast.dump` differs between versions.)

    These are left out, because they do not change what code does: positions, fields that are empty (newer Pythons add
    such fields) or carry no meaning, `pass`, and statements that are only a constant, such as docstrings. Text is
    escaped to ASCII, because the set of printable characters differs between versions.
    """
    if isinstance(node, list):
        return f"[{','.join(canonical(item) for item in node if not _does_nothing(item))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    fields = {name: getattr(node, name, None) for name in node._fields if name not in ("ctx", "kind")}
    if isinstance(node, ast.JoinedStr):  # Python 3.12.1 adds an empty text to format specifications
        fields["values"] = [v for v in node.values if not (isinstance(v, ast.Constant) and v.value == "")]
    texts = {name: canonical(value) for name, value in sorted(fields.items()) if value is not None}
    return f"{type(node).__name__}({','.join(f'{name}={text}' for name, text in texts.items() if text != '[]')})"


def _does_nothing(statement: object) -> bool:
    lone = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return lone or isinstance(statement, ast.Pass)
