"""Chooses the device of a run, and one GPU for each training. Importing PyTorch takes seconds, so it waits."""

import contextlib
import ctypes
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from normreg.errors import NormregError, OrphanedError
from normreg.utils.files import POLL_SECONDS, file_lock

if TYPE_CHECKING:
    import torch

log = logging.getLogger("normreg")
VISIBLE = "CUDA_VISIBLE_DEVICES"  # the devices that CUDA shows a process, read once, when CUDA starts
_COUNT = "from normreg.utils.devices import count_gpus; print(count_gpus())"


def load_driver() -> ctypes.CDLL | None:
    """The CUDA driver, not yet started; None if it is not installed."""
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None


def count_gpus() -> int:
    """How many GPUs the CUDA driver shows this process. Asks the driver, so it does not need PyTorch."""
    driver, count = load_driver(), ctypes.c_int(0)
    asked = driver is not None and driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return count.value if asked else 0


def wants_gpu(device: str, here: bool) -> bool:
    """Whether a run with this `device` key (auto, cpu or cuda) asks the scheduler for a GPU.

    Args:
        device: the key. Which device a run with `auto` takes, the job decides where it runs, see `resolve`.
        here: whether jobs run on this machine. Of a cluster's nodes nothing is known here, so `auto` asks for none.
    """
    return device == "cuda" or (device == "auto" and here and count_gpus() > 0)


def resolve(device: str, threads: int) -> "torch.device":
    """Returns the device for the `device` key. Sets PyTorch to deterministic algorithms, full precision and `threads`.

    Raises:
        NormregError: the key is `cuda`, but PyTorch sees no GPU.
    """
    # cuBLAS reads this variable at its first use. Without it, cuBLAS is not deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.set_num_threads(threads)
    # "warn": a GPU operation that has no deterministic kernel gives a warning in the log and does not stop the run.
    # On the CPU, all operations used here have one. The same as `use_deterministic_algorithms(True, warn_only=True)`,
    # which also imports PyTorch's compiler: 1 s of processor time.
    torch.set_deterministic_debug_mode("warn")
    # Deterministic mode fills every new tensor with NaN, to show reads before writes. Here this would only cost time:
    # 5 % of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.allow_tf32 = False
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise NormregError(
            f"device: found 'cuda', but PyTorch {torch.__version__} sees no CUDA GPU on this machine. "
            "Check the driver with nvidia-smi, or run on the processor: --config device=cpu."
        )
    chosen = torch.device("cuda" if available and device != "cpu" else "cpu")
    log.debug("device %s, threads %d, PyTorch %s", chosen, torch.get_num_threads(), torch.__version__)
    return chosen


def on_this_machine() -> list[str]:
    """The numbers of the GPUs that the driver shows. Asked in another process: here it would start CUDA."""
    if load_driver() is None:
        return []
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", _COUNT], env=path, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        log.warning("The CUDA driver does not say how many GPUs there are; this job takes the first that PyTorch sees.")
        return []
    return [str(number) for number in range(int(done.stdout))]


@contextlib.contextmanager
def one(
    device: str,
    jobs_per_gpu: int,
    gone: Callable[[], bool] = lambda: False,
    present: Callable[[], Sequence[str]] = on_this_machine,
) -> Iterator[str | None]:
    """Holds one GPU while the block runs, and makes it the only one that CUDA shows. Call it before CUDA starts.

    Snakemake counts GPUs (`--resources gpu=4`), but does not say which one a job has. So jobs on one machine take them
    by locks of the kernel: no two take the same by chance, and a killed job gives its GPU back.

    If all are taken, it waits. Does nothing without a GPU, and where the environment names one already: then a batch
    system or a person has chosen. If the environment names several, it takes one of them.

    Args:
        device: the key of the configuration. With "cpu" it does nothing.
        jobs_per_gpu: how many jobs may hold a GPU at the same time. Jobs spread over all of them first.
        gone: tells whether nobody waits for this job any more; then it ends instead of waiting.
        present: gives the devices of this machine, as CUDA_VISIBLE_DEVICES can name them.

    Yields:
        The device, or None if nothing was done.

    Raises:
        OrphanedError: `gone`.
    """
    shown = os.environ.get(VISIBLE)
    if device == "cpu" or (shown is not None and "," not in shown):
        yield None
        return
    found = present()
    choice = [name.strip() for name in shown.split(",")] if shown and found else found
    taken = _wait(choice, jobs_per_gpu, gone) if choice else None
    if taken is None:
        yield None
        return
    name, lock = taken
    os.environ[VISIBLE] = name
    log.info("GPU %s of %s", name, ", ".join(choice))
    try:
        yield name
    finally:
        lock.release()  # its file stays: removing it while another job waits for it could give one GPU to two


def _wait(names: Sequence[str], jobs_per_gpu: int, gone: Callable[[], bool]) -> tuple[str, FileLock] | None:
    """The first GPU that is free, and its lock. None if this machine has no locks."""
    said = False
    # For all projects of this user. Two jobs of Slurm on one machine can have different GPUs of the same numbers, so
    # each job has a folder of its own.
    job = os.environ.get("SLURM_JOB_ID", "all")
    folder = Path(tempfile.gettempdir()) / f"normreg-gpus-{os.getuid()}-{job}"
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            taken = _take(names, jobs_per_gpu, folder)
        except OSError as error:
            log.warning("%s: no lock (%s); jobs side by side may use the same GPU", folder, error)
            return None
        if taken is not None:
            return taken
        if gone():
            raise OrphanedError("the Snakemake that started this job is gone, so it waits for no GPU.")
        if not said:
            log.warning(
                "All GPUs (%s) are taken by other jobs, with %d at once on each. Waiting. To let more share one: "
                "--config jobs_per_gpu=%d.",
                ", ".join(names),
                jobs_per_gpu,
                jobs_per_gpu + 1,
            )
            said = True
        time.sleep(POLL_SECONDS)


def _take(names: Sequence[str], jobs_per_gpu: int, folder: Path) -> tuple[str, FileLock] | None:
    for place in range(jobs_per_gpu):
        for name in names:
            lock = file_lock(folder / f"{re.sub('[^A-Za-z0-9-]', '_', name)}.{place}.lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            return name, lock
    return None
