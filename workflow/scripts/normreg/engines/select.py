"""Chooses the engine that trains a run: PyTorch, or the CPU engine in numba.

An engine is imported only when it is needed. The numba engine is several times as fast on a CPU, but its kernels take
seconds to compile. So `auto` chooses it if training is long enough to save more than that.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from normreg.config.condition import Condition
from normreg.engines.contract import DataFacts, refuse_unknown
from normreg.engines.numba_cpu import contract as numba_cpu

if TYPE_CHECKING:
    import torch

    from normreg.data.dataset import Dataset
    from normreg.training.loop import Trainer

log = logging.getLogger("normreg")

# `auto` takes the numba engine if a run trains on this many images (training images times epochs) or more. The engine
# saves some 0.3 ms an image, so it saves 15 s on this many. The kernels of a network take as long to compile.
WORTH_COMPILING = 50_000


class Choice(NamedTuple):
    """The engine that trains (torch or numba). `reason` says why it is not the wanted one, or is empty."""

    engine: str
    reason: str = ""


def choose(engine: str, condition: Mapping[str, Any], data: DataFacts, device: str) -> Choice:
    """Chooses the engine that trains a run. No other code decides this.

    Args:
        engine: auto, torch or numba. If numba cannot train the condition, PyTorch does.
        condition: the condition of the run, with its own epochs.
        data: facts of the data set.
        device: the kind of device that the run uses, cpu or cuda.

    Raises:
        ConfigError: no engine can train the condition. The message names the key.
    """
    refuse_unknown(condition, data)
    worth = device == "cpu" and data.train_images * condition["epochs"] >= WORTH_COMPILING
    if engine == "torch" or (engine == "auto" and not worth):
        return Choice("torch")
    elsewhere = None if device == "cpu" else f"it computes on the CPU, not on {device}"
    reason = elsewhere or numba_cpu.supports(condition, data) or numba_cpu.lacking()
    return Choice("torch", f"not numba: {reason}") if reason else Choice("numba")


def make_trainer(
    engine: str, condition: Condition, seed: int, data: "Dataset", device: "torch.device", cache: Path
) -> tuple["Trainer", str]:
    """A new trainer and the name of its engine: torch or numba. Logs a line that says which engine and why.

    Args:
        engine: auto, torch or numba, see `choose`.
        condition, seed, data, device: those of the run.
        cache: folder of compiled kernels. Missing kernels are compiled into it.

    Raises:
        ConfigError: no engine can train the condition. The message names the key.
    """
    choice = choose(engine, condition, DataFacts.of(data), device.type)
    if choice.engine == "numba":
        from normreg.engines.numba_cpu.trainer import EngineTrainer

        trainer = EngineTrainer(condition, seed, data, cache)
        log.info("engine numba, %s", trainer.description)
        return trainer, choice.engine
    log.info("engine %s%s", choice.engine, f" ({choice.reason})" if choice.reason else "")
    from normreg.engines.pytorch import TorchTrainer
    from normreg.engines.rehearsal import rehearse

    resumable = rehearse(condition, seed, data, device)
    return TorchTrainer(condition, seed, data, device, resumable), choice.engine
