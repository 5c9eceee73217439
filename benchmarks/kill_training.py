"""Kills training with SIGKILL again and again, and compares what it ends with to training that was never killed.

    .venv/bin/python benchmarks/kill_training.py --engine torch --way script --kills 60

On scikit-learn's digits. `--way script` runs `workflow/scripts/train.py` itself; `--way job` kills the training job of
a real Snakemake, which starts it again; `--way snakemake` kills Snakemake and gives the same command again. Each kill
comes at a random moment after an epoch, and is counted only if the log proves it; see `kill_in_training`.
"""

import argparse
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from killable import Job, Workflow, prepare

from normreg.settings import table

BASE = {
    "network": "gilf641",
    "penalty": "l1l2",
    "norm": "gbn",
    "num_splits": 2,
    "batch_size": 64,
    "epochs": 5,
    "dropout": 0.08,
    "optimizer": {"name": "sgd", "lr": 0.02, "momentum": 0.9, "nesterov": False},
    "augmentation": [{"rotation": {"degrees": 7, "fill": 1}}, {"jitter": {"brightness": 0.1, "contrast": 0.1}}],
    "lambdas": {"l1": 1e-4, "l2": 1e-4},
}
ONECYCLE = {  # complete, as a study's condition is after its defaults are filled in
    "max_lr": 0.05,
    "pct_start": 0.3,
    "div_factor": 25.0,
    "final_div_factor": 10000.0,
    "base_momentum": 0.85,
    "max_momentum": 0.95,
}
RUNS = {
    "l1l2-gbn, onecycle": table.whole(BASE | {"schedule": {"onecycle": ONECYCLE}}),
    "l1l2-gbn, step": table.whole(BASE | {"schedule": {"step": {"step_size": 2, "gamma": 0.5}}, "dropout": 0.0}),
}


class Counts(NamedTuple):
    """What came of the kills of one run.

    Attributes:
        kills: that were made.
        in_training: how many of them fell after an epoch was saved and before the last one was.
        resumed: after how many of those the next process went on, before the last epoch, and lost no saved epoch.
    """

    kills: int
    in_training: int
    resumed: int


_EPOCH = re.compile(r": epoch (\d+)/")
_GOES_ON = re.compile(r"goes on after epoch (\d+) of")


def kill_in_training(run: Job | Workflow, kills: int, times: random.Random, trace: bool = False) -> Counts:
    """Kills a run again and again, each time within an epoch after one that the same process has finished; then lets it
    end. So no kill falls into the imports, which PyTorch goes on with in its first step.

    The training process is stopped before each kill: what its log and its folder say then, they say at its death. Each
    kill costs the run an epoch or two.

    Raises:
        RuntimeError: the run ended before all kills were made, or an orphan did not notice that it is one.
    """
    epochs = run.condition["epochs"]
    inside = resumed = 0
    _wait_for_an_epoch(run, None)
    for _ in range(kills):
        took = re.findall(r", ([0-9.]+) s, about", run.log())
        time.sleep(times.uniform(0.0, float(took[-1])))
        run.ensure()
        pid = run.pid()
        if pid is None:
            raise RuntimeError("the training ended before all kills")
        os.kill(pid, signal.SIGSTOP)
        saved = max(int(epoch) for epoch in _EPOCH.findall(run.log()))
        hit = saved < epochs and not (run.folder / "checkpoint.pt").exists()
        run.kill(pid)
        _wait_for_an_epoch(run, pid)
        went_on = _GOES_ON.search(run.log())
        inside += hit
        resumed += bool(hit and went_on and saved <= int(went_on[1]) < epochs)
        if trace:
            print(f"  killed after epoch {saved}, next: {went_on and went_on[0]}", flush=True)
    run.complete()
    return Counts(kills, inside, resumed)


def _wait_for_an_epoch(run: Job | Workflow, dead: int | None) -> None:
    """Until a process other than `dead` has finished an epoch of its own."""
    run.ensure()
    while run.pid() in (None, dead) or not _EPOCH.search(run.log()):
        run.ensure()
        time.sleep(0.01)


def kill_at_writes(job: Job) -> int:
    """Kills before a state, the checkpoint and the metrics take their place, and in writing each state; then ends."""
    points = [("replace", 1), ("write", 1), *[("write", 2)] * (job.condition["epochs"] - 1)]
    points += [("replace", 2), ("replace", 2)]  # before the checkpoint, and before the metrics, take their place
    kills = 0
    for point in points:
        process = job.start(point)
        process.join()
        kills += process.exitcode == -signal.SIGKILL
    job.finish()
    return kills


def make_run(folder: Path, data: Path, condition: dict[str, Any], engine: str, way: str) -> Job | Workflow:
    """A run to be killed, with the kernels that an earlier one in `folder` has compiled."""
    if way == "script":
        (folder / "killed").mkdir()
        return Job(folder / "killed", data, condition, engine)
    run = Workflow(folder / "project", data, condition, engine, way)
    if (folder / "kernels").exists():
        shutil.copytree(folder / "kernels", run.root / "resources/engine/kernels")
    return run


def main() -> None:
    """Kills one run `--kills` times and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="torch", choices=["torch", "numba"])
    parser.add_argument("--way", default="script", choices=["script", "job", "snakemake"])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments; odd ones train the other schedule")
    options = parser.parse_args()
    name = list(RUNS)[options.seed % len(RUNS)]
    condition = RUNS[name] | {"epochs": 3 * options.kills + 10}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data = prepare(folder)
        whole = Job(folder / "whole", data, condition, options.engine)
        whole.folder.mkdir()
        whole.finish()
        killed = make_run(folder, data, condition, options.engine, options.way)
        counts = kill_in_training(killed, options.kills, random.Random(options.seed), trace=True)
        same = killed.outcome() == whole.outcome()
    print(f"{options.engine}, {options.way}, {name}: {counts}, identical: {same}")
    sys.exit(not same or counts.resumed < counts.kills)


if __name__ == "__main__":
    main()
