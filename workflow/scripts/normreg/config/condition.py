"""A resolved condition: everything a training run depends on besides its seed and its data."""

from typing import Any, TypedDict


class Optimizer(TypedDict):
    """Arguments of PyTorch's SGD; `onecycle` overrides lr and momentum."""

    lr: float
    momentum: float
    nesterov: bool


class Lambdas(TypedDict):
    """Strength of each penalty; 0 where the condition's penalty does not name it."""

    l1: float
    l2: float
    group_l2: float


class Condition(TypedDict):
    """One cell of a study with every setting filled in. Plain data: it goes into Snakemake's params and checkpoints."""

    network: str
    penalty: str
    norm: str
    num_splits: int
    batch_size: int
    epochs: int
    dropout: float
    optimizer: Optimizer
    schedule: dict[str, dict[str, Any]]
    augmentation: list[dict[str, dict[str, Any]]]
    penalty_scope: str
    lambdas: Lambdas
