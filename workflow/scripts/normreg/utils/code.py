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
from collections.abc import Callable, Iterator
from pathlib import Path

from normreg.errors import NormregError

# What decides the numbers of a run, for each engine: the files and folders of the package that its digest covers.
# Settings, networks and data do not stand here: their values are in the identity of the run.
_SHARED = (
    "data/augmentation.py",
    "data/crops.py",
    "data/normalise.py",
    "data/pixels.py",
    "models/",
    "training/draws.py",
    "training/evaluation.py",
    "training/history.py",
    "training/loop.py",
    "training/objective.py",
    "training/optimizer.py",
    "training/penalties.py",
    "training/schedule.py",
    "training/streams.py",
    "training/subsets.py",
    "training/trainer.py",
)
NUMBERS = {"torch": (*_SHARED, "engines/pytorch.py"), "numba": (*_SHARED, "engines/numba_cpu/")}

# What no digest covers: it decides whether, where and when a job runs, and what it says.
_PLUMBING = (
    "engines/numba_cpu/contract.py",
    "engines/rehearsal.py",
    "engines/select.py",
    "errors.py",
    "training/module_state.py",
    "training/state.py",
    "utils/atomic.py",
    "utils/devices.py",
    "utils/gpus.py",
    "utils/jobs.py",
    "utils/locks.py",
    "utils/memory.py",
    "utils/starter.py",
)


class Sources:
    """The scripts in a folder and the package beside them.

    Each object reads each file once. Make a new object to see later edits.
    """

    def __init__(self, folder: Path, package: str = "normreg", memory: Path | None = None) -> None:
        """Says where the code is.

        Args:
            folder: the folder of the scripts and the package.
            package: the package's name. All other imports are installed packages, which are not followed.
            memory: a file that keeps what was found in each source, by the source's content, for other processes.
                Parsing all sources takes longer than all else that Snakemake does in a run without jobs.
        """
        self.folder, self.package, self._inside = folder, package, f"{package}/"
        self._files: dict[str, tuple[list[str], str]] = {}
        self._memory = _Memory(memory)

    def digest(self, script: str, *modules: str) -> str:
        """The name of `script` and 16 hex digits: SHA-256 over the syntax trees of `closure` without plumbing.

        `modules` of the package are those that the script imports by name, such as "report.noise".

        The digest is the same under every supported Python. It contains the script's name because Snakemake compares
        only the values of params, not their keys.

        Raises:
            NormregError: a file is not valid Python, or has a relative import.
        """
        return f"{script} {self._sum(self.closure(script, *modules))}"

    def training(self, engine: str) -> str:
        """The name of `engine` and 16 hex digits: SHA-256 over the syntax trees of what decides its numbers.

        Raises:
            NormregError: see `digest`.
        """
        files = (path.relative_to(self.folder).as_posix() for path in (self.folder / self.package).rglob("*.py"))
        deciding = [name for name in sorted(files) if _stands_in(NUMBERS[engine], name.removeprefix(self._inside))]
        return f"{engine} {self._sum(deciding)}"

    def _sum(self, names: list[str]) -> str:
        """The digest of these files without the plumbing among them."""
        covered = [name for name in names if not _stands_in(_PLUMBING, name.removeprefix(self._inside))]
        trees = [f"{name} {self._read(name)[1]}\n" for name in covered]
        self._memory.save()
        return hashlib.sha256("".join(trees).encode()).hexdigest()[:16]

    def closure(self, script: str, *modules: str) -> list[str]:
        """`script`, `modules` and all modules of the package that they import: sorted paths below the folder."""
        found: set[str] = set()
        waiting = [script, *(f"{self._inside}{module.replace('.', '/')}.py" for module in modules)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self._read(name)[0])
        return sorted(found)

    def _read(self, name: str) -> tuple[list[str], str]:
        """The files that this file imports, and the digest of its own syntax tree."""
        if name not in self._files:
            modules, digest = self._memory.recall(
                (self.folder / name).read_bytes(), lambda text: self._parse(text, name)
            )
            self._files[name] = [file for module in modules for file in self._files_of(module)], digest
        return self._files[name]

    def _parse(self, text: bytes, name: str) -> tuple[list[str], str]:
        """The dotted names that a source imports from the package, and the digest of its syntax tree."""
        try:
            tree = ast.parse(text, name)
        except SyntaxError as error:
            raise NormregError(f"{name}, line {error.lineno}: {error.msg}. Correct this file.") from error
        return list(_imports(tree, self.package, name)), hashlib.sha256(canonical(tree).encode()).hexdigest()

    def _files_of(self, module: str) -> Iterator[str]:
        """The files that `import a.b.c` runs: a/__init__, a/b/__init__, a/b/c. A name in a/b has no file."""
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            path = "/".join(parts[:length])
            yield from (file for file in (f"{path}.py", f"{path}/__init__.py") if (self.folder / file).is_file())


def of_training(engine: str) -> str:
    """`Sources.training` of the package that runs."""
    return Sources(Path(__file__).parents[2]).training(engine)


def _stands_in(places: tuple[str, ...], name: str) -> bool:
    """Whether one of the files and folders (which end in a slash) is or holds this file."""
    return any(name == place or (place.endswith("/") and name.startswith(place)) for place in places)


class _Memory:
    """What was found in sources, in a file. It is a cache: if it cannot be read or written, nothing is lost."""

    def __init__(self, path: Path | None) -> None:
        self.path, self.changed = path, False
        self.known: dict[str, tuple[list[str], str]] = {}
        # What this module finds in a source depends on this module too.
        self.own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
        if path is not None:
            with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
                saved = json.loads(path.read_text(encoding="utf-8"))
                text = json.dumps(saved["known"], sort_keys=True)
                if saved["sum"] == hashlib.sha256(f"{self.own}{text}".encode()).hexdigest():
                    self.known = {key: (modules, digest) for key, (modules, digest) in saved["known"].items()}

    def recall(self, text: bytes, parse: Callable[[bytes], tuple[list[str], str]]) -> tuple[list[str], str]:
        """What `parse` returns for this source, from the file if it is there."""
        key = hashlib.sha256(text).hexdigest()
        if key not in self.known:
            self.known[key], self.changed = parse(text), True
        return self.known[key]

    def save(self) -> None:
        """Writes the file if it lacks something. Of processes that write at once, one wins."""
        if self.path is None or not self.changed:
            return
        text = json.dumps(self.known, sort_keys=True)
        content = {"known": self.known, "sum": hashlib.sha256(f"{self.own}{text}".encode()).hexdigest()}
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(content), encoding="utf-8")
            os.replace(temporary, self.path)
        self.changed = False


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
