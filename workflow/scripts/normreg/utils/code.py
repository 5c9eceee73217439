"""Digests of the code that decides what a job writes.

Snakemake does not watch imported modules, and it watches scripts only by their modification time. So each job's params
hold a digest of the code that the job can run, and each `metrics.csv` holds a digest of the code that decided its
numbers. What is made by other code is made again, and nothing else is. Comments, docstrings, formatting, and the
messages of errors and of the log do not count, nor do the place and the times of the files.
"""

import ast
import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from normreg.errors import NormregError

_PACKAGE = "normreg"
# What decides the numbers of a run, for each engine: the beginnings of the names, below the package, of the files that
# its digest covers.
# Settings, networks and data do not stand here: their values are in the identity of the run.
_SHARED = (
    "data/augmentation.py",
    "data/pixels.py",
    "models/",
    "training/draws.py",
    "training/evaluation.py",
    "training/loop.py",
    "training/objective.py",
    "training/schedule.py",
    "training/subsets.py",
)
NUMBERS = {"torch": (*_SHARED, "engines/pytorch.py"), "numba": (*_SHARED, "engines/numba_cpu/")}

# What no digest covers: it decides whether, where and when a job runs, and what it says.
_PLUMBING = (
    "engines/numba_cpu/contract.py",
    "engines/rehearsal.py",
    "engines/select.py",
    "errors.py",
    "training/state.py",
    "utils/devices.py",
    "utils/files.py",
    "utils/jobs.py",
)


