"""Which conditions of a study may be compared: two that differ in one factor, and in nothing else.

A difference of two conditions is the effect of a factor only if all else is equal. Published studies broke this in
several ways (another batch size under ghost batch norm, a weight decay of 0 under the name of L2), so pairs are found
by comparing resolved settings, never names. Two strengths of one factor are not compared.

Of ghost batches the number counts that a batch really has. It can be less than asked for, and depends on how many
training images there are (`train_images`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

from normreg.analysis.verdicts import Confounding
from normreg.config.condition import Condition
from normreg.config.factors import BASELINE, LAMBDAS, PENALTIES, Factor, norm_factor, norm_setting
from normreg.config.splits import fewer_splits, splits_used

_NORM = "norm"
# Dotted keys of the factors, in the order of tables, and the value of each where the factor is absent.
_ABSENT: dict[str, float | str] = {factor.key: factor.absent for factor in LAMBDAS.values()} | {_NORM: BASELINE}


@dataclass(frozen=True)
class Contrast:
    """Two conditions that differ in `factor` alone: absent in `without`, present in `with_factor`.

    `factor` is a label of `normreg.config.factors`, `strength` its lambda or number of splits in use. `context` is all
    else but the other factors: pairs of one factor, strength and context measure the same thing.
    """

    factor: str
    strength: float
    without: str
    with_factor: str
    context: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class ConfoundedPair:
    """Two conditions whose names promise a comparison of one factor that their settings do not keep.

    `also` says in what else they differ; empty: they do not differ at all.
    """

    one: str
    other: str
    also: str

    @property
    def kind(self) -> Confounding:
        """Why the two are no pair."""
        return Confounding.MORE_DIFFERS if self.also else Confounding.SAME


def find_contrasts(conditions: Mapping[str, Condition], train_images: int) -> list[Contrast]:
    """All contrasts among resolved conditions, factor by factor; of conditions with equal settings the first counts."""
    settings: dict[str, dict[str, Any]] = {}
    for name, condition in conditions.items():
        flat = _settings(condition, train_images)
        if flat not in settings.values():
            settings[name] = flat
    found = []
    for key, absent in _ABSENT.items():
        for without, with_factor in permutations(settings, 2):
            before, after = settings[without], settings[with_factor]
            if _differing(before, after) == {key} and before[key] == absent:
                factor, strength = _factor(key, after, conditions[with_factor], train_images)
                found.append(Contrast(factor.label, strength, without, with_factor, _context(key, after)))
    return found


def find_confounded(conditions: Mapping[str, Condition], train_images: int) -> list[ConfoundedPair]:
    """Pairs that differ in one factor by the names of penalty and norm, and in none, or in more, by their settings.

    A condition that the study compares rightly elsewhere, for that factor, is left out.
    """
    settings = {name: _settings(condition, train_images) for name, condition in conditions.items()}
    kept = {(contrast.factor, contrast.with_factor) for contrast in find_contrasts(conditions, train_images)}
    found = []
    for one, other in combinations(settings, 2):
        promised = _promised(conditions[one]) ^ _promised(conditions[other])
        if len(promised) != 1:
            continue
        (factors,) = promised
        differing = _differing(settings[one], settings[other])
        also = differing - {factor.key for factor in factors}
        compared = kept & {(factor.label, name) for factor in factors for name in (one, other)}
        if not differing or (also and not compared):
            found.append(ConfoundedPair(one, other, _say(also, settings[one], settings[other])))
    return found


def find_fewer_splits(conditions: Mapping[str, Condition], train_images: int) -> dict[str, str]:
    """The conditions with fewer ghost batches than they ask for, and in words how many they have."""
    found = {name: fewer_splits(condition, train_images) for name, condition in conditions.items()}
    return {name: said for name, said in found.items() if said is not None}


def _factor(key: str, settings: Mapping[str, Any], condition: Condition, train_images: int) -> tuple[Factor, float]:
    """The factor at `key` of a condition that has it, and its strength."""
    if key == _NORM:
        return norm_factor(condition["norm"]), splits_used(condition, train_images)["full"]
    return next(factor for factor in LAMBDAS.values() if factor.key == key), settings[key]


def _promised(condition: Condition) -> set[tuple[Factor, ...]]:
    """What the names of penalty and norm promise: of each tuple one factor."""
    groups = {tuple(LAMBDAS[key] for key in group) for group in PENALTIES[condition["penalty"]].lambdas}
    return groups | ({(norm_factor(condition["norm"]),)} if condition["norm"] != BASELINE else set())


def _settings(condition: Condition, train_images: int) -> dict[str, Any]:
    """What can matter, by dotted key.

    Left out are a scope without a penalty, and the rates that onecycle overrides; of splits see `norm_setting` (those
    of the last batch follow from these and the batch size). Of the schedule, its kind and its arguments are keys of
    their own.
    """
    ((kind, arguments),) = condition["schedule"].items()
    plain = {key: value for key, value in condition.items() if key not in ("penalty", "num_splits", "schedule")}
    flat = dict(_flatten({**plain, "schedule": {"kind": kind, **arguments}}))
    flat[_NORM] = norm_setting(condition["norm"], splits_used(condition, train_images)["full"])
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


def _context(key: str, settings: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """All but the factors; the scope belongs to the penalties, and does not matter to what a norm does."""
    others = _ABSENT.keys() | ({"penalty_scope"} if key == _NORM else set())
    return frozenset((name, repr(value)) for name, value in settings.items() if name not in others)


def _say(keys: set[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The settings with both values, in one line; of two kinds of schedule only the kinds."""
    if "schedule.kind" in keys:  # each kind has arguments of its own, and onecycle no rates
        keys = keys & one.keys() & other.keys()
    return "; ".join(f"{key} {_value(one.get(key))} and {_value(other.get(key))}" for key in sorted(keys))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(kind for step in value for kind in step) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
