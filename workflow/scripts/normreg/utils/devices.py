"""Chooses the device of a run. PyTorch is imported only where it is needed, because importing it takes seconds."""

import ctypes
import logging
import os
from typing import TYPE_CHECKING

from normreg.errors import NormregError

if TYPE_CHECKING:
    import torch

log = logging.getLogger("normreg")


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


def driver_sees_gpu() -> bool:
    """Whether the CUDA driver is installed and finds at least one GPU."""
    return count_gpus() > 0


def wants_gpu(device: str, here: bool) -> bool:
    """Whether a run with this `device` key (auto, cpu or cuda) asks the scheduler for a GPU.

    Args:
        device: the key. Which device a run with `auto` takes, the job decides where it runs, see `resolve`.
        here: whether jobs run on this machine. Of a cluster's nodes nothing is known here, so `auto` asks for none.
    """
    return device == "cuda" or (device == "auto" and here and driver_sees_gpu())


def resolve(device: str, threads: int) -> "torch.device":
    """Returns the device for the `device` key. Sets PyTorch to deterministic algorithms, full precision and `threads`.

    Raises:
        NormregError: the key is `cuda`, but PyTorch sees no GPU.
    """
    # cuBLAS reads this variable at its first use. Without it, cuBLAS is not deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.set_num_threads(threads)
    # warn_only: a GPU operation that has no deterministic kernel gives a warning in the log and does not stop the run.
    # On the CPU, all operations used here have one.
    torch.use_deterministic_algorithms(True, warn_only=True)
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
    log.info("device %s, threads %d, PyTorch %s", chosen, torch.get_num_threads(), torch.__version__)
    return chosen
