"""Contracts of engines: a contract lists the settings of a condition that an engine implements.

A contract is a JSON Schema. It lists all keys and values that are allowed in a condition, at every level. If a
condition has any other key or value, PyTorch trains it instead. PyTorch has a contract too, `REFERENCE`. If a condition
has a key or value outside of that one, it is an error. So no engine ever ignores a setting that it does not know. No
import here needs PyTorch or numba.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, ValidationError, validators

from normreg.config import networks
from normreg.errors import ConfigError
from normreg.models.description import MNIST_LIKE, DataShape

Contract = Mapping[str, Any]


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


def keys(known: Mapping[str, Contract], optional: tuple[str, ...] = ()) -> Contract:
    """A mapping with exactly these keys. The `optional` ones may be missing."""
    required = [key for key in known if key not in optional]
    return {"type": "object", "additionalProperties": False, "properties": known, "required": required}


def one_key(known: Mapping[str, Contract]) -> Contract:
    """A mapping with exactly one of these keys."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": known,
        "minProperties": 1,
        "maxProperties": 1,
    }


def list_of(item: Contract, **bounds: int) -> Contract:
    """A list of such items. `bounds` are minItems and maxItems."""
    return {"type": "array", "items": item, **bounds}


def one_of(*values: str | bool) -> Contract:
    """One of these values."""
    return {"enum": list(values)}


def number(**bounds: float) -> Contract:
    """A finite number. `bounds` are minimum, maximum, exclusiveMinimum and exclusiveMaximum."""
    return {"type": "number", **bounds}


def whole(**bounds: int) -> Contract:
    """A whole number. `bounds` are those of `number`."""
    return {"type": "integer", **bounds}


# All engines take learning rate and momentum from `training.schedule`, and random draws from `training.draws`.
SCHEDULE = one_key(
    {
        "constant": keys({}),
        "step": keys({"step_size": whole(minimum=1), "gamma": number(exclusiveMinimum=0)}),
        "cosine": keys({"warmup_epochs": whole(minimum=0), "min_lr": number(minimum=0)}),
        "onecycle": keys(
            {
                "max_lr": number(exclusiveMinimum=0),
                "pct_start": number(exclusiveMinimum=0, exclusiveMaximum=1),
                "div_factor": number(exclusiveMinimum=0),
                "final_div_factor": number(exclusiveMinimum=0),
                "base_momentum": number(minimum=0, exclusiveMaximum=1),
                "max_momentum": number(minimum=0, exclusiveMaximum=1),
            },
            optional=("pct_start", "div_factor", "final_div_factor", "base_momentum", "max_momentum"),
        ),
    }
)
SGD = keys(
    {
        "lr": number(exclusiveMinimum=0),
        "momentum": number(minimum=0, exclusiveMaximum=1),
        "nesterov": one_of(True, False),
    }
)
_BETA = number(minimum=0, exclusiveMaximum=1)
ADAMW = keys({"name": one_of("adamw"), "lr": number(exclusiveMinimum=0), "beta1": _BETA, "beta2": _BETA})
NETWORK: Contract = {"type": "string"}  # an engine asks `networks.find` for the network, and looks at its layers
# An engine gets the images that are left after these, see `training.subsets`. The interface of engines validates.
SIZES: Mapping[str, Contract] = {
    "train_images": {"type": ["integer", "null"], "minimum": 2},
    "holdout_images": whole(minimum=0),
    "validate_every": whole(minimum=1),
}
_DEGREES, _FILL = number(minimum=0, maximum=180), whole(minimum=0, maximum=255)
# Images are moved with 16.16 fixed-point numbers. An inverse map with other factors would overflow them.
_SCALE = list_of(number(minimum=0.01, maximum=100), minItems=2, maxItems=2)
ROTATION = keys({"degrees": _DEGREES, "fill": _FILL})
AFFINE = keys({"degrees": _DEGREES, "translate": number(minimum=0, maximum=1), "scale": _SCALE, "fill": _FILL})
JITTER = keys({"brightness": number(minimum=0), "contrast": number(minimum=0)})
FLIP = keys({"probability": number(minimum=0, maximum=1)})
CROP = keys({"padding": whole(minimum=1), "fill": _FILL})
CUTOUT = keys({"size": whole(minimum=1), "fill": _FILL})
STEPS: Mapping[str, Contract] = {
    **{"rotation": ROTATION, "affine": AFFINE, "jitter": JITTER},
    **{"flip": FLIP, "crop": CROP, "cutout": CUTOUT},
}

