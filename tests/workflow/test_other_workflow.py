"""Two workflows in one folder: our Snakemake removes what a killed one of ours left, and no lock of the other."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest
from waiting import wait_until

OTHER = """
rule wait:
    output: "results/digits/tiny/summary.csv"
    shell: "read line < pipe; touch {output}"
"""
TARGET = "results/digits/tiny-e10000/none-bn/seed0/checkpoint.pt"


@pytest.fixture
def start(new_project):
    """A project, and a function that starts Snakemake in it; all that is started is killed at the end."""
    project, started = new_project(), []

    def run(*arguments):
        command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
        process = subprocess.Popen(
            command, cwd=project.folder, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        started.append(process)
        return process

    yield project, run
    for process in started:
        with contextlib.suppress(ProcessLookupError):  # all of them have ended
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def locks(project):
    return {path.name: path.stat().st_ino for path in (project.folder / ".snakemake/locks").glob("*.lock")}


def wait_for(process, happened):
    wait_until(lambda: process.poll() is not None or happened())
    assert process.poll() is None, process.stdout.read()


def test_a_lock_of_another_living_workflow_stays_and_that_of_our_killed_one_goes(start):
    project, run = start
    (project.folder / "other.smk").write_text(OTHER)
    os.mkfifo(project.folder / "pipe")
    other = run("-s", "other.smk")  # waits for somebody who writes into the pipe
    wait_for(other, lambda: locks(project))
    before = locks(project)
    assert "removing" not in project.snakemake("-n").stdout
    assert locks(project) == before

    # What the other one makes is locked, by Snakemake's own check.
    refused = project.snakemake("results/digits/tiny/summary.csv", check=False)
    assert refused.returncode != 0, refused.stdout
    assert "cannot be locked" in refused.stdout
    assert locks(project) == before

    ours = run(TARGET, "--config", "dataset=digits", "study=tiny", "epochs=10000")
    wait_for(ours, lambda: any(note.read_text() for note in (project.folder / ".snakemake").glob("normreg/*")))
    assert len(locks(project)) > len(before)
    project.snakemake("-n", TARGET)  # ours lives: nothing is removed
    assert len(locks(project)) > len(before)
    ours.kill()
    ours.wait()
    assert "the Snakemake that held it is dead" in project.snakemake("-n", TARGET).stdout
    assert locks(project) == before
    assert other.poll() is None
