"""Which conditions of a study may be compared: two that differ in one factor, and in nothing else.

Differences of two conditions are an effect of a factor only if all else is equal. Published studies broke this in
several ways (another batch size under ghost batch norm, a weight decay of 0 under the name of L2), so pairs are found
by comparing resolved settings, never names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

from normreg.condition import Condition

FACTORS = {"L1": "lambdas.l1", "L2": "lambdas.l2", "group L2": "lambdas.group_l2", "GBN": "norm"}


@dataclass(frozen=True)
class Contrast:
    """Two conditions that differ in `factor` alone: absent in `without`, present in `with_factor`.

    `strength` is its lambda or number of splits.
    """

    factor: str
    strength: float
    without: str
    with_factor: str


@dataclass(frozen=True)
class Misfit:
    """Two conditions whose names promise a comparison of one factor that their settings do not keep.

    `also` says in which other settings they differ; empty: they do not differ at all.
    """

    one: str
    other: str
    also: str


def find_contrasts(conditions: Mapping[str, Condition]) -> list[Contrast]:
    """All contrasts among resolved conditions, factor by factor; of conditions with equal settings the first counts."""
    settings: dict[str, dict[str, Any]] = {}
    for name, condition in conditions.items():
        flat = _settings(condition)
        if flat not in settings.values():
            settings[name] = flat
    found = []
    for factor, key in FACTORS.items():
        for without, with_factor in permutations(settings, 2):
            before, after = settings[without], settings[with_factor]
            if _differing(before, after) == {key} and _absent(before[key]) and not _absent(after[key]):
                strength = conditions[with_factor]["num_splits"] if key == "norm" else after[key]
                found.append(Contrast(factor, strength, without, with_factor))
    return found


def find_misfits(conditions: Mapping[str, Condition]) -> list[Misfit]:
    """Pairs that differ in penalty or norm by name, but in no setting, or in settings besides penalty and norm."""
    settings = {name: _settings(condition) for name, condition in conditions.items()}
    found = []
    for one, other in combinations(settings, 2):
        labels = [key for key in ("penalty", "norm") if conditions[one][key] != conditions[other][key]]
        differing = _differing(settings[one], settings[other])
        also = sorted(differing - set(FACTORS.values()))
        if len(labels) == 1 and (also or not differing):
            said = (f"{key} {_say(settings[one].get(key))} and {_say(settings[other].get(key))}" for key in also)
            found.append(Misfit(one, other, "; ".join(said)))
    return found


def _settings(condition: Condition) -> dict[str, Any]:
    """What can matter, by dotted key: splits only under ghost batch norm, a scope only where there is a penalty."""
    flat = {key: value for key, value in _flatten(dict(condition)) if key not in ("penalty", "num_splits")}
    if condition["norm"] == "gbn":
        flat["norm"] = f"gbn, {condition['num_splits']} splits"
    if not any(condition["lambdas"].values()):
        del flat["penalty_scope"]
    return flat


def _flatten(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """Keys with unequal values; a scope counts only where both have a penalty."""
    keys = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return keys - {"penalty_scope"} if "penalty_scope" not in one.keys() & other.keys() else keys


def _absent(value: Any) -> bool:
    return value in (0, "bn")


def _say(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