REFERENCE = keys(
    {
        "network": NETWORK,
        "penalty": one_of("none", "l1", "l2", "l1l2"),
        "norm": one_of("bn", "gbn"),
        "num_splits": whole(minimum=1),
        "batch_size": whole(minimum=1),
        "epochs": whole(minimum=1),
        "dropout": number(minimum=0, exclusiveMaximum=1),
        "optimizer": {"if": {"required": ["name"]}, "then": ADAMW, "else": SGD},  # SGD has no name
        "schedule": SCHEDULE,
        "augmentation": list_of(one_key(STEPS)),
        "penalty_scope": one_of("all", "weights", "no-norm"),
        "lambdas": keys({"l1": number(minimum=0), "l2": number(minimum=0), "group_l2": number(minimum=0)}),
        **SIZES,
    }
)


def supports(condition: Mapping[str, Any], data: DataFacts) -> str | None:
    """Why the PyTorch path, the reference, cannot train this condition on such data. None if it can."""
    return unknown(condition, REFERENCE) or unfit(condition, data) or _contradiction(condition)


def _contradiction(condition: Mapping[str, Any]) -> str | None:
    optimizer, cosine = condition["optimizer"], condition["schedule"].get("cosine")
    if optimizer.get("nesterov") and not optimizer["momentum"]:
        return "key 'optimizer.nesterov': true needs an optimizer.momentum above 0"
    if cosine and cosine["warmup_epochs"] >= condition["epochs"]:
        return f"key 'schedule.cosine.warmup_epochs': found {cosine['warmup_epochs']}, expected fewer than the epochs"
    return None


def refuse_unknown(condition: Mapping[str, Any], data: DataFacts) -> None:
    """Refuses a condition that no engine can train.

    Raises:
        ConfigError: no engine can train the condition. The message names the key.
    """
    reason = supports(condition, data)
    if reason is not None:
        raise ConfigError(f"no engine can train this condition: {reason}. Correct it where the condition is defined.")


def unfit(condition: Mapping[str, Any], data: DataFacts) -> str | None:
    """Why the network of a condition cannot be trained on such data. None if it can."""
    if data.train_images < 1:
        return "there is no training image"
    if data.shape.classes < 1:
        return "the data has no classes"
    try:
        networks.check(condition["network"], data.shape, [condition["norm"]])
    except ConfigError as error:
        return str(error)
    return None


def unknown(condition: Mapping[str, Any], contract: Contract) -> str | None:
    """Says which key or value of a condition is not in the contract, the first one. None if all are in it."""
    error = next(_Validator(contract).iter_errors(condition), None)
    return None if error is None else _in_words(error)


def _is_finite_number(_: Any, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole_number(_: Any, value: Any) -> bool:
    """JSON Schema takes 25.0 as a whole number, but Python's range does not."""
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES = Draft202012Validator.TYPE_CHECKER.redefine_many({"number": _is_finite_number, "integer": _is_whole_number})
_Validator = validators.extend(Draft202012Validator, type_checker=_TYPES)


def _in_words(error: ValidationError) -> str:
    path = [str(part) for part in error.absolute_path]
    if error.validator == "additionalProperties":
        found = next(key for key in error.instance if key not in error.schema["properties"])
        return f"key '{'.'.join([*path, str(found)])}' is unknown"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"key '{'.'.join([*path, missing])}' is missing"
    return f"key '{'.'.join(path)}': {error.message}"
