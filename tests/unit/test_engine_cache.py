"""The cache of compiled kernels: what is not, byte for byte, what was written is never loaded, but compiled again."""

import hashlib
import logging
import os
import pickle
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from normreg.engines.numba_cpu import codegen, compiled, kernels
from normreg.engines.numba_cpu.trainer import EngineTrainer
from normreg.utils.files import exclusive

DOUBLED = """
from numba import njit, types

@njit(types.int64(types.int64), cache=True)
def doubled(x):
    return 2 * x
"""
# In another process: the module's path of a small source, and what its kernel gives for 21. Warnings go to stderr.
USE = """
import sys, logging
from pathlib import Path
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
from normreg.engines.numba_cpu import kernels
module = kernels._module("small", sys.argv[2], Path(sys.argv[1]))
print(module.doubled(21))
"""
# In another process: an epoch on the images that are given, and the digest of all weights after it.
TRAIN = """
import sys, logging, hashlib
from pathlib import Path
import torch
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
torch.set_num_threads(1)
from normreg.engines.numba_cpu.trainer import EngineTrainer
condition, data = torch.load(sys.argv[2], weights_only=False)
trainer = EngineTrainer(condition, 0, data, Path(sys.argv[1]))
trainer.run_epoch(1)
state = trainer.model.state_dict()
print(hashlib.sha256(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest())
"""


def one_bit(content: bytes) -> bytes:
    """The same with one bit of its middle changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES = {
    "cut": lambda content: content[: len(content) // 2],
    "flipped": one_bit,
    "emptied": lambda _: b"",
    "appended": lambda content: content + b"\nraise SystemExit('appended code ran')\n",
    "a pickle": lambda _: pickle.dumps(print),
}


@pytest.fixture
def start(root):
    """A function that starts Python code with arguments in another process; what is left is killed at the end."""
    started = []

    def run(code, *arguments, **variables):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(root / "workflow/scripts"), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def use(start):
    """A function that uses the small module in another process; gives the lines of its log."""

    def run(cache, **variables):
        process = start(USE, cache, DOUBLED, **variables)
        found, said = process.communicate()
        assert (process.returncode, found) == (0, "42\n"), said
        return said.splitlines()

    return run


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A function that loads the small module as if in a new process; its file is at `path`."""
    monkeypatch.setattr(kernels, "_imported", {})

    def load():
        kernels._imported.clear()
        assert kernels._module("small", DOUBLED, tmp_path).doubled(21) == 42

    load()
    (load.path,) = tmp_path.iterdir()
    return load


# --- the file


def test_files_come_back_as_they_were(tmp_path):
    files = {"a.nbi": b"", "b.nbc": bytes(range(256)) * 100}
    compiled.write(tmp_path / "x.kernels", files)
    assert compiled.read(tmp_path / "x.kernels") == files
    assert compiled.read(tmp_path / "y.kernels") is None


def test_every_bit_and_every_length_counts(tmp_path):
    path = tmp_path / "x.kernels"
    compiled.write(path, {"a.nbi": b"index", "b.nbc": random.Random(0).randbytes(300)})
    right = path.read_bytes()
    for place in range(len(right)):
        for bit in range(8):
            path.write_bytes(right[:place] + bytes([right[place] ^ 1 << bit]) + right[place + 1 :])
            assert compiled.read(path) is None, (place, bit)
        path.write_bytes(right[:place])
        assert compiled.read(path) is None, place
    path.write_bytes(right + b"\0")
    assert compiled.read(path) is None
    path.write_bytes(right)
    assert compiled.read(path) is not None


# --- the module in it


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_compiled_again_with_one_line(small, damage, caplog):
    small.path.write_bytes(DAMAGES[damage](small.path.read_bytes()))
    with caplog.at_level(logging.INFO, logger="normreg"):
        small()
        small()
    assert caplog.messages == [f"{small.path} is damaged: not loaded, its kernels are compiled again"]
    assert compiled.read(small.path) is not None


