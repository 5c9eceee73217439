"""Training that can be killed: `workflow/scripts/train.py` itself, or a real Snakemake. On scikit-learn's digits."""

import contextlib
import csv
import io
import json
import multiprocessing
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
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


class Job:
    """One training job in a folder of its own; each `start` is a new process, as a new call of Snakemake makes it."""

    def __init__(self, folder: Path, data: Path, condition: dict[str, Any], engine: str = "torch") -> None:
        self.folder, self.data, self.condition, self.engine = folder, data, condition, engine
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(PRELOAD)
        self.process: multiprocessing.process.BaseProcess | None = None

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

    def ensure(self) -> None:
        """Starts the job if it is not at work."""
        if self.process is None:
            (self.folder / "job.log").unlink(missing_ok=True)
            self.process = self.start()
        if self.process.exitcode is not None:
            raise RuntimeError(f"the job ended with {self.process.exitcode} before all kills: {self.log()}")

    def pid(self) -> int | None:
        """The process that trains."""
        return self.process.pid if self.process else None

    def kill(self, pid: int) -> None:
        """Kills it."""
        if self.process:
            os.kill(pid, signal.SIGKILL)
            self.process.join()
            self.process = None

    def complete(self) -> None:
        """Lets the process at work, or a new one, run to the end."""
        if self.process:
            self.process.join()
        self.finish()

    def log(self) -> str:
        """The log of the last process."""
        path = self.folder / "job.log"
        return path.read_text() if path.exists() else ""

    def outcome(self) -> dict[str, Any]:
        """Weights, metrics without seconds, and logits on the validation split, to be compared bit for bit."""
        return outcome(self.folder, self.data)

    def files(self) -> list[str]:
        """What lies in the folder, the log aside."""
        return sorted(file.name for file in self.folder.iterdir() if file.name != "job.log")


def _run(folder: Path, data: Path, condition: dict[str, Any], engine: str, die: tuple[str, int, int] | None) -> None:
    """In the new process: what Snakemake does for the train rule."""
    if die:
        _die(*die)
    from normreg.config import networks

    scripts = ROOT / "workflow/scripts"
    params = {"condition": condition, "kernels": str(folder.parent / "kernels")}
    params |= {"network": {condition["network"]: networks.described(condition["network"])}, "identity": "mine"}
    params |= {"data_digest": None, "shape": [1, 28, 28]}
    job = SimpleNamespace(
        scriptdir=str(scripts),
        log=[str(folder / "job.log")],
        threads=1,
        wildcards=SimpleNamespace(study="mine", condition="l1l2-gbn", seed="0", dataset="digits"),
        params=SimpleNamespace(**params),
        config={"device": "cpu", "jobs_per_gpu": 1},
        resources=SimpleNamespace(engine=engine),
        input=SimpleNamespace(data=str(data)),
        output=SimpleNamespace(checkpoint=str(folder / "checkpoint.pt"), metrics=str(folder / "metrics.csv")),
    )
    with contextlib.redirect_stderr(io.StringIO()):  # the log file has it too
        runpy.run_path(str(scripts / "train.py"), init_globals={"snakemake": job})


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


class Workflow:
    """The same training as a job of a real Snakemake, in a copy of the project.

    Args:
        folder: for the copy; does not exist.
        data, condition, engine: as for `Job`.
        victim: whom `kill` kills, "job" or "snakemake".
    """

    def __init__(self, folder: Path, data: Path, condition: dict[str, Any], engine: str, victim: str) -> None:
        self.root, self.data, self.condition, self.victim = folder, data, condition, victim
        for name in ("config", "profiles", "workflow", "envs"):
            shutil.copytree(ROOT / name, folder / name)
        shutil.copy2(ROOT / "Snakefile", folder)
        resolved = ("penalty", "norm", "train_images", "holdout_images")  # a study says these in other words
        study = {key: value for key, value in condition.items() if key not in resolved}
        study |= {"conditions": {"l1l2-gbn": {"penalty": "l1l2", "norm": "gbn"}}, "galleries": ["l1l2-gbn"]}
        (folder / "config/studies/mine.yaml").write_text(json.dumps(study))
        self.folder = folder / "results/digits/mine/l1l2-gbn/seed0"
        target = str((self.folder / "checkpoint.pt").relative_to(folder))
        settings = ["dataset=digits", "study=mine", "device=cpu", f"engine={engine}"]
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--retries", "10000", target]
        self.command = [*command, "--config", *settings]
        self.process: subprocess.Popen[bytes] | None = None

    def ensure(self) -> None:
        """Starts Snakemake if it is not at work."""
        if self.process is None:
            with open(self.root / "output", "wb") as output:
                self.process = subprocess.Popen(self.command, cwd=self.root, stdout=output, stderr=subprocess.STDOUT)
        if self.process.poll() is not None:
            said = (self.root / "output").read_text()
            raise RuntimeError(f"Snakemake ended with {self.process.returncode} before all kills: {said}")

    def pid(self) -> int | None:
        """The process that trains: it holds the lock of the run."""
        with contextlib.suppress(OSError):
            found = re.match(r"process (\d+) on ", (self.folder / ".lock").read_text())
            return int(found[1]) if found else None
        return None

    def kill(self, pid: int) -> None:
        """Kills the training process `pid`, or its Snakemake: then `pid` must end by itself, after its epoch."""
        if self.victim == "job" or not self.process:
            os.kill(pid, signal.SIGKILL)
            return
        self.process.kill()
        self.process.wait()
        self.process = None
        os.kill(pid, signal.SIGCONT)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.01)
        if "the Snakemake that started this training is gone" not in self.log():
            raise RuntimeError(f"the job did not notice that Snakemake is dead: {self.log()}")

    def complete(self) -> None:
        """Lets Snakemake run to its end."""
        self.ensure()
        if not self.process or self.process.wait():
            raise RuntimeError((self.root / "output").read_text())

    def log(self) -> str:
        """The log of the last training process."""
        path = self.root / "logs/train/digits/mine/l1l2-gbn/seed0.log"
        return path.read_text() if path.exists() else ""

    def outcome(self) -> dict[str, Any]:
        """As of a `Job`."""
        return outcome(self.folder, self.data)


def outcome(folder: Path, data_path: Path) -> dict[str, Any]:
    """Weights, metrics but for seconds and the run's name, and logits on the validation split of a finished run."""
    from normreg.data import dataset
    from normreg.training import checkpoint, evaluation

    data, path = dataset.load(data_path), folder / "checkpoint.pt"
    model = checkpoint.revive(path, checkpoint.load(path)).model
    lines = csv.DictReader((folder / "metrics.csv").read_text().splitlines())
    rows = [{name: cell for name, cell in line.items() if name not in ("seconds", "run", "digest")} for line in lines]
    weights = {name: value.numpy().tobytes() for name, value in model.state_dict().items()}
    return {
        "weights": weights,
        "metrics": rows,
        "logits": evaluation.logits(model, data.test_images, data.normalise).tobytes(),
    }


def prepare(folder: Path) -> Path:
    """The digits as a prepared data set."""
    from normreg.data import dataset, digits

    dataset.save(digits.load(), folder / "digits.npz")
    return folder / "digits.npz"
