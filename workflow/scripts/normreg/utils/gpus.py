"""One GPU for each training: jobs on one machine take them by locks, so that no two take the same by chance.

Snakemake counts GPUs (`--resources gpu=4`), but does not say which one a job has. A batch system does, in
CUDA_VISIBLE_DEVICES. The locks are the kernel's, so a killed job gives its GPU back.
"""

import contextlib
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from normreg.errors import OrphanedError
from normreg.utils import devices
from normreg.utils.locks import POLL_SECONDS, file_lock

log = logging.getLogger("normreg")

VISIBLE = "CUDA_VISIBLE_DEVICES"  # the devices that CUDA shows a process, read once, when CUDA starts
_COUNT = "from normreg.utils.devices import count_gpus; print(count_gpus())"


def on_this_machine() -> list[str]:
    """The numbers of the GPUs that the driver shows. Asked in another process: here it would start CUDA."""
    if devices.load_driver() is None:
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


def _folder() -> Path:
    """Where the locks are, for all projects of this user.

    Two jobs of Slurm on one machine can have different GPUs of the same numbers. So each job has a folder of its own.
    """
    return Path(tempfile.gettempdir()) / f"normreg-gpus-{os.getuid()}-{os.environ.get('SLURM_JOB_ID', 'all')}"


def _wait(names: Sequence[str], jobs_per_gpu: int, gone: Callable[[], bool]) -> tuple[str, FileLock] | None:
    """The first GPU that is free, and its lock. None if this machine has no locks."""
    said, folder = False, _folder()
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