def test_a_deleted_file_is_compiled_again_with_one_line(small, caplog):
    small.path.unlink()
    with caplog.at_level(logging.INFO, logger="normreg"):
        small()
        small()
    assert caplog.messages == [f"compiling kernels into {small.path}"]


def test_a_file_in_the_place_of_another_is_not_loaded(small, tmp_path, caplog):
    """It is whole, and its name says what it should be."""
    kernels._module("other", DOUBLED.replace("2 * x", "3 * x"), tmp_path)
    (other,) = tmp_path.glob("other_*")
    shutil.copy(other, small.path)
    small()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "is damaged" in caplog.text


def test_nothing_is_compiled_that_is_there(small, monkeypatch):
    monkeypatch.setattr("numba.core.dispatcher.Dispatcher._compile_for_args", None)
    monkeypatch.setattr("numba.core.dispatcher._FunctionCompiler.compile", None)
    small()


def test_it_is_loaded_from_a_folder_that_cannot_be_written_to(small, tmp_path, monkeypatch):
    for path in (small.path, tmp_path):
        path.chmod(0o500)
    try:
        monkeypatch.setattr("numba.core.dispatcher._FunctionCompiler.compile", None)
        small()
    finally:
        tmp_path.chmod(0o700)


def test_code_laid_beside_it_does_not_run(small, use, tmp_path):
    """Neither source nor Python's compiled source is read from the cache."""
    name = small.path.stem
    (tmp_path / f"{name}.py").write_text("raise SystemExit('ran')")
    (tmp_path / "__pycache__").mkdir()
    shutil.copy(__file__, tmp_path / "__pycache__" / f"{name}.{sys.implementation.cache_tag}.pyc")
    assert use(tmp_path) == []


def test_numbas_own_folder_for_caches_is_not_used(small, use, tmp_path):
    """What lies there is verified by nobody."""
    own = tmp_path / "own"
    small.path.unlink()
    assert use(tmp_path, NUMBA_CACHE_DIR=str(own)) == [f"compiling kernels into {small.path}"]
    assert not own.exists()
    assert use(tmp_path, NUMBA_CACHE_DIR=str(own)) == []
    assert not own.exists()


# --- settings of numba


def test_code_compiled_under_other_settings_has_a_file_of_its_own(small, use, tmp_path):
    (line,) = use(tmp_path, NUMBA_OPT="1")
    assert Path(line.removeprefix("compiling kernels into ")) != small.path
    assert use(tmp_path, NUMBA_OPT="1") == use(tmp_path) == []


def test_without_compiling_pytorch_trains_and_no_kernel_file_is_left(small, start, tmp_path):
    code = "from normreg.engines.numba_cpu import contract; print(contract.lacking())"
    found, said = start(code, NUMBA_DISABLE_JIT="1").communicate()
    assert "NUMBA_DISABLE_JIT is set" in found, said


def test_a_file_without_kernels_is_no_kernel_file(small, use, tmp_path):
    """As older versions left it after a run with NUMBA_DISABLE_JIT."""
    compiled.write(small.path, {})
    assert use(tmp_path) == [f"{small.path} is damaged: not loaded, its kernels are compiled again"]
    assert use(tmp_path) == []


# --- processors

HASWELL = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"}


@pytest.mark.skipif(os.environ.get("NUMBA_CPU_NAME") == "haswell", reason="there is no other processor than haswell")
def test_a_processor_loads_only_what_was_compiled_for_it(small, use, tmp_path):
    first = small.path.read_bytes()
    (line,) = use(tmp_path, **HASWELL)
    other = Path(line.removeprefix("compiling kernels into "))
    assert {path for path in tmp_path.iterdir() if path.suffix == ".kernels"} == {small.path, other}
    assert small.path.read_bytes() == first
    assert use(tmp_path, **HASWELL) == []
    assert use(tmp_path) == []
    # Not even where it has the name of what was compiled for this processor.
    shutil.copy(other, small.path)
    assert use(tmp_path) == [f"{small.path} is damaged: not loaded, its kernels are compiled again"]
    assert "haswell" not in _processor_of(small.path)
    assert "haswell" in _processor_of(other)


