"""Real Snakemake runs in temporary copies of the project, on digits with a small study."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

PRODUCT = ("Snakefile", "config", "profiles", "workflow", "envs")
STUDY = "tiny"
_TINY = """\
network: gilf641
epochs: 1
batch_size: 128
num_splits: 2
dropout: 0.08
optimizer: {lr: 0.05, momentum: 0.9, nesterov: false}
schedule:
  constant: {}
augmentation: []
penalty_scope: all
lambdas:
  l1: 1.0e-5
  l2: 1.0e-5
conditions:
  none-bn: {penalty: none, norm: bn}
  l1-bn: {penalty: l1, norm: bn}
  l2-gbn: {penalty: l2, norm: gbn}
galleries: [none-bn]
"""


class Project:
    """A copy of the project in a folder of its own, with Snakemake run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def snakemake(self, *arguments: str, config: tuple[str, ...] = (), check: bool = True, cores: int = 2):
        """Runs snakemake on the tiny study; returns the finished process, output and errors in `stdout`.

        The caller's environment asks for seven threads: a job must pin its own number whatever it finds.
        """
        settings = ("dataset=digits", f"study={STUDY}", *config)
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments, "--config", *settings]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "OMP_NUM_THREADS": "7", "MKL_NUM_THREADS": "7"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=400,
        )
        assert not check or done.returncode == 0, done.stdout
        return done

    def stale(self, *arguments: str, config: tuple[str, ...] = ()) -> Counter[str]:
        """What would run: a count of "rule" or "rule condition" or "rule condition seed"; empty for nothing."""
        output = self.snakemake("-n", *arguments, config=config).stdout
        if "Nothing to be done" in output:
            return Counter()
        jobs: Counter[str] = Counter()
        for rule, body in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", output, re.M):
            wildcards = dict(re.findall(r"(\w+)=([^,\s]+)", "".join(re.findall(r"wildcards: (.*)", body))))
            jobs[" ".join([rule, *(wildcards[k] for k in ("condition", "seed") if k in wildcards)])] += 1
        assert jobs, output
        return jobs - Counter({"all": 1})

    def read(self, name: str) -> str:
        """A text file of the project."""
        return (self.folder / name).read_text()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces text that must be there."""
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new))


@pytest.fixture(scope="session")
def new_project(root, tmp_path_factory):
    """A function that makes a fresh clone: the product's files, nothing generated."""

    def make() -> Project:
        folder = tmp_path_factory.mktemp("clone")
        for name in PRODUCT:
            source, target = root / name, folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
        (folder / f"config/studies/{STUDY}.yaml").write_text(_TINY)
        return Project(folder)

    return make


@pytest.fixture(scope="session")
def finished(new_project) -> Project:
    """The tiny study run to its end, once for all tests. Do not change it: take `copy`."""
    project = new_project()
    project.snakemake()
    return project


@pytest.fixture
def copy(finished, tmp_path) -> Project:
    """The finished project copied to another place as `cp -r` does it: with new modification times."""
    shutil.copytree(finished.folder, tmp_path / "copy", copy_function=shutil.copy)
    return Project(tmp_path / "copy")
