"""Which device a run uses. PyTorch is imported only where it is needed: importing it takes seconds."""

import ctypes
import logging
import os
from typing import TYPE_CHECKING

from normreg.errors import NormregError

if TYPE_CHECKING:
    import torch

log = logging.getLogger("normreg")


def driver_sees_gpu() -> bool:
    """Whether the CUDA driver is installed and counts at least one GPU; asks the driver, not PyTorch."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


def wants_gpu(device: str) -> bool:
    """Whether a run with this `device` key (auto, cpu or cuda) asks the scheduler for a GPU."""
    return device == "cuda" or (device == "auto" and driver_sees_gpu())


def resolve(device: str, threads: int) -> "torch.device":
    """The device of the `device` key; sets PyTorch to deterministic algorithms, full precision and `threads` threads.

    Raises:
        NormregError: `cuda` was asked for and PyTorch sees no GPU.
    """
    # cuBLAS reads it at its first use and is not deterministic without.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.set_num_threads(threads)
    # A GPU operation without a deterministic kernel says so in the log instead of ending the run. On the CPU all used
    # here have one.
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Deterministic mode fills every new tensor with NaN to show reads before writes: 5 % of a step, for nothing here.
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
