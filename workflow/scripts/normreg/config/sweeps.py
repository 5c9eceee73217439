"""The sweeps of a study: which generated conditions belong together, and at which values."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Point:
    """One condition of a curve.

    Attributes:
        values: one value for each key of the sweep's `over`: a number, or a text such as "all".
        condition: the name of the condition that has them.
    """

    values: tuple[Any, ...]
    condition: str


@dataclass(frozen=True)
class Curve:
    """The copies of one condition of the study file.

    Attributes:
        base: the name of that condition, such as "l1-bn".
        points: its copies, in the order of the file.
    """

    base: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Sweep:
    """One sweep of a study.

    Attributes:
        name: its name, such as "l1".
        over: dotted keys, such as ("lambdas.l1",) or ("train_images", "epochs").
        grid: whether the values of `over` are crossed.
        curves: one for each condition of the study file that is copied.
    """

    name: str
    over: tuple[str, ...]
    grid: bool
    curves: tuple[Curve, ...]
