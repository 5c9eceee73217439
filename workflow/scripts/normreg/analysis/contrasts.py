"""Which conditions of a study may be compared: two that differ in one factor, and in nothing else.

A difference of two conditions is the effect of a factor only if all else is equal. Published studies broke this in
several ways (another batch size under ghost batch norm, a weight decay of 0 under the name of L2), so pairs are found
by comparing resolved settings, never names. Two strengths of one factor are not compared.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

from normreg.config.condition import Condition

FACTORS = {"L1": "lambdas.l1", "L2": "lambdas.l2", "group L2": "lambdas.group_l2", "GBN": "norm"}
_PROMISED = {"none": set[str](), "l1": {"L1"}, "l2": {"L2"}, "l1l2": {"L1", "L2"}}  # factors by a penalty's name
_KEYS = {"L1": {"lambdas.l1"}, "L2": {"lambdas.l2", "lambdas.group_l2"}, "GBN": {"norm"}}


@dataclass(frozen=True)
class Contrast:
    """Two conditions that differ in `factor` alone: absent in `without`, present in `with_factor`.

    `strength` is its lambda or number of splits. `context` is all else but the other factors: pairs of one factor,
    strength and context measure the same thing.
    """

    factor: str
    strength: float
    without: str
    with_factor: str
    context: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Misfit:
    """Two conditions whose names promise a comparison of one factor that their settings do not keep.

    `also` says in what else they differ; empty: they do not differ at all.
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
            if _differing(before, after) == {key} and before[key] in (0, "bn") and after[key] not in (0, "bn"):
                strength = conditions[with_factor]["num_splits"] if key == "norm" else after[key]
                found.append(Contrast(factor, strength, without, with_factor, _context(factor, after)))
    return found


def find_misfits(conditions: Mapping[str, Condition]) -> list[Misfit]:
    """Pairs that differ in one factor by the names of penalty and norm, and in none, or in more, by their settings.

    A condition that the study compares rightly elsewhere, for that factor, is left out.
    """
    settings = {name: _settings(condition) for name, condition in conditions.items()}
    kept = {(contrast.factor.removeprefix("group "), contrast.with_factor) for contrast in find_contrasts(conditions)}
    found = []
    for one, other in combinations(settings, 2):
        a, b = conditions[one], conditions[other]
        promised = _PROMISED[a["penalty"]] ^ _PROMISED[b["penalty"]] | ({"GBN"} if a["norm"] != b["norm"] else set())
        if len(promised) != 1:
            continue
        (factor,) = promised
        differing = _differing(settings[one], settings[other])
        also = differing - _KEYS[factor]
        if not differing or (also and not {(factor, one), (factor, other)} & kept):
            found.append(Misfit(one, other, _say(also, settings[one], settings[other])))
    return found


def _settings(condition: Condition) -> dict[str, Any]:
    """What can matter, by dotted key.

    Left out are splits under plain batch norm, a scope without a penalty, and the rates that onecycle overrides; ghost
    batch norm with one split is batch norm. Of the schedule, its kind and its arguments are keys of their own.
    """
    ((kind, arguments),) = condition["schedule"].items()
    plain = {key: value for key, value in condition.items() if key not in ("penalty", "num_splits", "schedule")}
    flat = dict(_flatten({**plain, "schedule": {"kind": kind, **arguments}}))
    splits = condition["num_splits"] if condition["norm"] == "gbn" else 1
    flat["norm"] = f"gbn, {splits} splits" if splits > 1 else "bn"
    if not any(condition["lambdas"].values()):
        del flat["penalty_scope"]
    if kind == "onecycle":
        del flat["optimizer.lr"], flat["optimizer.momentum"]
    return flat


def _flatten(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """Keys with unequal values; a scope counts only where both have a penalty."""
    keys = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return keys if "penalty_scope" in one and "penalty_scope" in other else keys - {"penalty_scope"}


def _context(factor: str, settings: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """All but the factors; the scope belongs to the penalties, and does not matter to what GBN does."""
    others = set(FACTORS.values()) | ({"penalty_scope"} if factor == "GBN" else set())
    return frozenset((key, repr(value)) for key, value in settings.items() if key not in others)


def _say(keys: set[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The settings with both values, in one line; of two kinds of schedule only the kinds."""
    if "schedule.kind" in keys:  # each kind has arguments of its own, and onecycle no rates
        keys = keys & one.keys() & other.keys()
    return "; ".join(f"{key} {_value(one.get(key))} and {_value(other.get(key))}" for key in sorted(keys))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(kind for step in value for kind in step) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
