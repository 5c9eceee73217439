"""Sets up .venv with the pins of the lock files. `make` runs this with any Python 3, before anything is installed.

    python3 envs/install.py pins            prints the pins that a run needs
    python3 envs/install.py check           says what .venv lacks of them, and installs nothing
    python3 envs/install.py run dev slurm   installs the pins of these locks that .venv lacks

A .venv is ready if it has the pins; times play no part. Only one that this program has made is ever changed: its file
`made-by-make` has the folder's path and the pins that are installed whole. So an installation that was cut short and a
clone that was moved are seen, and .venv is made anew.

In the environment: TORCH, TORCH_INDEX, TORCH_VERSION and TORCHVISION_VERSION, see docs/install.md; THIS_PYTHON, if it
must be the Python that runs this.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin/python"
NOTE = VENV / "made-by-make"
LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock", "slurm": "requirements-slurm.lock"}
# Run by .venv: which of the pins it lacks, and which packages it has besides the known ones.
LOOK = """
import json, sys
from importlib.metadata import distributions
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as plain

wanted, known = ([Requirement(pin) for pin in pins] for pins in json.load(sys.stdin))
found = {plain(each.metadata["Name"]): each.version for each in distributions()}
wanted = [pin for pin in wanted if pin.marker is None or pin.marker.evaluate()]
lacks = [str(pin) for pin in wanted if not pin.specifier.contains(found.get(plain(pin.name), "0.dev0"), True)]
besides = found.keys() - {plain(pin.name) for pin in known} - {"pip", "setuptools"}
json.dump([lacks, [name + "==" + found[name] for name in sorted(besides)], sys.version_info[:2]], sys.stdout)
"""
# The byte code of every module of PyTorch and SciPy is 300 MB. So only that of the modules that runs import is made.
IMPORTS = "import matplotlib.pyplot, numba, pandas, scipy.stats, sklearn.datasets, snakemake.cli, torch"


class InstallError(Exception):
    """What is wrong, and what to do."""


def pins(*kinds):
    """The pins of these locks, with PyTorch's build as the environment asks for it."""
    lines = [line.strip() for kind in kinds for line in (ROOT / LOCKS[kind]).read_text("utf-8").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    build = os.environ.get("TORCH", "")
    versions = {name: os.environ.get(f"{name.upper()}_VERSION", "") for name in ("torch", "torchvision")}
    if build not in ("", "cpu"):
        raise InstallError(f"TORCH: found '{build}'; expected cpu, or nothing for the build with CUDA.")
    if not build and any(versions.values()):
        raise InstallError("TORCH_VERSION and TORCHVISION_VERSION need TORCH=cpu; else the lock says the versions.")
    return without_cuda(lines, versions) if build else lines


def without_cuda(lines, versions):
    """The pins with PyTorch's build for CPUs, in the versions that are asked for."""
    kept = [line for line in lines if not re.match("(nvidia|cuda)-|triton=", line)]
    for name, build in (("torch", "+cpu"), ("torchvision", "")):
        pin = rf"^{name}==([^ ]+)"
        kept = [re.sub(pin, lambda found: f"{name}=={versions[name] or found[1]}{build}", line) for line in kept]  # noqa: B023
    return kept


def look(wanted, known=()):
    """The pins that .venv lacks, what it has besides `known`, its Python. None if its interpreter cannot tell."""
    command, asked = [str(PYTHON), "-I", "-c", LOOK], json.dumps([wanted, list(known)]).encode()
    try:
        done = subprocess.run(command, input=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return None
    return json.loads(done.stdout.decode()) if done.returncode == 0 else None


def installed_whole():
    """The pins in the note of a .venv that was made here. None if it was not."""
    if VENV.is_symlink() or not NOTE.is_file():
        return None
    place, *whole = os.fsdecode(NOTE.read_bytes()).split("\n")
    # Its programs begin with its path: after a move they would start another Python, or none.
    return set(whole) if os.path.exists(place) and os.path.samefile(place, str(VENV)) else set()


def note(whole):
    """Writes which pins are installed whole."""
    NOTE.write_bytes(os.fsencode("\n".join([str(VENV), *sorted(whole)])))


def trouble(wanted):
    """Why .venv is not ready. Empty if it is."""
    found, whole = look(wanted), installed_whole()
    if found is None:
        return "its Python does not run, or has no packages" if os.path.lexists(str(VENV)) else "there is none"
    lacks, _, version = found
    if lacks:
        return f"it lacks {len(lacks)} of {len(wanted)} pins, such as {lacks[0]}"
    if os.environ.get("THIS_PYTHON") and version != list(sys.version_info[:2]):  # make PYTHON=...
        return f"its Python is {'.'.join(map(str, version))}, and not the one that is asked for"
    if whole is not None and not whole.issuperset(wanted):
        return "it was moved, or its installation was cut short"
    return ""


def refuse_foreign(why):
    """Raises unless .venv was made here, or there is nothing in it."""
    if VENV.is_symlink():
        found = f"a link to {os.readlink(str(VENV))}"
    elif not VENV.exists() or NOTE.is_file() or (VENV.is_dir() and not any(VENV.iterdir())):
        return
    else:
        found = "not made by make"
    raise InstallError(
        f".venv is {found}, so make leaves it as it is, but {why}. Install what is missing there yourself. Or move it "
        "away (mv .venv old-venv) and give the same command again: make then makes one of its own."
    )


def make_anew():
    """Makes .venv without packages. What was in it goes: pins are installed into nothing."""
    if sys.version_info < (3, 11):  # noqa: UP036
        version = ".".join(map(str, sys.version_info[:3]))
        raise InstallError(
            f"normreg needs Python 3.11 or later; {sys.executable} is {version}. Use: make PYTHON=python3.12"
        )
    if re.search(r"[\"$`\\:\n]", str(VENV)):
        raise InstallError(f'{ROOT}: no virtual environment works below a folder with one of " $ ` \\ : in its name.')
    whole = installed_whole()
    found = look([], whole) if whole else None
    if found and found[1]:
        print("What was installed besides the pins goes with the old .venv. To have it again, afterwards:")
        print(f"  {PYTHON} -m pip install", *found[1], flush=True)
    VENV.mkdir(exist_ok=True)
    note(())
    for child in VENV.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(str(child))
        elif child != NOTE:
            child.unlink()
    base = getattr(sys, "_base_executable", sys.executable)  # .venv may be active, and its Python is gone now
    if subprocess.run([base, "-m", "venv", str(VENV)]).returncode:
        raise InstallError(f"'{base} -m venv' failed; its message stands above.")


def install(wanted, lock):
    """Installs the pins, with uv if there is one. Programs that it starts hold the lock too, until they end."""

    def run(*command):
        return subprocess.run(command, pass_fds=[lock]).returncode == 0

    if trouble(pins("run")):
        make_anew()
    whole, file, index = installed_whole(), VENV / "requirements.txt", os.environ.get("TORCH_INDEX")
    note(())  # if this ends before it is through, .venv is made anew
    file.write_text("\n".join([*wanted, ""]), "utf-8")
    options = ["--quiet", "--requirement", str(file), *(["--extra-index-url", index] if index else [])]
    uv = shutil.which("uv")
    print(f"Installing {len(wanted)} pins into .venv with {'uv' if uv else 'pip'}. This takes minutes.", flush=True)
    # pip takes the best version that any index has; uv must be told to.
    done = uv and run(uv, "pip", "install", "--python", str(PYTHON), "--index-strategy", "unsafe-best-match", *options)
    if uv and not done:
        print("uv could not install them. Trying pip.", flush=True)
    pip = (str(PYTHON), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", "--no-user")
    if not (done or run(*pip, *options)) or not run(str(PYTHON), "-I", "-c", IMPORTS):
        note(whole)
        raise InstallError(".venv is not ready; the reason stands above.")
    os.sync()  # a power cut must not leave the note alone
    note(whole.union(wanted))
    if trouble(wanted):
        raise InstallError(f".venv is not ready: {trouble(wanted)}.")


@contextlib.contextmanager
def alone():
    """Waits until no other process installs here. Gives the file descriptor of the lock."""
    with open(str(ROOT / ".venv.lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make installs .venv. Waiting until it has finished.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            print(f".venv.lock: no lock ({error}). Two installations at once would not notice each other.", flush=True)
        yield file.fileno()


def main(words):
    """Does what the words ask for, see above."""
    if words == ["pins"]:
        print(*pins("run"), sep="\n")
        return
    wanted = pins("run", *(word for word in words if word in ("dev", "slurm")))
    why = trouble(wanted)
    if why and words == ["check"]:
        raise InstallError(f".venv is not ready: {why}. This command installs nothing; `make install` does.")
    if why:
        with alone() as lock:
            why = trouble(wanted)
            if why:
                refuse_foreign(why)
                install(wanted, lock)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (InstallError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("Ended by a signal. The next make begins with .venv anew.")
