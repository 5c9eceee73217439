"""Says what the engine implements. Imports no PyTorch, so that the choice of an engine stays quick."""

from collections.abc import Mapping
from typing import Any

from normreg.config import networks
from normreg.engines.contract import (
    AFFINE,
    JITTER,
    NETWORK,
    ROTATION,
    SCHEDULE,
    SGD,
    SIZES,
    DataFacts,
    keys,
    list_of,
    number,
    one_key,
    one_of,
    unfit,
    unknown,
    whole,
)
from normreg.models.description import PythonNetwork

# Networks, norms, penalties and augmentation are the modules of the PyTorch path, recorded. Only the update of the
# weights is this engine's own.
CONTRACT = keys(
    {
        "network": NETWORK,
        "penalty": one_of("none", "l1", "l2", "l1l2"),
        "norm": one_of("bn", "gbn"),
        "num_splits": whole(minimum=1),
        "batch_size": whole(minimum=1),
        "epochs": whole(minimum=1),
        "dropout": number(minimum=0, exclusiveMaximum=1),
        "optimizer": SGD,
        "schedule": SCHEDULE,
        "augmentation": list_of(one_key({"rotation": ROTATION, "affine": AFFINE, "jitter": JITTER})),
        "penalty_scope": one_of("all", "weights", "no-norm"),
        "lambdas": keys({"l1": number(minimum=0), "l2": number(minimum=0), "group_l2": number(minimum=0)}),
        **SIZES,
    }
)


def supports(condition: Mapping[str, Any], data: DataFacts) -> str | None:
    """Why the engine cannot train this condition on such data. None if it can, provided there is a CUDA device."""
    reason = unknown(condition, CONTRACT) or unfit(condition, data)
    if reason is None and isinstance(networks.find(condition["network"]), PythonNetwork):
        return "key 'network': nothing is known of what a network in Python does in a step"
    return reason
