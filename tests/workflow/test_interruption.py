"""Real Snakemake runs that are killed and interrupted: the same command goes on and ends with the same numbers."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

EPOCHS = 16
TARGET = "results/digits/tiny/l2-gbn/seed0/predictions.npz"
CONFIG = ("dataset=digits", "study=tiny", f"epochs={EPOCHS}")
LOG = "logs/train/digits/tiny/l2-gbn/seed0.log"
EPOCH = ": epoch [0-9]+/"


class Interrupted:
    """One command, started again after each interruption."""

    def __init__(self, project) -> None:
        self.project, self.run = project, project.folder / Path(TARGET).parent

    def start(self) -> None:
        (self.project.folder / LOG).unlink(missing_ok=True)
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--retries", "1", TARGET, "--config", *CONFIG]
        self.process = subprocess.Popen(
            command,
            cwd=self.project.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def log(self) -> str:
        path = self.project.folder / LOG
        return path.read_text() if path.exists() else ""

    def wait_for(self, pattern: str, count: int = 1) -> None:
        """Until the log of the job at work has `count` matches of `pattern`."""
        deadline = time.monotonic() + 120
        while len(re.findall(pattern, self.log())) < count:
            assert self.process.poll() is None, self.process.stdout.read()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def wait_until_it_goes_on(self) -> None:
        """Until a job has taken over the state of the one before and finished an epoch."""
        self.wait_for("goes on after epoch [0-9]+ of")
        self.wait_for(EPOCH)

    def jobs(self) -> list[int]:
        """Process numbers of the training processes of this project, whoever their parent is."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                arguments = (entry / "cmdline").read_text().split("\0")
                here = os.readlink(entry / "cwd") == str(self.project.folder)
            except (OSError, UnicodeDecodeError):
                continue
            if here and arguments[-2:-1] and arguments[-2].endswith("train.py"):
                found.append(int(entry.name))
        return found

    def wait_until_no_job_is_left(self) -> None:
        deadline = time.monotonic() + 30
        while self.jobs():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def assert_state_is_kept(self) -> None:
        assert [path.name for path in self.run.iterdir()] == ["state.pt"]


@pytest.fixture(scope="module")
def uninterrupted(new_project):
    project = new_project()
    project.snakemake(TARGET, config=CONFIG[2:])
    return project


@pytest.fixture
def command(new_project):
    made = Interrupted(new_project())
    yield made
    if made.process.poll() is None:
        os.killpg(made.process.pid, signal.SIGKILL)


def test_killed_and_interrupted_in_every_way_it_ends_as_if_it_never_was(command, uninterrupted):
    # The job is killed: with --retries Snakemake itself starts it again.
    command.start()
    command.wait_for(EPOCH, 2)
    os.kill(command.jobs()[0], signal.SIGKILL)
    command.wait_until_it_goes_on()

    # Snakemake is killed: its job ends by itself after its epoch, and the same command goes on.
    os.kill(command.process.pid, signal.SIGKILL)
    command.process.wait()
    command.wait_until_no_job_is_left()
    assert "the Snakemake that started this training is gone" in command.log()
    command.assert_state_is_kept()
    command.start()
    command.wait_until_it_goes_on()

    # Ctrl-C in a terminal, and a batch system's SIGTERM, reach Snakemake and its job.
    for number in (signal.SIGINT, signal.SIGTERM):
        os.killpg(command.process.pid, number)
        output, _ = command.process.communicate(timeout=60)
        assert command.process.returncode != 0
        assert "Traceback" not in output
        assert command.jobs() == []
        assert "ended by a signal; the same command goes on where this one stopped" in command.log()
        command.assert_state_is_kept()
        command.start()
        command.wait_until_it_goes_on()

    output, _ = command.process.communicate(timeout=120)
    assert command.process.returncode == 0, output
    assert_same_results(command.project, uninterrupted)
    assert sorted(path.name for path in command.run.iterdir()) == sorted(
        path.name for path in (uninterrupted.folder / Path(TARGET).parent).iterdir()
    )


def assert_same_results(one, other) -> None:
    folder = Path(TARGET).parent
    weights = [
        torch.load(project.folder / folder / "checkpoint.pt", weights_only=True)["state_dict"]
        for project in (one, other)
    ]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    metrics = [project.read(str(folder / "metrics.csv")).splitlines() for project in (one, other)]
    assert len(metrics[0]) == EPOCHS + 1
    assert [row.split(",")[:-1] for row in metrics[0]] == [row.split(",")[:-1] for row in metrics[1]]
    assert (one.folder / TARGET).read_bytes() == (other.folder / TARGET).read_bytes()
