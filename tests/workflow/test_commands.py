"""Every Snakemake command of the documents, as a dry run in a copy of the project."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import HANG

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from test_documents import ROOT, dry_runs

PRODUCT = ("Snakefile", "config", "profiles", "workflow", "envs")


@pytest.mark.slow
@pytest.mark.parametrize("command", dry_runs())
def test_snakemake_takes_the_command(tmp_path, command):
    for name in PRODUCT:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    words = shlex.split(command)[1:]
    run = [sys.executable, "-m", "snakemake", "-n", *words]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=HANG)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "This was a dry-run" in done.stdout + done.stderr
