"""A training job killed with SIGKILL at any moment ends as if it had never been killed, bit for bit."""

import os
import random
import signal
import sys
from pathlib import Path

import pytest
from waiting import HANG, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import kill_training
from killable import Job, prepare

FILES = ["checkpoint.pt", "metrics.csv", "state.pt"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("data"))


@pytest.fixture
def make_job(tmp_path, data):
    """A function that makes a job of one of the runs in a new folder."""

    def make(run: str, folder: str) -> Job:
        (tmp_path / folder).mkdir()
        return Job(tmp_path / folder, data, kill_training.RUNS[run])

    return make


@pytest.mark.parametrize(
    "run", [run if "step" in run else pytest.param(run, marks=pytest.mark.slow) for run in kill_training.RUNS]
)
def test_killed_while_it_writes_it_ends_with_the_same_bits(make_job, run):
    """In the middle of every state, and before each file takes its place; elsewhere the disk does not change."""
    whole, killed = make_job(run, "whole"), make_job(run, "killed")
    whole.finish()
    assert kill_training.kill_at_writes(killed) == killed.condition["epochs"] + 3
    assert killed.outcome() == whole.outcome()
    assert killed.files() == FILES


@pytest.mark.slow
@pytest.mark.parametrize("run", list(kill_training.RUNS))
def test_killed_in_training_it_ends_with_the_same_bits(make_job, run):
    whole, killed = make_job(run, "whole"), make_job(run, "killed")
    for job in (whole, killed):
        job.condition = job.condition | {"epochs": 30}
    whole.finish()
    assert kill_training.kill_in_training(killed, 10, random.Random(run)) == (10, 10, 10)
    assert killed.outcome() == whole.outcome()
    assert killed.files() == FILES


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["job", "snakemake"])
def test_killed_under_a_real_snakemake_it_ends_with_the_same_bits(make_job, tmp_path, data, victim):
    condition = kill_training.RUNS["l1l2-gbn, onecycle"] | {"epochs": 16}
    whole = make_job("l1l2-gbn, onecycle", "whole")
    whole.condition = condition
    whole.finish()
    killed = kill_training.make_run(tmp_path, data, condition, "torch", victim)
    assert kill_training.kill_in_training(killed, 2, random.Random(victim)) == (2, 2, 2)
    assert killed.outcome() == whole.outcome()


def test_killed_before_its_success_is_recorded_it_ends_with_the_same_bits_at_once(make_job):
    """Snakemake deletes the outputs of such a job."""
    job = make_job("l1l2-gbn, step", "killed")
    job.condition = job.condition | {"epochs": 2}
    job.finish()
    outcome = job.outcome()
    for name in ("checkpoint.pt", "metrics.csv"):
        (job.folder / name).unlink()
    job.finish()
    assert "all 2 epochs are trained already" in job.log()
    assert ": epoch " not in job.log()
    assert job.outcome() == outcome


def test_comparison_sees_other_bits(make_job):
    """The tests above could fail: another dropout probability gives another outcome."""
    jobs = [make_job("l1l2-gbn, step", name) for name in ("one", "other")]
    jobs[1].condition = jobs[1].condition | {"dropout": 0.5}
    for job in jobs:
        job.condition = job.condition | {"epochs": 1}
        job.finish()
    one, other = (job.outcome() for job in jobs)
    assert all(one[part] != other[part] for part in ("weights", "metrics", "logits"))


def test_a_second_job_waits_for_the_first_and_goes_on_from_its_state(make_job):
    """As after a SIGKILL of Snakemake whose job survived it."""
    whole, job = make_job("l1l2-gbn, onecycle", "whole"), make_job("l1l2-gbn, onecycle", "shared")
    whole.finish()
    first = job.start(("write", 2), signal.SIGSTOP)  # so that it surely lives while the second starts
    wait_until(lambda: (job.folder / "state.pt").exists() or not first.is_alive())
    assert first.is_alive(), job.log()
    second = job.start()
    wait_until(lambda: f"locked by process {first.pid} " in job.log(), job.log)
    assert second.is_alive()
    first.kill()
    second.join(HANG)
    assert second.exitcode == 0
    assert "goes on after epoch 1 of" in job.log()
    assert job.outcome() == whole.outcome()
    assert job.files() == FILES


def test_a_second_job_that_waited_for_a_finished_one_takes_its_results(make_job):
    job = make_job("l1l2-gbn, step", "shared")
    job.condition = job.condition | {"epochs": 2}
    first = job.start(("replace", 4), signal.SIGSTOP)  # before its metrics take their place
    wait_until(lambda: (job.folder / "checkpoint.pt").exists() or not first.is_alive())
    assert first.is_alive(), job.log()
    second = job.start()
    wait_until(lambda: f"locked by process {first.pid} " in job.log(), job.log)
    os.kill(first.pid, signal.SIGCONT)
    for process in (first, second):
        process.join(HANG)
    assert (first.exitcode, second.exitcode) == (0, 0)
    assert "all 2 epochs are trained already" in job.log()
    assert ": epoch " not in job.log().partition("locked by")[2]
    assert job.files() == FILES