def _processor_of(path):
    """What numba notes of the processor in the index of a kernel."""
    (index,) = (content for name, content in compiled.read(path).items() if name.endswith(".nbi"))
    return index.decode("latin-1")


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr(kernels.numba, "__version__", "0"),
        lambda patch: patch.setattr(kernels.llvmlite, "__version__", "0"),
        lambda patch: patch.setattr(sys.implementation, "cache_tag", "other-1"),
        lambda patch: patch.setattr(codegen, "__file__", __file__),
    ],
    ids=["numba", "llvmlite", "Python", "engine"],
)
def test_the_name_follows_all_that_machine_code_depends_on(monkeypatch, change):
    before = kernels._digest(DOUBLED)
    assert kernels._digest(DOUBLED) == before
    assert kernels._digest(f"{DOUBLED}\n") != before
    change(monkeypatch)
    assert kernels._digest(DOUBLED) != before


# --- processes


def test_of_two_processes_that_find_damage_one_compiles(small, start, tmp_path):
    """Both wait at the lock that the test holds, so both have seen the damage."""
    small.path.write_bytes(one_bit(small.path.read_bytes()))
    with exclusive(tmp_path / f".{small.path.stem}.lock", "the test"):
        processes = [start(USE, tmp_path, DOUBLED) for _ in range(2)]
        assert all("compilation of the kernels is locked by" in p.stderr.readline() for p in processes)
    results = [process.communicate() for process in processes]
    assert [(process.returncode, found) for process, (found, _) in zip(processes, results, strict=True)] == [
        (0, "42\n"),
        (0, "42\n"),
    ]
    assert sum(said.count("is damaged") for _, said in results) == 1
    assert compiled.read(small.path) is not None


def test_a_process_killed_while_compiling_leaves_nothing_that_is_loaded(small, start, use, tmp_path):
    small.path.unlink()
    stop = "\nkernels.compiled.write = lambda *_: (print('compiled', flush=True), sys.stdin.read())\n"
    before, after = USE.split("module = ")
    process = start(f"{before}{stop}module = {after}", tmp_path, DOUBLED)
    assert process.stdout.readline() == "compiled\n"
    process.kill()
    process.wait()
    assert use(tmp_path) == [f"compiling kernels into {small.path}"]


# --- training


def swap(paths):
    """Every file gets the content of another."""
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(paths, [*contents[1:], contents[0]], strict=True):
        path.write_bytes(content)


RUINS = {
    name: lambda paths, damage=damage: [p.write_bytes(damage(p.read_bytes())) for p in paths]
    for name, damage in DAMAGES.items()
} | {
    "deleted": lambda paths: [path.unlink() for path in paths],
    "swapped": swap,
}


# By default, the tests above damage a small module. Networks and shared kernels are read by the same function.
@pytest.mark.slow
@pytest.mark.parametrize(("ruin", "which", "lines"), [("flipped", "shared_*", 1), *((name, "*", 2) for name in RUINS)])
def test_training_with_a_ruined_cache_gives_the_same_bits(
    ruin, which, lines, condition, blobs, kernel_cache, start, tmp_path
):
    """A line in the log for each file it needs and finds ruined, and the next process finds all in order."""
    chosen, cache = condition(), tmp_path / "kernels"
    mine = EngineTrainer(chosen, 0, blobs, kernel_cache)
    mine.run_epoch(1)
    values = mine.model.state_dict().values()
    expected = hashlib.sha256(b"".join(value.numpy().tobytes() for value in values)).hexdigest()
    shutil.copytree(kernel_cache, cache, ignore=shutil.ignore_patterns(".*"))
    assert len(list(cache.iterdir())) >= 2
    RUINS[ruin](sorted(cache.glob(which)))
    torch.save((chosen, blobs), tmp_path / "job.pt")
    for said_now in (lines, 0):
        process = start(TRAIN, cache, tmp_path / "job.pt")
        found, said = process.communicate()
        assert (process.returncode, found) == (0, f"{expected}\n"), said
        assert len(said.splitlines()) == said_now, said
