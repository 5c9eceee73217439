"""Chooses the engine that trains a run: PyTorch, or the CPU engine in numba.

An engine is imported only when it is needed. The numba engine is several times as fast on a CPU, but its kernels take
seconds to compile. So `auto` chooses it for a study whose trainings save more than that.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from normreg.config import sizes
from normreg.config.condition import Condition
from normreg.engines.contract import DataFacts, refuse_unknown
from normreg.engines.numba_cpu import contract as numba_cpu

if TYPE_CHECKING:
    import torch

    from normreg.data.dataset import Dataset
    from normreg.training.loop import Trainer

log = logging.getLogger("normreg")

# `auto` takes the numba engine if the conditions of a study train on this many images for each network, or more. An
# image counts once for each epoch and condition, and not for each seed. The engine saves some 0.3 ms an image, so it
# saves 15 s of a processor on this many. The kernels of a network take as long to compile, once.
WORTH_COMPILING = 50_000


class Choice(NamedTuple):
    """The engine that trains (torch or numba). `reason` says why it is not the wanted one, or is empty."""

    engine: str
    reason: str = ""


def of_study(engine: str, conditions: Mapping[str, Condition], data: DataFacts) -> Choice:
    """The engine that the runs of a study ask for. Engines round differently, so all conditions get the same one.

    It depends neither on seeds nor on the machine, so runs that are added later ask for the same one.

    Args:
        engine: auto, torch or numba. A person's choice stays.
        conditions: all conditions of the study by name.
        data: facts of the data set.
    """
    if engine != "auto":
        return Choice(engine)
    seen = sum(sizes.trained_images(one, data.train_images) * one["epochs"] for one in conditions.values())
    if seen < WORTH_COMPILING * len({one["network"] for one in conditions.values()}):
        return Choice("torch")
    left = not_in_numba(conditions, data)
    return Choice("torch", f"{next(iter(left))}: {next(iter(left.values()))}") if left else Choice("numba")


def not_in_numba(conditions: Mapping[str, Condition], data: DataFacts) -> dict[str, str]:
    """The conditions that the numba engine cannot train, and why."""
    found = {name: numba_cpu.supports(one, data) for name, one in conditions.items()}
    return {name: reason for name, reason in found.items() if reason}


def choose(engine: str, condition: Mapping[str, Any], data: DataFacts, device: str) -> Choice:
    """Chooses the engine that trains a run.

    Args:
        engine: torch or numba, see `of_study`. If numba cannot train the condition, PyTorch does.
        condition: the condition of the run.
        data: facts of the data set.
        device: the kind of device that the run uses, cpu or cuda.

    Raises:
        ConfigError: no engine can train the condition. The message names the key.
    """
    refuse_unknown(condition, data)
    if engine == "torch":
        return Choice("torch")
    elsewhere = None if device == "cpu" else f"it computes on the CPU, not on {device}"
    reason = elsewhere or numba_cpu.supports(condition, data) or numba_cpu.lacking()
    return Choice("torch", f"not numba: {reason}") if reason else Choice("numba")


def make_trainer(
    engine: str, condition: Condition, seed: int, data: "Dataset", device: "torch.device", cache: Path
) -> tuple["Trainer", str]:
    """A new trainer and the name of its engine: torch or numba. Logs a line that says which engine and why.

    Args:
        engine: torch or numba, see `choose`.
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
