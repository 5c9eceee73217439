"""Contracts of engines: which settings of a condition an engine implements.

A contract is a set of dotted keys of the table of settings, see `settings.table.unknown`. If a condition has any other
key or value that is not neutral, PyTorch trains it instead. PyTorch has a contract too. If a condition has a key or
value outside of that one, it is an error. So no engine ever ignores a setting. No import here needs PyTorch or numba.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from normreg.config import networks
from normreg.errors import ConfigError
from normreg.models.description import MNIST_LIKE, DataShape
from normreg.settings import table

# Every engine trains the images that `training.subsets` gives it, with the rates of `training.schedule`, for as many
# epochs as `training.loop` asks for.
SHARED = frozenset({"train_images", "holdout_images", "validate_every", "epochs", "schedule"})
KNOWN = SHARED | {
    *("network", "norm", "num_splits", "num_groups", "dropout"),  # models
    *("batch_size", "augmentation", "optimizer", "penalty", "penalty_scope", "lambdas"),
    *("label_smoothing", "class_weights"),  # objective
}


class DataFacts(NamedTuple):
    """The facts of a data set on which the choice of an engine depends. They are known before its files are there.

    Attributes:
        train_images: images of the training split.
        shape: channels, height and width of an image, and the number of classes.
    """

    train_images: int
    shape: DataShape = MNIST_LIKE

    @classmethod
    def of(cls, data: Any) -> "DataFacts":
        """The facts of a `normreg.data.dataset.Dataset`."""
        channels, height, width = data.shape
        return cls(len(data.train_labels), DataShape(channels, height, width, len(data.class_names)))


def supports(condition: Mapping[str, Any], data: DataFacts, known: Collection[str] = KNOWN) -> str | None:
    """Why an engine that implements `known` cannot train a condition on such data. None if it can.

    Without `known` the engine is the PyTorch path, the reference.
    """
    try:
        unknown = table.unknown(condition, known)
        if unknown is not None:
            return f"{unknown} is not implemented"
        networks.check(condition["network"], data.shape, condition)
    except ConfigError as error:
        return str(error)
    return None


def refuse_unknown(condition: Mapping[str, Any], data: DataFacts) -> None:
    """Refuses a condition that no engine can train.

    Raises:
        ConfigError: no engine can train the condition. The message names the key.
    """
    reason = supports(condition, data)
    if reason is not None:
        raise ConfigError(f"no engine can train this condition: {reason}. Correct it where the condition is defined.")
