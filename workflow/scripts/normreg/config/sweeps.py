"""What a sweep is: copies of conditions with other values of one or more settings, and what each is compared with."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from normreg.config.condition import Condition
from normreg.config.factors import NUMBERS, STRENGTHS
from normreg.errors import ConfigError


@dataclass(frozen=True)
class Point:
    """A condition of a curve, and its value of each key of the sweep."""

    values: tuple[Any, ...]
    condition: str


@dataclass(frozen=True)
class Curve:
    """The copies of one condition of the study file (`base`), in the order of the file."""

    base: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Sweep:
    """A sweep of a study.

    Attributes:
        name: its name in the study file.
        over: the dotted keys whose values vary.
        grid: whether the values of the keys are crossed. Otherwise the keys move together.
        curves: one for each condition that is copied.
    """

    name: str
    over: tuple[str, ...]
    grid: bool
    curves: tuple[Curve, ...]

    @property
    def strengths(self) -> tuple[str, ...]:
        """The keys that are the strength of a factor: a lambda, the splits or groups of a norm.

        A number that a condition can lack, such as dropout, is one too if it alone is swept, for one condition of the
        study file. With several conditions the question is what tells them apart at each value.
        """
        if len(self.over) == len(self.curves) == 1 and self.over[0] in NUMBERS:
            return self.over
        return tuple(key for key in self.over if key in STRENGTHS)


def from_plain(sweep: Mapping[str, Any]) -> Sweep:
    """A sweep from `dataclasses.asdict`, which is what a job gets."""
    curves = (
        Curve(curve["base"], tuple(Point(tuple(point["values"]), point["condition"]) for point in curve["points"]))
        for curve in sweep["curves"]
    )
    return Sweep(sweep["name"], tuple(sweep["over"]), sweep["grid"], tuple(curves))


def check_distinct(sweeps: Iterable[Sweep], conditions: Mapping[str, Condition]) -> None:
    """Refuses a configuration under which different values of a sweep train the same.

    Raises:
        ConfigError: `--config epochs` or `network` replaces what a sweep varies.
    """
    for sweep in sweeps:
        for curve in sweep.curves:
            names = list(dict.fromkeys(point.condition for point in curve.points))
            for one, other in itertools.combinations(names, 2):
                if conditions[one] == conditions[other]:
                    raise ConfigError(
                        f"config: the sweep '{sweep.name}' varies {', '.join(sweep.over)}, and with this --config the "
                        f"conditions {one} and {other} are the same. Leave epochs and network out, or take another "
                        "study."
                    )
