"""Compiled kernels from the cache, or into it.

The cache is a folder with one file a generated module, see `compiled`. The file's name holds a digest of all that the
machine code in it depends on: source, engine, compiler and processor. So nothing outdated and nothing of another
processor is ever loaded.
"""

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import llvmlite
import llvmlite.binding
import numba
from numba.core.registry import cpu_target

from normreg.engines.numba_cpu import (
    codegen,
    compiled,
    convolution,
    gradients,
    images,
    normalisation,
    optimiser,
    tiles,
    transfer,
    vectors,
    weight_gradient,
)
from normreg.engines.numba_cpu.stages import Stage
from normreg.engines.numba_cpu.tiles import Registers, choose_registers
from normreg.utils.digests import sha256
from normreg.utils.locks import exclusive

log = logging.getLogger("normreg")

# Imported here for the digest, and so that training has them among its inputs: only generated code calls them.
_COMPILED = (
    codegen,
    convolution,
    gradients,
    images,
    normalisation,
    optimiser,
    tiles,
    transfer,
    vectors,
    weight_gradient,
)
_SOURCE_TIME = 1_000_000_000  # seconds; some versions of numba discard code whose source has another time
_imported: dict[Path, ModuleType] = {}  # by the path of its compiled code


def processor() -> Registers:
    """What this processor has room for.

    Raises:
        UnsupportedError: it lacks the instructions.
    """
    return choose_registers(dict(llvmlite.binding.get_host_cpu_features()))


def load_shared(cache: Path) -> ModuleType:
    """The kernels that every network uses; compiles them if the cache does not have them."""
    return _module("shared", codegen.shared_source(), cache)


def load_network(stages: Sequence[Stage], registers: Registers, cache: Path) -> ModuleType:
    """The kernels of a network; compiles them if the cache does not have them."""
    return _module("network", codegen.network_source(stages, registers), cache)


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
    """Runs the module's source with numba's `files` beside it, which compiles each kernel that numba does not find.

    This happens in a new folder, so that numba opens no file but those given, and of no other process. It loads all
    kernels now, because their types are declared. Returns the module, and all files that numba has then.
    """
    with TemporaryDirectory(prefix="normreg-kernels-") as folder:
        path, beside = Path(folder, f"{name}.py"), Path(folder, "__pycache__")
        path.write_text(source, encoding="utf-8")
        os.utime(path, (_SOURCE_TIME, _SOURCE_TIME))
        beside.mkdir()
        for file, content in files.items():
            (beside / file).write_bytes(content)
        module = ModuleType(name)
        sys.modules[name] = module  # numba looks a function's module up by its name
        with _cache_beside_the_source():
            exec(compile(source, str(path), "exec"), module.__dict__)
        return module, {file.name: file.read_bytes() for file in sorted(beside.iterdir())}


@contextmanager
def _cache_beside_the_source() -> Iterator[None]:
    """Without the folder that NUMBA_CACHE_DIR names: what lies there is not verified."""
    chosen, numba.config.CACHE_DIR = numba.config.CACHE_DIR, ""
    try:
        yield
    finally:
        numba.config.CACHE_DIR = chosen


def _digest(source: str) -> str:
    """Of all that the machine code depends on.

    That is the generated source, the modules whose code becomes part of the kernels, Python, the compiler, and the
    processor as numba compiles for it: its name and its features.
    """
    modules = [Path(str(module.__file__)).read_bytes() for module in _COMPILED]
    tools = (sys.implementation.cache_tag, numba.__version__, llvmlite.__version__)
    target = cpu_target.target_context.codegen().magic_tuple()
    return sha256(source.encode(), *modules, repr((tools, target)).encode())[:16]
