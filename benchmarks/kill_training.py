"""Kills a training job with SIGKILL again and again, and compares what it ends with to a job that was never killed.

    .venv/bin/python benchmarks/kill_training.py --kills 200

The job is `workflow/scripts/train.py` itself, on scikit-learn's digits. Besides kills at random times there are
kills just before a file takes its place, and in the middle of writing each state.
"""

import argparse
import contextlib
import csv
import io
import multiprocessing
import os
import random
import runpy
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

# torch._dynamo and torch._inductor are what PyTorch imports at its first optimizer, a second or two.
PRELOAD = [
    "torch._dynamo",
    "torch._inductor",
    "normreg.engines.numba_cpu.trainer",
    "normreg.training.loop",
    "normreg.training.checkpoint",
]
BASE = {
    "network": "gilf641",
    "penalty": "l1l2",
    "norm": "gbn",
    "num_splits": 2,
    "batch_size": 64,
    "epochs": 5,
    "dropout": 0.08,
    "optimizer": {"lr": 0.02, "momentum": 0.9, "nesterov": False},
    "augmentation": [{"rotation": {"degrees": 7, "fill": 1}}, {"jitter": {"brightness": 0.1, "contrast": 0.1}}],
    "penalty_scope": "all",
    "lambdas": {"l1": 1e-4, "l2": 1e-4, "group_l2": 0.0},
}
RUNS = {
    "l1l2-gbn, onecycle": BASE | {"schedule": {"onecycle": {"max_lr": 0.05}}},
    "l1l2-gbn, step": BASE | {"schedule": {"step": {"step_size": 2, "gamma": 0.5}}, "dropout": 0.0},
}


class Job:
    """One training job in a folder of its own; each `start` is a new process, as a new call of Snakemake makes it."""

    def __init__(self, folder: Path, data: Path, condition: dict[str, Any], engine: str = "torch") -> None:
        self.folder, self.data, self.condition, self.engine = folder, data, condition, engine
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(PRELOAD)

    def start(
        self, die_at: tuple[str, int] | None = None, number: int = signal.SIGKILL
    ) -> multiprocessing.process.BaseProcess:
        """Starts the job.

        Args:
            die_at: the job sends itself a signal at its n-th "replace" (of a file) or "write" (after half a state).
            number: that signal.
        """
        die = die_at and (*die_at, number)
        process = self.processes.Process(
            target=_run, args=(self.folder, self.data, self.condition, self.engine, die), daemon=True
        )
        process.start()
        return process

    def finish(self) -> float:
        """Runs the job to its end; returns the seconds it took."""
        started = time.perf_counter()
        process = self.start()
        process.join()
        if process.exitcode:
            raise RuntimeError(f"the job ended with {process.exitcode}: {self.log()}")
        return time.perf_counter() - started

    def log(self) -> str:
        """The log of the last process."""
        return (self.folder / "job.log").read_text()

    def outcome(self) -> dict[str, Any]:
        """Weights, metrics without seconds, and logits on the validation split, to be compared bit for bit."""
        from normreg.data import dataset
        from normreg.training import checkpoint, evaluation

        data = dataset.load(self.data)
        model = checkpoint.restore(self.folder / "checkpoint.pt", self.condition, data.digest(), 0)
        lines = csv.DictReader((self.folder / "metrics.csv").read_text().splitlines())
        rows = [{name: cell for name, cell in line.items() if name not in ("seconds", "digest")} for line in lines]
        weights = {name: value.numpy().tobytes() for name, value in model.state_dict().items()}
        return {"weights": weights, "metrics": rows, "logits": evaluation.logits(model, data.test_images).tobytes()}

    def files(self) -> list[str]:
        """What lies in the folder, the log aside."""
        return sorted(file.name for file in self.folder.iterdir() if file.name != "job.log")


