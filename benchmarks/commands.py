"""Real Snakemake commands in a copy of the project: how long they take, and how much memory."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("Snakefile", "config", "envs", "profiles", "workflow")
SNAKEMAKE = (sys.executable, "-m", "snakemake")


class Cost(NamedTuple):
    """Wall seconds of a command, processor seconds of all its processes, and the memory in MB of the largest one."""

    seconds: float
    processor: float
    megabytes: float


def copy_project(folder: Path) -> None:
    """Copies what Snakemake needs of the project into `folder`."""
    for item in COPIED:
        source = ROOT / item
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / item)


def measure(command: Sequence[str], folder: Path) -> Cost:
    """Runs a command. If it fails, shows the end of its output and ends this program."""
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)  # the usage of this process and of all that it has waited for
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{output.read()[-3000:]}\nerror: {' '.join(command)} failed in {folder}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)  # Linux counts in kB
