"""The conditions that are measured: the five networks in the controlled study's eight conditions. Imports no PyTorch.

gilf641 has the recipe of the controlled study (batch 128 for GBN as well), hardayaleva5 its published recipe. The other
three have their published batch size and dropout, and a rotation: the only augmentation of the notebook loop.
"""

from typing import Any

from normreg.config.condition import Condition
from normreg.settings import table

CONDITIONS: dict[str, tuple[str, str]] = {  # penalty and norm
    "none-bn": ("none", "bn"),
    "l1-bn": ("l1", "bn"),
    "l2-bn": ("l2", "bn"),
    "l1l2-bn": ("l1l2", "bn"),
    "none-gbn": ("none", "gbn"),
    "l1-gbn": ("l1", "gbn"),
    "l2-gbn": ("l2", "gbn"),
    "l1l2-gbn": ("l1l2", "gbn"),
}
_ONECYCLE = {
    "max_lr": 0.1,
    "pct_start": 0.3,
    "div_factor": 25,
    "final_div_factor": 10000,
    "base_momentum": 0.85,
    "max_momentum": 0.95,
}
_RECIPES: dict[str, dict[str, Any]] = {
    "gilf641": {
        "batch_size": 128,
        "num_splits": 2,
        "dropout": 0.08,
        "schedule": {"onecycle": _ONECYCLE},
        "augmentation": [{"rotation": {"degrees": 7, "fill": 1}}],
        "l1": 1e-5,
    },
    "hardayaleva5": {
        "batch_size": 64,
        "num_splits": 4,
        "dropout": 0.04,
        "schedule": {"step": {"step_size": 6, "gamma": 0.1}},
        "augmentation": [{"rotation": {"degrees": 15, "fill": 1}}],
        "l1": 2e-4,
    },
    "satyajitghana": {
        "batch_size": 128,
        "num_splits": 2,
        "dropout": 0.08,
        "schedule": {"onecycle": _ONECYCLE | {"max_lr": 0.01}},
        "augmentation": [{"rotation": {"degrees": 10, "fill": 1}}],
        "l1": 5e-4,
    },
    "noopuragr": {
        "batch_size": 32,
        "num_splits": 2,
        "dropout": 0.001,
        "schedule": {"step": {"step_size": 3, "gamma": 0.1}},
        "augmentation": [{"rotation": {"degrees": 10, "fill": 1}}],
        "l1": 2.2e-7,
    },
    "ashxjain": {
        "batch_size": 128,
        "num_splits": 2,
        "dropout": 0.01,
        "schedule": {"step": {"step_size": 5, "gamma": 0.5}},
        "augmentation": [{"rotation": {"degrees": 7, "fill": 1}}],
        "l1": 1e-4,
    },
}
NETWORKS = tuple(_RECIPES)


def make_condition(network: str, name: str, epochs: int, batch_size: int | None = None) -> Condition:
    """The resolved condition `name` (a key of `CONDITIONS`) of a network's recipe. The schedule spans `epochs`.

    `batch_size`, if given, replaces that of the recipe.
    """
    penalty, norm = CONDITIONS[name]
    recipe = dict(_RECIPES[network])
    strength = recipe.pop("l1")
    recipe["batch_size"] = batch_size or recipe["batch_size"]
    if norm == "bn":
        recipe["num_splits"] = 1
    own = {
        "network": network,
        "penalty": penalty,
        "norm": norm,
        "epochs": epochs,
        "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9},
        "lambdas": {"l1": strength * ("l1" in penalty), "l2": 1e-5 * ("l2" in penalty)},
    }
    settings: Condition = table.whole(own | recipe)
    return settings