def _run(folder: Path, data: Path, condition: dict[str, Any], engine: str, die: tuple[str, int, int] | None) -> None:
    """In the new process: what Snakemake does for the train rule."""
    if die:
        _die(*die)
    modules = sorted((ROOT / "workflow/scripts/normreg").rglob("*.py"))
    job = SimpleNamespace(
        log=[str(folder / "job.log")],
        threads=1,
        wildcards=SimpleNamespace(study="mine", condition="l1l2-gbn", seed="0", dataset="digits"),
        params=SimpleNamespace(condition=condition, identity="mine", kernels=str(folder.parent / "kernels")),
        config={"device": "cpu", "engine": engine},
        input=SimpleNamespace(data=str(data), code=[str(module) for module in modules]),
        output=SimpleNamespace(checkpoint=str(folder / "checkpoint.pt"), metrics=str(folder / "metrics.csv")),
    )
    with contextlib.redirect_stderr(io.StringIO()):  # the log file has it too
        runpy.run_path(str(ROOT / "workflow/scripts/train.py"), init_globals={"snakemake": job})


def _die(event: str, count: int, number: int) -> None:
    """Makes this process send itself the signal `number` at the `count`-th event."""
    left = [count]

    def due() -> bool:
        left[0] -= 1
        return left[0] == 0

    replace, write_bytes = os.replace, Path.write_bytes

    def killing_replace(source: Any, target: Any) -> None:
        if event == "replace" and due():
            os.kill(os.getpid(), number)
        replace(source, target)

    def killing_write(path: Path, content: bytes) -> int:
        if event == "write" and due():
            write_bytes(path, content[: len(content) // 2])
            os.kill(os.getpid(), number)
        return write_bytes(path, content)

    os.replace, Path.write_bytes = killing_replace, killing_write  # type: ignore[assignment,method-assign]


def kill_at_random(job: Job, kills: int, longest: float, times: random.Random) -> tuple[int, int]:
    """Starts the job over and over, each time killed at a random time, then lets it end.

    Args:
        job: of whose starts at least one goes on from a state.
        kills: to be made.
        longest: seconds up to which a kill comes at first, the job's own time; a little more at every start, so that
            some kill comes after the first state however slow the machine has become.
        times: the random times.

    Returns:
        Kills that hit the running job (some come after its end: then it is begun anew), and how many of the starts
        went on from a state.
    """
    hits = resumed = 0
    while hits < kills or not resumed:
        process = job.start()
        process.join(times.uniform(0.0, longest))
        longest *= 1.05
        process.kill()
        process.join()
        hits += process.exitcode == -signal.SIGKILL
        resumed += "goes on after epoch" in (job.log() if (job.folder / "job.log").exists() else "")
    job.finish()
    return hits, resumed


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


def prepare(folder: Path) -> Path:
    """The digits as a prepared data set."""
    from normreg.data import dataset, digits

    dataset.save(digits.load(), folder / "digits.npz")
    return folder / "digits.npz"


def main() -> None:
    """Kills both runs `--kills` times in all and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="kills at random times, over all runs")
    parser.add_argument("--engine", default="torch")
    options = parser.parse_args()
    different = 0
    with tempfile.TemporaryDirectory() as scratch:
        data = prepare(Path(scratch))
        for index, (name, condition) in enumerate(RUNS.items()):
            whole, killed = (Job(Path(scratch) / f"{kind}{index}", data, condition, options.engine) for kind in "ab")
            for job in (whole, killed):
                job.folder.mkdir()
            seconds = whole.finish()
            hits, resumed = kill_at_random(killed, options.kills // len(RUNS), seconds, random.Random(index))
            same = killed.outcome() == whole.outcome() and killed.files() == whole.files()
            (killed.folder / "checkpoint.pt").unlink()
            writes = kill_at_writes(killed)
            same_again = killed.outcome() == whole.outcome() and killed.files() == whole.files()
            different += (not same) + (not same_again)
            print(f"{name}: {hits} kills at random times, {resumed} starts went on from a state, identical: {same}")
            print(f"{name}: {writes} kills while files were written, identical: {same_again}")
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
