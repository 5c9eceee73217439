"""A process that holds one training run and carries out requests, which are timed. Imports PyTorch only in the process.

Every worker sets its number of threads before it imports PyTorch, as the workflow's scripts do.
"""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peak import peak

if TYPE_CHECKING:
    from notebook_loop import Notebook

    from normreg.config.condition import Condition
    from normreg.data.dataset import Dataset
    from normreg.engines.pytorch import TorchTrainer

NOTEBOOK, REFERENCE, ENGINE = "notebook", "reference", "engine"
LABELS = {
    NOTEBOOK: "notebook loop",
    REFERENCE: "normreg, torch",
    ENGINE: "normreg, numba",
}
CONTESTANTS = {"cpu": (NOTEBOOK, REFERENCE, ENGINE), "cuda": (NOTEBOOK, REFERENCE)}
KERNELS = Path("results/benchmarks/kernels")  # the compiled kernels of the engine
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """What a worker trains. An epoch has the first `train_images` and `test_images` of the data set at `data`.

    Attributes:
        variant: `NOTEBOOK`, `REFERENCE` or `ENGINE` (on the CPU).
        threads: number of threads. None means PyTorch's default, as in a notebook.
    """

    variant: str
    condition: "Condition"
    data: Path
    train_images: int
    test_images: int
    seed: int = 0
    threads: int | None = 1
    device: str = "cpu"


def serve(connection: Connection, job: Job) -> None:
    """Sets the threads, builds the run, warms up, sends "ready". Then answers requests by name until it gets None."""
    os.environ["KINETO_LOG_LEVEL"] = "99"  # the profiler's messages about a missing GPU
    set_threads(job.threads)
    run = _Run(job)
    connection.send("ready")
    while (request := connection.recv()) is not None:
        answer: Callable[[], Any] = getattr(run, request)
        connection.send(answer())


def set_threads(threads: int | None) -> None:
    """Sets the number of threads. None means PyTorch's default, whatever the environment says.

    Call it before PyTorch is imported.
    """
    from normreg.utils import jobs

    if threads is not None:
        jobs.pin_threads(threads)
        return
    for variable in THREAD_VARIABLES:
        os.environ.pop(variable, None)


def build(job: Job, data: "Dataset") -> "TorchTrainer | Notebook":
    """Builds the run of `job` on `data`, ready for its first epoch."""
    import torch

    if job.variant == NOTEBOOK:
        from notebook_loop import Notebook

        if job.threads is not None:
            torch.set_num_threads(job.threads)
        return Notebook(job.condition, job.seed, data, device=job.device)
    from normreg.engines import pytorch
    from normreg.utils import devices

    device = devices.resolve(job.device, job.threads or 1)
    if job.variant == ENGINE:
        from normreg.engines.numba_cpu.trainer import EngineTrainer

        return EngineTrainer(job.condition, job.seed, data, KERNELS)
    return pytorch.TorchTrainer(job.condition, job.seed, data, device)


def subset(data: "Dataset", train_images: int, test_images: int) -> "Dataset":
    """A data set with only the first images of both splits."""
    return replace(
        data,
        train_images=data.train_images[:train_images],
        train_labels=data.train_labels[:train_images],
        test_images=data.test_images[:test_images],
        test_labels=data.test_labels[:test_images],
    )


class _Run:
    """The requests that a worker answers."""

    def __init__(self, job: Job) -> None:
        from normreg.data import dataset

        data = dataset.load(job.data)
        batch = job.condition["batch_size"]
        build(job, subset(data, 3 * batch, 2 * batch)).run_epoch(1)  # warm-up: chooses kernels, maps memory
        self.trainer = build(job, subset(data, job.train_images, job.test_images))
        self.device = job.device
        self.epochs = 0

    def epoch(self) -> dict[str, float]:
        """Trains one more epoch and validates. Returns its seconds, and validation accuracy (in percent) and loss."""
        self.epochs += 1
        started = time.perf_counter()
        row = self.trainer.run_epoch(self.epochs)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "accuracy": row.validation_accuracy, "loss": row.validation_loss}

    def digest(self) -> str:
        """SHA-256 of all weights and buffers."""
        sha = hashlib.sha256()
        for value in self.trainer.model.state_dict().values():
            sha.update(value.cpu().numpy().tobytes())
        return sha.hexdigest()

    def threads(self) -> int:
        """The number of threads PyTorch uses."""
        import torch

        return torch.get_num_threads()

    def peak(self) -> float:
        """The machine's peak, see `peak.peak`."""
        return peak(self.device)

    def profile(self) -> dict[str, float]:
        """Share of each operation's own time in an epoch. All other time is "outside operations".

        On a GPU the operations are its kernels. Outside of them it is idle.
        """
        from torch.profiler import ProfilerActivity, profile

        gpu = self.device == "cuda"
        with profile(activities=[ProfilerActivity.CUDA if gpu else ProfilerActivity.CPU]) as profiler:
            wall = 1e6 * self.epoch()["seconds"]
        time_of = "self_device_time_total" if gpu else "self_cpu_time_total"
        own = {event.key: getattr(event, time_of) / wall for event in profiler.key_averages()}
        return own | {"outside operations": max(0.0, 1 - sum(own.values()))}
