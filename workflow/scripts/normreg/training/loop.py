"""Trains one run to its last epoch, whatever does the computing, and goes on where a killed one stopped."""

import copy
import logging
import math
from dataclasses import asdict

import torch

from normreg.config.condition import Condition
from normreg.errors import AGAIN, DataError, OrphanedError
from normreg.training.history import Epoch
from normreg.training.state import StateFile
from normreg.training.trainer import Trainer
from normreg.utils.starter import Starter

log = logging.getLogger("normreg")


def train(trainer: Trainer, label: str, state: StateFile, starter: Starter | None = None) -> list[Epoch]:
    """Trains to the last epoch of the trainer's condition, saves the state after each and logs a line.

    A run diverges if its objective, its validation loss or a weight becomes infinite or NaN. Then it ends, the trainer
    has the state of before that epoch, and a warning names the likely key.

    Args:
        trainer: a fresh one; if `state` holds the state of an earlier process, training goes on from there. After the
            last epoch of an earlier process nothing is left to train.
        label: names the run in log lines and errors.
        state: where the state is kept; it stays until somebody has seen the results.
        starter: who waits for the results; None, as in a library, if training goes on whoever ends.

    Returns:
        A row an epoch, those of earlier processes included. Of a run that diverged, the last one is without numbers.
        The trained model is the trainer's.

    Raises:
        DataError: the state of an earlier process does not fit the trainer.
        OrphanedError: the starter is gone; the state is kept.
    """
    epochs = trainer.condition["epochs"]
    history = _resume(trainer, label, state)
    _check_starter(starter, trainer, label, len(history))
    for epoch in range(len(history) + 1, epochs + 1):
        before = copy.deepcopy(trainer.state())
        row = trainer.run_epoch(epoch)
        if not _finite(trainer, row):
            log.warning(_divergence(trainer.condition, label, row))
            trainer.restore(before)
            return [*history, row.without_numbers()]
        history.append(row)
        if trainer.resumable or epoch == epochs:
            state.save({"trainer": trainer.state(), "history": [asdict(past) for past in history]})
        log.info(_progress(label, history, epochs))
        _check_starter(starter, trainer, label, epoch)
    return history


def _resume(trainer: Trainer, label: str, state: StateFile) -> list[Epoch]:
    """Takes over what an earlier process has saved. Returns the rows of its epochs; none if there is nothing to use."""
    saved, epochs = state.load(), trainer.condition["epochs"]
    if saved is None:
        return []
    try:
        trainer.restore(saved["trainer"])
    except Exception as error:  # the key of a state does not cover installed packages that a network imports
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise DataError(f"{state.path}: does not fit the network ({reason}). {AGAIN}") from error
    history = [Epoch(**row) for row in saved["history"]]
    if len(history) == epochs:
        log.info("%s: all %d epochs are trained already; their results are taken from %s", label, epochs, state.path)
    else:
        log.info("%s: goes on after epoch %d of %d", label, len(history), epochs)
    return history


def _finite(trainer: Trainer, row: Epoch) -> bool:
    """Whether an epoch ended with finite numbers. The weights count too: the last step comes after the last loss."""
    numbers = (value for value in (row.train_objective, row.validation_loss) if value is not None)
    return all(map(math.isfinite, numbers)) and all(torch.isfinite(p).all() for p in trainer.model.parameters())


def _check_starter(starter: Starter | None, trainer: Trainer, label: str, epoch: int) -> None:
    if starter is not None and starter.gone():
        then = "goes on from there" if trainer.resumable else "starts over"
        raise OrphanedError(
            f"{label}: the Snakemake that started this training is gone, so it stops after epoch {epoch}. "
            f"Run the same command again: it {then}."
        )


def duration(seconds: float) -> str:
    """A rough time: "45 s" below two minutes, "7 min" below two hours, then "3 h 20 min"."""
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _progress(label: str, history: list[Epoch], epochs: int) -> str:
    last = history[-1]
    left = sum(row.seconds for row in history) / len(history) * (epochs - last.epoch)
    rest = f", about {duration(left)} left" if left else ""
    validation = ""
    if last.validation_accuracy is not None:
        validation = f"validation {last.validation_accuracy:.2f} % (loss {last.validation_loss:.4f}), "
    return (
        f"{label}: epoch {last.epoch}/{epochs}, training {last.train_accuracy:.2f} %, {validation}"
        f"{last.seconds:.1f} s{rest}"
    )


def _divergence(condition: Condition, label: str, row: Epoch) -> str:
    """Names the key most likely at fault: a penalty whose pull a step is large, else the learning rate."""
    lambdas, schedule = condition["lambdas"], condition["schedule"]
    onecycle = schedule.get("onecycle")
    lr = onecycle["max_lr"] if onecycle else condition["optimizer"]["lr"]
    lr_key = "schedule.onecycle.max_lr" if onecycle else "optimizer.lr"
    strongest = max((lambdas["l1"], "l1"), (lambdas["l2"], "l2"), (lambdas["group_l2"], "group_l2"))
    suspect = (lr_key, lr) if strongest[0] * lr < 0.1 else (f"lambdas.{strongest[1]}", strongest[0])
    kept = f"the weights after epoch {row.epoch - 1}" if row.epoch > 1 else "the initial weights"
    validation = "" if row.validation_loss is None else f", validation loss {row.validation_loss}"
    return (
        f"{label}: diverged in epoch {row.epoch} (mean objective {row.train_objective}{validation}). The run ends here "
        f"and counts as diverged; its checkpoint has {kept}. The likely key is {suspect[0]}, which is {suspect[1]:g}."
    )
