"""Compiled kernels from the cache, or into it.

The cache is a folder of generated modules, each with numba's compiled code beside it. A module's name holds a digest of
its source and of the engine's, so that nothing outdated is ever loaded; numba itself distinguishes processors.
"""

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import llvmlite
import llvmlite.binding
import numba

from normreg.engines.numba_cpu import (
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
from normreg.engines.numba_cpu.stages import Stage
from normreg.engines.numba_cpu.tiles import Registers, choose_registers
from normreg.utils.atomic import replacing
from normreg.utils.digests import sha256
from normreg.utils.locks import exclusive

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
_SOURCE_TIME = 1_000_000_000  # seconds; numba discards code whose source has another time, and copying changes times


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
    name = f"{kind}_{_digest(source)}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(cache / f"{name}.py"):
        return known
    complete = cache / f"{name}.complete"
    if complete.exists():
        return _load(name, source, cache)
    with exclusive(cache / f".{name}.lock", "compilation of the kernels"):
        module = _load(name, source, cache)
        complete.touch()
    return module


def _load(name: str, source: str, cache: Path) -> ModuleType:
    """Imports the module, which compiles each kernel that numba does not find beside it."""
    path = cache / f"{name}.py"
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(source, encoding="utf-8")
    if path.stat().st_mtime != _SOURCE_TIME:
        os.utime(path, (_SOURCE_TIME, _SOURCE_TIME))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # numba looks a function's module up by its name
    spec.loader.exec_module(module)
    return module


def _digest(source: str) -> str:
    """Of the generated source, of the modules whose code becomes part of the kernels, and of the compiler."""
    modules = [Path(str(module.__file__)).read_bytes() for module in _COMPILED]
    return sha256(source.encode(), *modules, f"{numba.__version__} {llvmlite.__version__}".encode())[:16]
