"""Real Snakemake runs in temporary copies of the project, on digits with a small study."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import warm
import yaml

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
        command = ["--cores", str(cores), *arguments, "--config", *settings]
        threads = {"OMP_NUM_THREADS": "7", "MKL_NUM_THREADS": "7"}
        done = warm.snakemake(command, self.folder, os.environ | threads)
        assert not check or done.returncode == 0, done.stdout
        return done

    def stale(self, *arguments: str, config: tuple[str, ...] = ()) -> Counter[str]:
        """What would run: a count of "rule" or "rule condition" or "rule condition seed"; empty for nothing."""
        return self.planned(self.snakemake("-n", "--quiet=host", *arguments, config=config).stdout)

    @staticmethod
    def planned(output: str) -> Counter[str]:
        """As `stale`, from what a dry run said."""
        if "Nothing to be done" in output:
            return Counter()
        jobs: Counter[str] = Counter()
        for rule, body in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", output, re.M):
            wildcards = dict(re.findall(r"(\w+)=([^,\s]+)", "".join(re.findall(r"wildcards: (.*)", body))))
            jobs[" ".join([rule, *(wildcards[k] for k in ("condition", "seed") if k in wildcards)])] += 1
        assert jobs, output
        return jobs - Counter({"all": 1})

    def copy(self, folder: Path) -> "Project":
        """As `cp -r` does it: with new modification times."""
        return Project(shutil.copytree(self.folder, folder, copy_function=shutil.copy))

    def read(self, name: str) -> str:
        """A text file of the project."""
        return (self.folder / name).read_text()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replaces text that must be there."""
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new))

    def keep(self, *conditions: str) -> None:
        """Takes all other conditions out of the tiny study: a training less is a figure of each kind less."""
        all_conditions = yaml.safe_load(self.read(f"config/studies/{STUDY}.yaml"))["conditions"]
        self.change_study(conditions={name: all_conditions[name] for name in conditions}, galleries=[])

    def change_study(self, **parts: object) -> None:
        """Puts `parts` in the place of those of the tiny study."""
        path = self.folder / f"config/studies/{STUDY}.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | parts, sort_keys=False))


@pytest.fixture(scope="session")
def fill(root):
    """A function that makes a fresh clone in an empty folder: the product's files, nothing generated."""

    def make(folder: Path) -> Project:
        folder.mkdir(parents=True, exist_ok=True)
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
def new_project(fill, tmp_path_factory):
    """A function that makes a fresh clone in a folder of its own."""
    return lambda: fill(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="session")
def run_once(fill, made_once):
    """A function that makes a project and calls `run` with it, once for all tests and all test processes.

    Nobody may change it afterwards, or run more than `-n` in it: take a copy.
    """

    def get(name: str, run: Callable[[Project], object]) -> Project:
        return Project(made_once(name, lambda folder: run(fill(folder))))

    return get


@pytest.fixture(scope="session")
def nasty() -> str:
    """A name that a shell would act on if it were unquoted."""
    return "-we ird $(touch ran) `touch ran`; touch ran & 'q' \"d\" ü数"


@pytest.fixture(scope="session")
def finished(fill, made_once, nasty) -> Project:
    """The tiny study run to its end, once for all tests. Do not change it: take `copy`.

    Its folder and its mnist_dir have a nasty name, see `test_untrusted.py`.
    """
    folder = made_once(
        "finished", lambda folder: fill(folder / nasty / "project").snakemake(config=(f"mnist_dir={nasty}",))
    )
    return Project(folder / nasty / "project")


@pytest.fixture(scope="session")
def go_on_once(finished, made_once):
    """As `run_once`, but `run` is called with a copy of the finished project."""

    def get(name: str, run: Callable[[Project], object]) -> Project:
        folder = made_once(name, lambda folder: run(finished.copy(folder / "project")))
        return Project(folder / "project")

    return get


@pytest.fixture
def new_copy(finished, tmp_path_factory):
    """A function that copies the finished project to another place."""
    return lambda: finished.copy(tmp_path_factory.mktemp("copy") / "project")


@pytest.fixture
def copy(new_copy) -> Project:
    """A copy of the finished project."""
    return new_copy()
