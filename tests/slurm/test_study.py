"""A study on a real Slurm of one node: few jobs, the bits of a local run, and jobs that die.

The training jobs wait at the gate of the workflow tests (`tests/workflow/gate/sitecustomize.py`), so nothing here has
to be quick. Slurm hands the environment on to its jobs, and with it the gate.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from cluster import Cluster, why_not
from waiting import wait_until

EPOCHS, RUNS = 3, 16  # eight conditions, two seeds
STUDY = f"results/digits/controlled-e{EPOCHS}"
TARGETS = ["training", f"{STUDY}/none-bn/seed0/predictions.npz"]
CONFIG = ["--config", "dataset=digits", "seeds=2", f"epochs={EPOCHS}", "device=cpu"]
# Eight runs in a job, and for each job a GPU that does not exist; the runs do not use it.
SLURM = ["--workflow-profile", "profiles/slurm", "--group-components", "runs=8", "--set-resources", "train:gpu=1"]
SLURM += ["--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"]
SLURM += ["--latency-wait", "5"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A running one-node Slurm."""
    reason = why_not()
    if reason:
        pytest.skip(f"no Slurm is tested: {reason}")
    made = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


class Project:
    """A copy of the project, and the gate that its training jobs wait at."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder, self.gate = folder, folder / "gate"
        for name in ("config", "profiles", "workflow", "envs"):
            shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(root / "Snakefile", folder)
        self.open_gate(EPOCHS)
        gates = root / "tests/workflow/gate"
        self.environment = {**os.environ, "PYTHONPATH": str(gates), "NORMREG_GATE": str(self.gate)}

    def open_gate(self, epoch: int) -> None:
        """Lets jobs say the lines of the epochs up to `epoch`."""
        new = self.gate.with_name("gate.new")
        new.write_text(str(epoch))
        new.replace(self.gate)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Snakemake at work; what it says is in `said`."""
        command = [sys.executable, "-m", "snakemake", *TARGETS, *arguments, *CONFIG]
        with (self.folder / "said.txt").open("w") as said:
            return subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=said, stderr=said, stdin=subprocess.DEVNULL
            )

    def said(self) -> str:
        return (self.folder / "said.txt").read_text()

    def logs(self) -> dict[str, str]:
        """The logs of training: condition and seed, text."""
        top = self.folder / f"logs/train/{Path(STUDY).relative_to('results')}"
        return {str(path.relative_to(top).with_suffix("")): path.read_text() for path in top.glob("*/*.log")}

    def trained(self) -> set[str]:
        """Condition and seed of the runs that have said their last epoch."""
        return {run for run, log in self.logs().items() if f"epoch {EPOCHS}/{EPOCHS}" in log}

    def at_work(self) -> set[str]:
        """Those that have finished an epoch and not the last one, as the gate is open for epoch 1 only."""
        return {
            run for run, log in self.logs().items() if re.search(r"(epoch 1/|goes on after epoch [12] ).*\n\Z", log)
        }


def results(project):
    """Weights and metrics of every run. Metrics without seconds, and without the digest, in which they are."""
    found = {}
    for path in sorted((project.folder / STUDY).glob("*/*/checkpoint.pt")):
        weights = torch.load(path, weights_only=True)["state_dict"]
        metrics = pd.read_csv(path.with_name("metrics.csv"), comment="#", dtype=str).drop(columns=["seconds", "digest"])
        found[str(path.parent.relative_to(project.folder / STUDY))] = (weights, metrics)
    return found


@pytest.fixture(scope="module")
def local(root, tmp_path_factory):
    """The results of the study without Slurm."""
    project = Project(root, tmp_path_factory.mktemp("local"))
    process = project.start("--cores", "2")
    assert process.wait() == 0, project.said()
    return results(project)


def test_a_study_in_few_jobs_that_die(cluster, local, root, tmp_path, capsys):
    """scancel takes one of two jobs, a power cut then both, each in the middle of a run and after others."""
    project = Project(root, tmp_path)
    process = project.start(*SLURM)

    def until(happened):
        def seen():
            assert process.poll() is None, tell()
            return happened()

        def tell():
            return f"{project.said()}\n{cluster.jobs()}\n{project.logs()}\n{cluster.logs()}"

        wait_until(seen, tell)

    try:
        until(lambda: len(project.trained()) >= 2)
        project.open_gate(1)  # the runs that begin from now on wait after an epoch
        until(lambda: len(project.at_work()) == 2)
        facts = {job: cluster.say("scontrol", "show", "job", job) for job in cluster.jobs()}
        trained, cancelled = project.trained(), min(facts)
        cluster.say("scancel", cancelled)
        until(lambda: list(cluster.jobs().values()) == ["CANCELLED", "RUNNING", "RUNNING"])
        until(lambda: len(project.at_work()) == 2)
        cut = project.at_work()
        cluster.kill_node()
        cluster.start_node()
        until(lambda: [cluster.restarts(job) for job in cluster.jobs()] == [0, 1, 1])
        project.open_gate(EPOCHS)
        assert process.wait() == 0, project.said()
    finally:
        process.kill()
    states, logs = cluster.jobs(), project.logs()
    with capsys.disabled():
        print(f"\n{states}\nbefore scancel trained: {sorted(trained)}\nat work when the node failed: {sorted(cut)}")

    # Two jobs of eight runs, the retry of the one that was cancelled, and the evaluation. The jobs whose node failed
    # have kept their numbers.
    assert list(states.values()) == ["CANCELLED", "COMPLETED", "COMPLETED", "COMPLETED"]
    for said in facts.values():
        assert "NumCPUs=1 " in said
        assert "TresPerJob=gres:gpu:1" in said
        assert "TimeLimit=00:48:00" in said  # 8 x (5 + 1) minutes
    for run in trained:
        assert f"all {EPOCHS} epochs are trained already" in logs[run]
    for run in cut:
        assert re.search(r"goes on after epoch [12] of|are trained already", logs[run])
    ended = results(project)
    assert len(ended) == RUNS
    assert ended.keys() == local.keys()
    for run, (weights, metrics) in ended.items():
        assert weights.keys() == local[run][0].keys()
        assert all(torch.equal(value, local[run][0][key]) for key, value in weights.items()), run
        pd.testing.assert_frame_equal(metrics, local[run][1])
