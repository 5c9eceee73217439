"""Real Snakemake runs that are killed and interrupted: the same command goes on and ends with the same numbers."""

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from waiting import HANG, wait_until

EPOCHS = 11
TARGET = f"results/digits/tiny-e{EPOCHS}/l2-gbn/seed0/checkpoint.pt"
CONFIG = ("dataset=digits", "study=tiny", f"epochs={EPOCHS}")
LOG = f"logs/train/digits/tiny-e{EPOCHS}/l2-gbn/seed0.log"


class Interrupted:
    """One command, started again after each interruption; its jobs wait at the gate (see `gate/sitecustomize.py`)."""

    def __init__(self, project) -> None:
        self.project, self.run = project, project.folder / Path(TARGET).parent
        self.gate = project.folder / "gate"
        gates = str(Path(__file__).parent / "gate")
        self.environment = {**os.environ, "PYTHONPATH": gates, "NORMREG_GATE": str(self.gate)}

    def start(self) -> None:
        (self.project.folder / LOG).unlink(missing_ok=True)
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--retries", "1", TARGET, "--config", *CONFIG]
        self.process = subprocess.Popen(
            command,
            cwd=self.project.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A shell starts what it puts into the background with Ctrl-C ignored, and children inherit that.
            preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    def hold(self, name: str) -> Path:
        """A training job waits, at its "start" or its "end", until the returned file is deleted."""
        file = self.gate.with_suffix(f".{name}")
        file.touch()
        return file

    def open_gate(self, epoch: int) -> None:
        """Lets the job say the lines of the epochs up to `epoch`; the state of the one after it may be saved too."""
        self.opened = epoch
        new = self.gate.with_name("gate.new")
        new.write_text(str(epoch))
        new.replace(self.gate)

    def log(self) -> str:
        path = self.project.folder / LOG
        return path.read_text() if path.exists() else ""

    def wait_for(self, pattern: str) -> None:
        """Until the log of the job at work matches `pattern`; fails if the job stands at the gate and it does not."""

        def seen() -> bool:
            ended, log = self.process.poll() is not None, self.log()
            found = re.search(pattern, log, re.S) is not None
            assert found or not ended, self.process.stdout.read()
            assert found or f": epoch {self.opened}/" not in log, log
            return found

        wait_until(seen, self.log)

    def wait_until_it_goes_on(self) -> None:
        """Until a job has taken over the state of the one before and finished an epoch."""
        self.wait_for("goes on after epoch [0-9]+ of.*: epoch [0-9]+/")

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

    def assert_state_is_kept(self) -> None:
        assert [path.name for path in self.run.iterdir()] == ["state.pt"]


@pytest.fixture
def untrained(new_copy):
    """A function that makes a copy of the finished project without its results: the data is prepared."""

    def make():
        project = new_copy()
        shutil.rmtree(project.folder / "results")
        return project

    return make


@pytest.fixture
def command(untrained):
    made = Interrupted(untrained())
    yield made
    if made.process.poll() is None:
        os.killpg(made.process.pid, signal.SIGKILL)


@pytest.mark.slow  # tests/unit/test_jobs.py has another process in the place of Snakemake
def test_a_job_whose_snakemake_was_killed_before_its_first_line_does_not_begin(command):
    command.open_gate(2)
    held = command.hold("start")
    command.start()
    wait_until(command.jobs)
    os.kill(command.process.pid, signal.SIGKILL)
    command.process.wait()
    held.unlink()
    wait_until(lambda: not command.jobs())
    assert command.log() == "error: the Snakemake that started this job is gone, so it does not begin.\n"


def kill_the_job_and_then_snakemake(command) -> None:
    # The job is killed: with --retries Snakemake itself starts it again.
    command.open_gate(2)
    command.start()
    command.wait_for(": epoch 2/")
    os.kill(command.jobs()[0], signal.SIGKILL)
    command.open_gate(4)
    command.wait_until_it_goes_on()

    # Snakemake is killed: its job ends by itself after its epoch.
    os.kill(command.process.pid, signal.SIGKILL)
    command.process.wait()
    command.open_gate(5)
    wait_until(lambda: not command.jobs())
    assert "the Snakemake that started this training is gone" in command.log()
    command.assert_state_is_kept()


def go_on(command, gate: int) -> None:
    """The same command goes on where the last one stopped."""
    command.open_gate(gate)
    command.start()
    command.wait_until_it_goes_on()


def interrupt(command, number: int) -> None:
    """Ctrl-C in a terminal, and a batch system's SIGTERM, reach Snakemake and its job."""
    os.killpg(command.process.pid, number)
    output, _ = command.process.communicate(timeout=HANG)
    assert command.process.returncode != 0
    assert "Traceback" not in output
    assert command.jobs() == []
    assert "ended by a signal; the same command goes on where this one stopped" in command.log()
    command.assert_state_is_kept()


def check_the_end(command, uninterrupted) -> None:
    """The command, which is started, succeeds; its files are those of a project that was never interrupted."""
    output, _ = command.process.communicate(timeout=HANG)
    assert command.process.returncode == 0, output
    uninterrupted.snakemake(TARGET, config=CONFIG[2:])
    assert_same_results(command.project, uninterrupted)
    assert sorted(path.name for path in command.run.iterdir()) == sorted(
        path.name for path in (uninterrupted.folder / Path(TARGET).parent).iterdir()
    )


def test_killed_and_interrupted_it_ends_as_if_it_never_was(command, untrained):
    """A job that gets SIGTERM is in `tests/unit/test_jobs.py`, one killed at its end in `test_resume.py` beside it."""
    kill_the_job_and_then_snakemake(command)
    go_on(command, 7)
    interrupt(command, signal.SIGINT)
    go_on(command, EPOCHS)
    check_the_end(command, untrained())


@pytest.mark.slow
def test_killed_and_interrupted_in_every_way_it_ends_as_if_it_never_was(command, untrained):
    kill_the_job_and_then_snakemake(command)
    go_on(command, 7)
    interrupt(command, signal.SIGINT)
    go_on(command, 9)
    interrupt(command, signal.SIGTERM)
    held = command.hold("end")
    go_on(command, EPOCHS)

    # All are killed when the outputs are there and Snakemake has not recorded it: it deletes them, nothing is lost.
    wait_until((command.run / "metrics.csv").exists)
    os.killpg(command.process.pid, signal.SIGKILL)
    command.process.wait()
    wait_until(lambda: not command.jobs())
    held.unlink()
    command.start()
    check_the_end(command, untrained())
    assert f"all {EPOCHS} epochs are trained already" in command.log()
    assert ": epoch " not in command.log()


def assert_same_results(one, other) -> None:
    folder = Path(TARGET).parent
    weights = [
        torch.load(project.folder / folder / "checkpoint.pt", weights_only=True)["state_dict"]
        for project in (one, other)
    ]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    metrics = [pd.read_csv(project.folder / folder / "metrics.csv") for project in (one, other)]
    assert len(metrics[0]) == EPOCHS
    times = ["seconds", "digest"]  # the digest covers the seconds
    pd.testing.assert_frame_equal(*(table.drop(columns=times) for table in metrics))
    assert (one.folder / TARGET).read_bytes() == (other.folder / TARGET).read_bytes()
