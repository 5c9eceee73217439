"""One digest for all the code that a script can run.

Snakemake does not watch imported modules, and it watches scripts by their modification time. A job that carries this
digest in its params reruns when its code means something else, and at no other edit: comments, docstrings, formatting,
place and time of the files do not count.
"""

import ast
import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

from normreg.errors import NormregError


class Sources:
    """The scripts in a folder and the package beside them. Reads each file once; a new object sees later edits."""

    def __init__(self, folder: Path, package: str = "normreg", data: Collection[str] = ()) -> None:
        """Where the code is, and what of it is no code.

        Args:
            folder: holds the scripts and the package.
            package: its name; all other imports are installed packages, which are not followed.
            data: files of the package that only hold data, such as "normreg/models/networks.py". They do not count:
                whoever uses them puts the data itself into its params.
        """
        self.folder, self.package, self.data = folder, package, frozenset(data)
        self._files: dict[str, tuple[list[str], str]] = {}

    def digest(self, script: str) -> str:
        """The name of `script` and 16 hex digits: SHA-256 over the syntax trees of its closure without `data`.

        The same under every supported Python. The name stands in it because Snakemake compares params without their
        names.

        Raises:
            NormregError: a file is not Python, or imports relatively.
        """
        trees = [f"{name} {self._read(name)[1]}\n" for name in self.closure(script) if name not in self.data]
        return f"{script} {hashlib.sha256(''.join(trees).encode()).hexdigest()[:16]}"

    def closure(self, script: str) -> list[str]:
        """`script` and the modules it imports anywhere, directly or not: sorted paths below the folder."""
        found: set[str] = set()
        waiting = [script]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self._read(name)[0])
        return sorted(found)

    def _read(self, name: str) -> tuple[list[str], str]:
        """The files that a file imports, and the digest of its own tree."""
        if name not in self._files:
            try:
                tree = ast.parse((self.folder / name).read_bytes(), name)
            except SyntaxError as error:
                raise NormregError(f"{name}, line {error.lineno}: {error.msg}. Correct this file.") from error
            imported = [file for module in _imports(tree, self.package, name) for file in self._files_of(module)]
            self._files[name] = imported, hashlib.sha256(canonical(tree).encode()).hexdigest()
        return self._files[name]

    def _files_of(self, module: str) -> Iterator[str]:
        """Importing a.b.c runs a/__init__, a/b/__init__ and a/b/c; a last part that is no module is a name in one."""
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            path = "/".join(parts[:length])
            yield from (file for file in (f"{path}.py", f"{path}/__init__.py") if (self.folder / file).is_file())


def _imports(tree: ast.Module, package: str, file: str) -> Iterator[str]:
    """Dotted names in `package` of all import statements; the last part may be a name inside a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == package)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise NormregError(f"{file}, line {node.lineno}: relative import. Write the package's name instead.")
            if node.module and node.module.split(".")[0] == package:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def canonical(node: object) -> str:
    """A syntax tree as text, the same under every supported Python, which `ast.dump` is not.

    Left out are positions, fields that are empty or say nothing (newer Pythons add such fields), `pass`, and
    statements of a lone constant, which docstrings are. Text is escaped to ASCII: what counts as printable differs.
    """
    if isinstance(node, list):
        return f"[{','.join(canonical(item) for item in node if not _does_nothing(item))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    fields = {name: getattr(node, name, None) for name in node._fields if name not in ("ctx", "kind")}
    if isinstance(node, ast.JoinedStr):  # Python 3.12.1 ends format specifications with an empty text
        fields["values"] = [v for v in node.values if not (isinstance(v, ast.Constant) and v.value == "")]
    texts = {name: canonical(value) for name, value in sorted(fields.items()) if value is not None}
    return f"{type(node).__name__}({','.join(f'{name}={text}' for name, text in texts.items() if text != '[]')})"


def _does_nothing(statement: object) -> bool:
    lone = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return lone or isinstance(statement, ast.Pass)
