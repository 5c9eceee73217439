"""`make` and .venv: envs/install.py in a small project, whose packages lie on this disk. `make clean` and names."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from waiting import HANG

# `make test` hands these to its tests; with them, a make that a test starts says which folder it enters and leaves.
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
_PACKAGING = distribution("packaging")
# Unpacks wheels as uv would, and counts its calls. It waits while there is a file `wait`.
_UV = f"""#!{sys.executable}
import os, sys, time, zipfile
from pathlib import Path
here = Path(__file__).parent
with open(here / "calls", "a") as calls:
    calls.write("x")
venv = Path(sys.argv[sys.argv.index("--python") + 1]).parents[1]
while (here / "wait").exists():
    time.sleep(0.02)
(packages,) = venv.glob("lib/*/site-packages")
for pin in Path(sys.argv[sys.argv.index("--requirement") + 1]).read_text().split():
    zipfile.ZipFile(next(here.glob(pin.replace("==", "-") + "-*.whl"))).extractall(packages)
"""


def write_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"]).encode()
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    code = [file for file in _PACKAGING.files or () if file.parts[0] == "packaging" and file.suffix == ".py"]
    write_wheel(folder, "packaging", _PACKAGING.version, {str(file): file.read_binary() for file in code})
    for name, version in (("tool", "1.0"), ("mine", "2.0")):
        write_wheel(folder, name, version, {f"{name}.py": b""})
    return folder


class Clone:
    """A project with one pin to run and one to develop."""

    def __init__(self, root: Path, folder: Path, wheels: Path, pip: bool = False) -> None:
        self.folder, self.venv, self.bin = folder, folder / ".venv", folder.parent / "bin"
        (folder / "envs").mkdir(parents=True)
        code = (root / "envs/install.py").read_text().replace("import matplotlib.pyplot", "import packaging #")
        if not pip:
            code = code.replace('"-m", "venv"', '"-m", "venv", "--without-pip"')
            shutil.copytree(wheels, self.bin)
            (self.bin / "uv").write_text(_UV)
            (self.bin / "uv").chmod(0o755)
        (folder / "envs/install.py").write_text(code)
        shutil.copy(root / "Makefile", folder)
        (folder / "requirements.lock").write_text(f"# To run.\npackaging=={_PACKAGING.version}\n")
        (folder / "requirements-dev.lock").write_text("tool==1.0\n")
        local = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
        path = os.pathsep.join([str(self.bin), "/usr/bin", "/bin"])  # no other uv than ours
        ours = {name: value for name, value in os.environ.items() if name not in _OF_MAKE}
        self.environment = {**ours, **local, "PATH": path, "TORCH": "", "PYTHONPATH": ""}
        self.command = ["make", f"PYTHON={sys.executable}"]

    def make(self, *words: str, code: int = 0) -> str:
        done = subprocess.run([*self.command, *words], **self.where(), timeout=HANG)
        assert (done.returncode == 0) == (code == 0), done.stdout
        return done.stdout

    def begin(self, *words: str) -> subprocess.Popen:
        return subprocess.Popen([*self.command, *words], **self.where())

    def where(self) -> dict:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return {"cwd": self.folder, "env": self.environment, "text": True, **pipes}

    def calls(self) -> int:
        file = self.bin / "calls"
        return len(file.read_text()) if file.exists() else 0

    def installed(self) -> set[str]:
        return {path.stem for path in self.venv.glob("lib/*/site-packages/*.py")}


@pytest.fixture
def new_clone(root, tmp_path, wheels):
    return lambda name="clone", **more: Clone(root, tmp_path / name, wheels, **more)


@pytest.fixture
def clone(new_clone) -> Clone:
    return new_clone()


def until(true) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < HANG
        time.sleep(0.02)


def snapshot(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def test_a_ready_environment_is_left_alone_whatever_the_times(clone):
    assert "Installing 1 pins into .venv with uv" in clone.make("install")
    before = snapshot(clone.venv)
    os.utime(clone.folder / "requirements.lock", (4e9, 4e9))
    assert clone.make("install") == ""
    assert snapshot(clone.venv) == before
    clone.make("install-dev")
    assert clone.installed() == {"tool"}
    assert clone.make("install") == clone.make("install-dev") == ""
    assert clone.calls() == 2


@pytest.mark.parametrize("what", ["interpreter", "cut short", "a package", "moved", "another lock", "another python"])
def test_a_broken_environment_is_made_again(clone, what):
    clone.make("install")
    (packages,) = clone.venv.glob("lib/*/site-packages")
    (packages / "left_over.py").touch()
    if what == "interpreter":
        (clone.venv / "bin/python").unlink()
    elif what == "cut short":
        (clone.bin / "wait").touch()
        (packages / "packaging/__init__.py").unlink()
        shutil.rmtree(next(packages.glob("packaging-*")))
        running = clone.begin("install")
        until(lambda: clone.calls() == 2)
        running.kill()
        (clone.bin / "wait").unlink()
    elif what == "a package":
        shutil.rmtree(next(packages.glob("packaging-*")))
    elif what == "moved":
        clone.folder = clone.folder.rename(clone.folder.with_name("elsewhere"))
        clone.venv = clone.folder / ".venv"
    elif what == "another lock":
        (clone.folder / "requirements.lock").write_text(f"packaging=={_PACKAGING.version}\nmine==2.0\n")
    elif what == "another python":  # says that it is Python 3.1
        python = clone.venv / "bin/python"
        real = python.rename(python.with_name("real"))
        python.write_text(f"#!/bin/sh\n{real} \"$@\" | sed 's/\\[3, [0-9]*\\]/[3, 1]/'\n")
        python.chmod(0o755)
    clone.make("install")
    assert "left_over" not in clone.installed()
    assert clone.make("install") == ""
    subprocess.run([clone.venv / "bin/python", "-I", "-c", "import packaging"], check=True)


def test_what_somebody_has_installed_besides_is_named_before_it_goes(clone, wheels):
    clone.make("install")
    (packages,) = clone.venv.glob("lib/*/site-packages")
    with zipfile.ZipFile(wheels / "mine-2.0-py3-none-any.whl") as wheel:
        wheel.extractall(packages)
    (clone.folder / "requirements.lock").write_text(f"packaging=={_PACKAGING.version}\ntool==1.0\n")
    assert f"{clone.venv}/bin/python -m pip install mine==2.0\n" in clone.make("install")
    assert clone.installed() == {"tool"}


@pytest.mark.parametrize("kind", ["link", "folder", "dead link", "file"])
def test_an_environment_that_make_has_not_made_is_never_changed(clone, kind):
    other = clone.folder / "other"
    (other / "bin").mkdir(parents=True)
    (other / "precious").touch()
    before = snapshot(other)
    if kind == "folder":
        other.rename(clone.venv)
        other = clone.venv
        before = snapshot(other)
    elif kind == "file":
        clone.venv.write_text("precious")
    else:
        clone.venv.symlink_to("gone" if kind == "dead link" else other)
    said = clone.make("install", code=2)
    assert "so make leaves it as it is, but" in said
    assert "mv .venv old-venv" in said
    assert clone.calls() == 0
    assert snapshot(other) == before
    assert os.path.lexists(clone.venv)


def test_an_environment_that_make_has_not_made_is_used_if_it_has_the_pins(clone, new_clone):
    clone.make("install")
    (clone.venv / "made-by-make").unlink()
    assert clone.make("install") == ""
    assert "it lacks 1 of 2 pins, such as tool==1.0" in clone.make("install-dev", code=2)
    clone.folder.joinpath("second").mkdir()
    shutil.copytree(clone.folder / "envs", clone.folder / "second/envs")
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(clone.folder / name, clone.folder / "second")
    clone.folder /= "second"
    (clone.folder / ".venv").symlink_to(clone.venv)
    assert clone.make("install") == ""


def test_targets_side_by_side_install_all_that_they_need(clone):
    (clone.folder / "requirements-slurm.lock").write_text("mine==2.0\n")
    clone.make("-j3", "install", "install-dev", "slurm")
    assert clone.installed() == {"tool", "mine"}


def test_two_at_once_install_once_and_a_killed_one_is_waited_for(clone):
    """The installer of a killed make goes on. The next make waits for it, and then begins anew."""
    (clone.bin / "wait").touch()
    first = clone.begin("install")
    until(lambda: clone.calls() == 1)
    second = clone.begin("install")
    assert "Another make installs .venv" in second.stdout.readline()
    (clone.bin / "wait").unlink()
    assert first.wait(HANG) == second.wait(HANG) == 0
    first.stdout.close()
    second.stdout.close()
    assert clone.calls() == 1
    with open(clone.folder / ".venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # free again


@pytest.mark.slow  # 10 s of a processor; continuous integration itself installs with pip
def test_pip_installs_where_uv_fails_below_a_folder_with_a_space(new_clone):
    clone = new_clone("my clone", pip=True)
    clone.bin.mkdir()
    shutil.copy(shutil.which("false"), clone.bin / "uv")
    said = clone.make("install-dev")
    assert "uv could not install them. Trying pip." in said
    assert clone.installed() == {"tool"}
    (clone.bin / "uv").unlink()
    assert clone.make("install") == ""


def test_a_folder_that_no_environment_works_in_is_refused_before_anything_is_made(new_clone):
    clone = new_clone("$(touch ran)")
    assert "no virtual environment works below a folder" in clone.make("install", code=2)
    assert not clone.venv.exists()
    assert not list(clone.folder.parent.rglob("ran"))


def test_a_listing_installs_nothing(clone):
    for words in (["help"], ["requirements"]):
        clone.make(*words)
    said = clone.make("leftovers", code=2)
    assert ".venv is not ready: there is none. This command installs nothing; `make install` does." in said
    assert not clone.venv.exists()
    assert "need TORCH=cpu" in clone.make("requirements", "TORCH_VERSION=2.13.0", code=2)


NAMES = ["old config", "; touch ran", "$(touch ran)", "`touch ran`", "-rf", "a\nconfig", "*", "..config", "'\"\\", "ü"]


def test_make_clean_deletes_what_is_in_two_folders_and_nothing_else(root, tmp_path):
    """Whatever the names. What took long to get goes with `make clean-all` alone."""
    shutil.copy(root / "Makefile", tmp_path)
    kept = ["config/mine.yaml", "results/README.md", "resources/download/mnist/a.gz", "resources/engine/kernels/b.nbc"]
    gone = ["results/digits/x/summary.csv", "logs/x", "resources/digits.npz"]
    gone += [f"{folder}/{name}/file" for folder in ("results", "resources") for name in NAMES]
    for name in [*kept, *gone]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "results/link").symlink_to(tmp_path / "config")
    (tmp_path / "logs/link").symlink_to(tmp_path / "config")
    for command, left in (("clean", kept), ("clean-all", kept[:2])):
        subprocess.run(["make", command], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
        files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()}
        assert files == {"Makefile", *left}


def test_make_clean_deletes_nothing_behind_a_link_or_of_another_folder(root, tmp_path):
    shutil.copy(root / "Makefile", tmp_path)
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/precious").touch()
    (tmp_path / "results").symlink_to("disk")
    done = subprocess.run(["make", "clean"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "results is a link" in done.stdout
    other = tmp_path / "other"
    (other / "results").mkdir(parents=True)
    (other / "results/precious").touch()
    done = subprocess.run(["make", "-f", tmp_path / "Makefile", "clean"], cwd=other, capture_output=True, text=True)
    assert "in the folder of the clone" in done.stderr
    assert len(list(tmp_path.rglob("precious"))) == 2
