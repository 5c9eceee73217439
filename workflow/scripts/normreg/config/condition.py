"""A resolved condition: all that a training run depends on, except its seed and its data."""

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict


class Optimizer(TypedDict, total=False):
    """A name, and arguments of PyTorch's SGD (lr, momentum, nesterov) or Adam and AdamW (lr, beta1, beta2).

    The schedule `onecycle` overrides lr and momentum, or lr and beta1.
    """

    name: str
    lr: float
    momentum: float
    nesterov: bool
    beta1: float
    beta2: float


class Lambdas(TypedDict):
    """Strength of each penalty. It is 0 if the condition's penalty does not use it."""

    l1: float
    l2: float
    group_l2: float


class Condition(TypedDict):
    """One condition of a study with all its settings, see `settings.table`. Plain data: it goes into params.

    `train_images` is "all" if training has all images. `holdout_images` is the size of the hold-out, or 0 if the
    official test split is for validation. Validation comes after each `validate_every`-th epoch, and after the last.
    """

    network: str
    penalty: str
    norm: str
    num_splits: int
    num_groups: int
    batch_size: int
    epochs: int
    dropout: float
    label_smoothing: float
    class_weights: str
    optimizer: Optimizer
    schedule: dict[str, dict[str, Any]]
    augmentation: list[dict[str, dict[str, Any]]]
    penalty_scope: str
    lambdas: Lambdas
    train_images: int | str
    holdout_images: int
    validate_every: int


def flatten(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The settings by dotted key. Lists stay whole."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
