"""The conditions that are measured: two published recipes, each with and without L1 and ghost batches.

Gilf641's is the controlled study's (batch 128 for GBN as well); hardayaleva5's is as published. Imports no PyTorch.
"""

from typing import Any

from normreg.condition import Condition

CONDITIONS: dict[str, tuple[str, str]] = {  # penalty and norm
    "none-bn": ("none", "bn"),
    "l1-bn": ("l1", "bn"),
    "none-gbn": ("none", "gbn"),
    "l1-gbn": ("l1", "gbn"),
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
}
NETWORKS = tuple(_RECIPES)


def make_condition(network: str, name: str, epochs: int) -> Condition:
    """The resolved condition `name` (a key of `CONDITIONS`) of a network's recipe; `epochs` spans the schedule."""
    penalty, norm = CONDITIONS[name]
    recipe = dict(_RECIPES[network])
    strength = recipe.pop("l1")
    if norm == "bn":
        recipe["num_splits"] = 1
    settings: Condition = Condition(  # type: ignore[typeddict-item]
        network=network,
        penalty=penalty,
        norm=norm,
        epochs=epochs,
        optimizer={"lr": 0.01, "momentum": 0.9, "nesterov": False},
        penalty_scope="all",
        lambdas={"l1": strength if penalty == "l1" else 0.0, "l2": 0.0, "group_l2": 0.0},
        **recipe,
    )
    return settings
