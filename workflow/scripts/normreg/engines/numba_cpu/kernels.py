"""Loads compiled kernels from the cache, and compiles missing ones into it.

The cache is a folder with one file for each generated module, see `compiled`. The file's name has a digest of all that
its machine code depends on: source, engine, compiler and processor. So outdated and foreign kernels
are never loaded.
"""

import hashlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import llvmlite
import numba
from numba.core.registry import cpu_target

from normreg.engines.numba_cpu import (
    arrays,
    codegen,
    compiled,
    convolution,
    gradients,
    images,
    machine,
    normalisation,
    optimiser,
    steps,
    tiles,
    transfer,
    vectors,
    weight_gradient,
)
from normreg.engines.numba_cpu.stages import Stage
from normreg.utils.files import exclusive

log = logging.getLogger("normreg")

# Only generated code calls these modules. They are imported here for the digest of the kernels, and so that the digest
# of the training script covers them.
_COMPILED = (
    arrays,
    codegen,
    convolution,
    gradients,
    images,
    machine,
    normalisation,
    optimiser,
    steps,
    tiles,
    transfer,
    vectors,
    weight_gradient,
)
# Settings of numba that change the code it makes. They come from the environment or a file in the working directory.
_SETTINGS = (
    *("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "DEBUG_JIT", "ENABLE_AVX"),
    *("DISABLE_INTEL_SVML", "EXTEND_VARIABLE_LIFETIMES", "ENABLE_PROFILING", "JIT_COVERAGE", "LLVM_REFPRUNE_PASS"),
)
_SOURCE_TIME = 1_000_000_000  # seconds; always the same, because some versions of numba discard code if it changes
_imported: dict[Path, ModuleType] = {}  # modules by the path of their compiled code


def load_shared(cache: Path) -> ModuleType:
    """The kernels that all networks use. Compiles them if the cache does not have them."""
    return _module("shared", codegen.shared_source(), cache)


def load_network(stages: Sequence[Stage], cache: Path) -> ModuleType:
    """The kernels of a network. Compiles them if the cache does not have them."""
    return _module("network", codegen.network_source(stages), cache)


def _module(kind: str, source: str, cache: Path) -> ModuleType:
    path = cache / f"{kind}_{_digest(source)}.kernels"
    if path not in _imported:
        files = compiled.read(path)
        _imported[path] = _make(path, source) if files is None else _import(path.stem, source, files)[0]
    return _imported[path]


def _make(path: Path, source: str) -> ModuleType:
    """Compiles the module into `path`, unless another process has just done it."""
    with exclusive(path.with_name(f".{path.stem}.lock"), "compilation of the kernels"):
        files = compiled.read(path)
        if files is not None:
            return _import(path.stem, source, files)[0]
        if path.exists():
            log.warning("%s is damaged: not loaded, its kernels are compiled again", path)
        else:
            log.info("compiling kernels into %s", path)
        module, files = _import(path.stem, source, {})
        compiled.write(path, files)
    return module


def _import(name: str, source: str, files: Mapping[str, bytes]) -> tuple[ModuleType, dict[str, bytes]]:
    """Runs the module's source in a folder with numba's `files`. Numba compiles each kernel that they lack.

    The folder is new, so that numba opens only the given files and none of another process. All kernels are loaded now,
    because their types are declared. Returns the module, and all files that numba then has.
    """
    with TemporaryDirectory(prefix="normreg-kernels-") as folder:
        path, beside = Path(folder, f"{name}.py"), Path(folder, "__pycache__")
        path.write_text(source, encoding="utf-8")
        os.utime(path, (_SOURCE_TIME, _SOURCE_TIME))
        beside.mkdir()
        for file, content in files.items():
            (beside / file).write_bytes(content)
        module = ModuleType(name)
        sys.modules[name] = module  # numba finds the module of a function by its name
        with _cache_beside_the_source():
            exec(compile(source, str(path), "exec"), module.__dict__)
        return module, {file.name: file.read_bytes() for file in sorted(beside.iterdir())}


@contextmanager
def _cache_beside_the_source() -> Iterator[None]:
    """Makes numba ignore the folder NUMBA_CACHE_DIR, because files in it are not verified."""
    chosen, numba.config.CACHE_DIR = numba.config.CACHE_DIR, ""
    try:
        yield
    finally:
        numba.config.CACHE_DIR = chosen


def _digest(source: str) -> str:
    """A digest of all that the machine code depends on.

    That is: the generated source, the modules whose code becomes part of the kernels, Python, the compiler and its
    settings (NUMBA_OPT and others), and the name and features of the processor for which numba compiles.
    """
    settings = {name: repr(getattr(numba.config, name)) for name in _SETTINGS}
    modules = [Path(str(module.__file__)).read_bytes() for module in _COMPILED]
    tools = (sys.implementation.cache_tag, numba.__version__, llvmlite.__version__)
    target = cpu_target.target_context.codegen().magic_tuple()
    parts = (source.encode(), *modules, repr((tools, settings, target)).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]
