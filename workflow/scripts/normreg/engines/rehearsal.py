"""Trains a few batches of a network in Python before its training, to say at once what a kill would spoil.

Networks as lists of layers need no rehearsal: all that they hold is known.
"""

import logging
import warnings
from dataclasses import replace

import torch
from torch import Tensor

from normreg.config import networks
from normreg.config.condition import Condition
from normreg.data.dataset import Dataset
from normreg.engines.pytorch import TorchTrainer
from normreg.errors import ConfigError
from normreg.models.description import PythonNetwork
from normreg.training import checkpoint, evaluation, state

log = logging.getLogger("normreg")
_CANNOT_REPEAT = "does not have a deterministic implementation"  # PyTorch's warning, see `utils.devices`


def rehearse(condition: Condition, seed: int, data: Dataset, device: torch.device) -> bool:
    """Whether training that goes on from a saved state gives the bits of training without a break.

    If not, and if the saved weights predict something else than the trained network, the log says so.

    Raises:
        ConfigError: a new network cannot take over the saved weights.
    """
    network = networks.find(condition["network"])
    if not isinstance(network, PythonNetwork):
        return True
    short, few = _shortened(condition, data)
    whole, resumed, evaluated = (TorchTrainer(short, seed, few, device) for _ in range(3))  # as new processes do it
    with warnings.catch_warnings(record=True, action="always") as caught:
        lost = _lost(whole, resumed)
    if not _predict_the_same(whole, evaluated, network.path):
        log.warning(
            "%s: in evaluation mode, its saved weights give other logits than the trained network. Evaluation has only "
            "the checkpoint, which holds parameters and persistent buffers, so its results may be refused. Use "
            "register_buffer for what training changes, and draw random numbers in training mode alone.",
            network.path,
        )
    if lost and any(_CANNOT_REPEAT in str(warning.message) for warning in caught):
        log.warning("%s: this device cannot repeat its training bit for bit, so a break changes it too.", network.path)
        return True
    if lost:
        log.warning(
            "%s: trained on from a saved state, it gives other numbers than without a break (%s). It keeps something "
            "that is no parameter, buffer, number, text, tensor or generator in an attribute of a module, or it draws "
            "random numbers that no seed decides. So if this training is interrupted, it starts over.",
            network.path,
            lost,
        )
    return not lost


def _shortened(condition: Condition, data: Dataset) -> tuple[Condition, Dataset]:
    """Two epochs of two batches, at a small rate: what warm-up keeps finite is finite here too."""
    train, test = slice(2 * condition["batch_size"]), slice(condition["batch_size"])
    few = replace(
        data,
        train_images=data.train_images[train],
        train_labels=data.train_labels[train],
        test_images=data.test_images[test],
        test_labels=data.test_labels[test],
    )
    short: Condition = {**condition, "epochs": 2, "validate_every": 1, "schedule": {"constant": {}}}
    short["optimizer"] = {**condition["optimizer"], "lr": min(1e-3, condition["optimizer"]["lr"])}
    return short, few


def _lost(whole: TorchTrainer, resumed: TorchTrainer) -> str | None:
    """What a saved state does not bring from one trainer to the other. None: nothing. Both are new."""
    before = state.left_out(whole.model)
    whole.run_epoch(1)
    saved = state.pack(whole.state())
    row = replace(whole.run_epoch(2), seconds=0.0)
    after = state.left_out(whole.model)
    changed = [name for name, content in after.items() if content != before.get(name)]
    if changed:
        return f"what cannot be saved is {', '.join(changed)}"
    try:
        resumed.restore(state.unpack(saved))
        found = replace(resumed.run_epoch(2), seconds=0.0)
    except Exception as error:  # of the user's code, with a state that lacks something
        return _reason(error)
    if repr(found) != repr(row):  # texts, because NaN equals nothing
        return "the figures of the next epoch differ"
    other = dict(resumed.model.named_parameters())
    own = whole.model.named_parameters()
    return next((f"{name} differs" for name, parameter in own if not _same(parameter, other[name])), None)


def _predict_the_same(whole: TorchTrainer, evaluated: TorchTrainer, path: str) -> bool:
    """Whether a new model with the saved weights predicts the same. `evaluate` has such a model."""
    try:
        evaluated.model.load_state_dict(state.unpack(state.pack(checkpoint.weights_of(whole.model))))
    except Exception as error:
        raise ConfigError(
            f"{path}: a new network cannot take over the weights that its checkpoint would have ({_reason(error)}). "
            "Training must not change names or shapes of persistent buffers, and get_extra_state must give plain data."
        ) from error
    one, other = (evaluation.predict(own.model, own.test_images, own.normalise) for own in (whole, evaluated))
    return _same(one, other)


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.nan_to_num(), other.nan_to_num())


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