class Sources:
    """The scripts in a folder and the package beside them.

    Each object reads each file once. Make a new object to see later edits.
    """

    def __init__(self, folder: Path, memory: Path | None = None) -> None:
        """Says where the code is.

        Args:
            folder: the folder of the scripts and the package. All other imports are installed packages, which are not
                followed.
            memory: a file that keeps what was found in each source, by the source's content, for other processes.
                Parsing all sources takes longer than all else that Snakemake does in a run without jobs.
        """
        self.folder = folder
        self._files: dict[str, tuple[list[str], str]] = {}
        self._memory = memory
        self._known: dict[str, tuple[list[str], str]] = {}  # by the SHA-256 of a source
        # What this module finds in a source depends on this module too.
        self._finder = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
        if memory is not None:  # a cache: if it cannot be read or written, nothing is lost
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                saved = json.loads(memory.read_text(encoding="utf-8"))
                self._known = dict(saved["known"]) if saved["by"] == self._finder else {}
        self._remembered = len(self._known)

    def digest(self, script: str, *modules: str) -> str:
        """The name of `script` and 16 hex digits: SHA-256 over the syntax trees of `closure` without plumbing.

        `modules` of the package are those that the script imports by name, such as "report.noise".

        The digest is the same under every supported Python. It contains the script's name because Snakemake compares
        only the values of params, not their keys.

        Raises:
            NormregError: a file is not valid Python.
        """
        return f"{script} {self._sum(self.closure(script, *modules))}"

    def training(self, engine: str) -> str:
        """The name of `engine` and 16 hex digits: SHA-256 over the syntax trees of what decides its numbers.

        Raises:
            NormregError: see `digest`.
        """
        files = (path.relative_to(self.folder).as_posix() for path in (self.folder / _PACKAGE).rglob("*.py"))
        deciding = [name for name in sorted(files) if name.removeprefix(f"{_PACKAGE}/").startswith(NUMBERS[engine])]
        return f"{engine} {self._sum(deciding)}"

    def _sum(self, names: list[str]) -> str:
        """The digest of these files without the plumbing among them."""
        covered = [name for name in names if not name.removeprefix(f"{_PACKAGE}/").startswith(_PLUMBING)]
        trees = [f"{name} {self._read(name)[1]}\n" for name in covered]
        self._remember()
        return hashlib.sha256("".join(trees).encode()).hexdigest()[:16]

    def closure(self, script: str, *modules: str) -> list[str]:
        """`script`, `modules` and all modules of the package that they import: sorted paths below the folder."""
        found: set[str] = set()
        waiting = [script, *(f"{_PACKAGE}/{module.replace('.', '/')}.py" for module in modules)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self._read(name)[0])
        return sorted(found)

    def _read(self, name: str) -> tuple[list[str], str]:
        """The files that this file imports, and the digest of its own syntax tree."""
        if name not in self._files:
            text = (self.folder / name).read_bytes()
            key = hashlib.sha256(text).hexdigest()
            if key not in self._known:
                self._known[key] = self._parse(text, name)
            modules, digest = self._known[key]
            files = (file for module in modules for file in files_of(self.folder, module))
            self._files[name] = [file.relative_to(self.folder).as_posix() for file in files], digest
        return self._files[name]

    def _remember(self) -> None:
        """Writes the memory if it lacks something. Of processes that write at once, one wins."""
        if self._memory is None or len(self._known) == self._remembered:
            return
        temporary = self._memory.with_name(f".{self._memory.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps({"by": self._finder, "known": self._known}), encoding="utf-8")
            os.replace(temporary, self._memory)
        self._remembered = len(self._known)

    def _parse(self, text: bytes, name: str) -> tuple[list[str], str]:
        """The dotted names that a source imports from the package, and the digest of its syntax tree."""
        try:
            tree = ast.parse(text, name)
        except SyntaxError as error:
            raise NormregError(f"{name}, line {error.lineno}: {error.msg}. Correct this file.") from error
        own = [module for module in imports(tree) if module.split(".")[0] == _PACKAGE]
        return own, hashlib.sha256(canonical(tree).encode()).hexdigest()


def of_training(engine: str) -> str:
    """`Sources.training` of the package that runs."""
    return Sources(Path(__file__).parents[2]).training(engine)


def imports(tree: ast.Module, package: tuple[str, ...] = ()) -> Iterator[str]:
    """The dotted names that a file in `package` imports. The last part may be a module or a name inside of one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            yield from (".".join(filter(None, (*above, node.module, alias.name))) for alias in node.names)


def files_of(folder: Path, module: str) -> Iterator[Path]:
    """The files below a folder that `import a.b.c` runs: a/__init__, a/b/__init__, a/b/c. A name in a/b has no file."""
    place = folder
    for part in module.split("."):
        place = place / part
        yield from (file for file in (place.with_name(f"{part}.py"), place / "__init__.py") if file.is_file())


def canonical(node: object) -> str:
    """A syntax tree as text that is the same under every supported Python. (`ast.dump` differs between versions.)

    These are left out, because they do not change what code writes: positions, fields that are empty (newer Pythons add
    such fields) or carry no meaning, `pass`, statements that are only a constant, such as docstrings, lines of the log,
    and what a raised error says. Text is escaped to ASCII, because the set of printable characters differs between
    versions.
    """
    if isinstance(node, list):
        return f"[{','.join(canonical(item) for item in node if not _does_nothing(item))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    fields = {name: getattr(node, name, None) for name in node._fields if name not in ("ctx", "kind")}
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        fields["exc"] = node.exc.func
    if isinstance(node, ast.JoinedStr):  # Python 3.12.1 adds an empty text to format specifications
        fields["values"] = [v for v in node.values if not (isinstance(v, ast.Constant) and v.value == "")]
    texts = {name: canonical(value) for name, value in sorted(fields.items()) if value is not None}
    return f"{type(node).__name__}({','.join(f'{name}={text}' for name, text in texts.items() if text != '[]')})"


def _does_nothing(statement: object) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant) or _is_log_line(statement.value)
    return isinstance(statement, ast.Pass)


def _is_log_line(call: ast.expr) -> bool:
    """Whether this is `log.info(...)` or the like. Modules call their logger `log`."""
    function = call.func if isinstance(call, ast.Call) else None
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "log"
