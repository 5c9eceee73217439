"""What a sweep is: copies of conditions with other values of one or more settings, and what each is compared with."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from normreg.config.condition import Condition
from normreg.config.factors import BASELINE, LAMBDAS, NORMS
from normreg.errors import ConfigError

_SPLITS = "num_splits"
STRENGTHS = (*(factor.key for factor in LAMBDAS.values()), _SPLITS)  # keys of the strength of a factor


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
        """The keys that are the strength of a factor."""
        return tuple(key for key in self.over if key in STRENGTHS)


def from_plain(sweep: Mapping[str, Any]) -> Sweep:
    """A sweep from `dataclasses.asdict`, which is what a job gets."""
    curves = (
        Curve(curve["base"], tuple(Point(tuple(point["values"]), point["condition"]) for point in curve["points"]))
        for curve in sweep["curves"]
    )
    return Sweep(sweep["name"], tuple(sweep["over"]), sweep["grid"], tuple(curves))


def references(names: Iterable[str], keys: Sequence[str], conditions: Mapping[str, Condition]) -> dict[str, str | None]:
    """For each condition the one that is equal, but lacks the factors of `keys`, which are some of `STRENGTHS`.

    It is None if there is no such condition, and the condition itself if it lacks them.
    """
    places: dict[str, str] = {}
    for name, condition in conditions.items():
        places.setdefault(signature(condition), name)
    return {name: places.get(signature(_without(conditions[name], keys))) for name in names}


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


def signature(condition: Mapping[str, Any]) -> str:
    """What a condition trains. The name of its penalty is left out, and so is a scope that has no effect."""
    found = {key: value for key, value in condition.items() if key != "penalty"}
    if not any(condition["lambdas"].values()):
        del found["penalty_scope"]
    if NORMS[condition["norm"]].splits and condition["num_splits"] == 1:
        found["norm"] = BASELINE
    return json.dumps(found, sort_keys=True)


def _without(condition: Condition, keys: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {**condition, "lambdas": {**condition["lambdas"]}}
    for key in keys:
        if key == _SPLITS:
            found |= {"norm": BASELINE, "num_splits": 1}
        else:
            found["lambdas"][key.partition(".")[2]] = 0.0
    return found
