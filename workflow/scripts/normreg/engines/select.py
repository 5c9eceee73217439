"""Which engine trains a run: PyTorch, the CPU engine in numba, or CUDA graphs. Imports none before it is needed.

The numba engine is several times as fast on a CPU, but its kernels take seconds to compile: `auto` chooses it where
training is long enough to save more than that. CUDA graphs are for those who ask for them: no GPU has run them yet.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from normreg.config.condition import Condition

if TYPE_CHECKING:
    import torch

    from normreg.data.dataset import Dataset
    from normreg.training.trainer import Trainer

log = logging.getLogger("normreg")

# Images trained on in one run (training images times epochs) from which on `auto` takes the numba engine. It saves some
# 0.3 ms an image, 15 s on this many: what the kernels of a network take to compile.
WORTH_COMPILING = 50_000
TRAINING_IMAGES = {"mnist": 60_000, "fashion-mnist": 60_000, "kmnist": 60_000, "digits": 906}


def wants_numba(engine: str, device: str, images: int, epochs: int) -> bool:
    """Whether a run with this `engine` key is one for the numba engine.

    Args:
        engine: auto, torch, numba or cudagraph.
        device: the kind of the device the run uses.
        images: training images in an epoch.
        epochs: of the run.
    """
    return device == "cpu" and (engine == "numba" or (engine == "auto" and images * epochs >= WORTH_COMPILING))


def compile_kernels(network: str, cache: Path) -> str:
    """Compiles what the engine needs for a network into `cache`, unless it is there; one process does, others wait.

    Returns:
        A line that says what was done, or why nothing: a network or processor without kernels is not an error.
    """
    try:
        from normreg.engines.numba_cpu import kernels, stages
        from normreg.engines.numba_cpu.errors import UnsupportedError
        from normreg.models.networks import NETWORKS
    except ImportError as error:
        return f"no kernels: {error}"
    try:
        registers = kernels.processor()
        kernels.load_shared(cache)
        kernels.load_network(stages.make_stages(NETWORKS[network]), registers, cache)
    except UnsupportedError as error:
        return f"no kernels: {error}"
    return f"kernels of {network} for {registers.name} are in {cache}"


def make_trainer(
    engine: str, condition: Condition, seed: int, data: "Dataset", device: "torch.device", cache: Path
) -> tuple["Trainer", str]:
    """A fresh trainer and the name of its engine: torch, numba or cudagraph. Logs a line that says which and why.

    Args:
        engine: auto, torch, numba or cudagraph; what numba cannot do, and CUDA graphs without a GPU, go to PyTorch.
        condition, seed, data, device: of the run.
        cache: folder of compiled kernels; what is missing is compiled into it.

    Raises:
        NormregError: this GPU does not capture or replay the training step as it should.
    """
    from normreg.engines.pytorch import TorchTrainer

    reason = ""
    if wants_numba(engine, device.type, len(data.train_labels), condition["epochs"]):
        made = _make_numba(condition, seed, data, cache)
        if not isinstance(made, str):
            return made, "numba"
        reason = f" (not numba: {made})"
    elif engine == "cudagraph" and device.type == "cuda":
        from normreg.engines.cudagraph.trainer import GraphTrainer

        log.info("engine cudagraph")
        return GraphTrainer(condition, seed, data, device), "cudagraph"
    elif engine == "numba":
        reason = f" (not numba: it computes on the CPU, not on {device.type})"
    elif engine == "cudagraph":
        reason = f" (not cudagraph: it needs a CUDA GPU, and the device is {device.type})"
    log.info("engine torch%s", reason)
    return TorchTrainer(condition, seed, data, device), "torch"


def _make_numba(condition: Condition, seed: int, data: "Dataset", cache: Path) -> "Trainer | str":
    """A trainer of the numba engine, or why there is none."""
    try:
        from normreg.engines.numba_cpu.errors import UnsupportedError
        from normreg.engines.numba_cpu.trainer import EngineTrainer
    except ImportError as error:
        return str(error)
    try:
        trainer = EngineTrainer(condition, seed, data, cache)
    except UnsupportedError as error:
        return str(error)
    log.info("engine numba, %s", trainer.description)
    return trainer
