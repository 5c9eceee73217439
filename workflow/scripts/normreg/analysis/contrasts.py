"""Finds the conditions of a study that may be compared: two that differ in one factor, and in nothing else.

A difference of two conditions is the effect of a factor only if all else is equal. Published studies broke this rule:
one used another batch size with ghost batch norm, another had a weight decay of 0 under the name of L2. So pairs are
found by their resolved settings, never by their names. Two strengths of one factor are not compared.

The number of ghost batches is the number that a batch really has. It can be less than asked for. It depends on how
many training images there are (`train_images`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from normreg.analysis.verdicts import Confounding
from normreg.config.condition import Condition, flatten
from normreg.config.factors import BASELINE, LAMBDAS, PENALTIES, Factor, lambda_factors, norm_factor, norm_setting
from normreg.config.sizes import trained_images
from normreg.config.splits import fewer_splits, splits_used
from normreg.settings.table import SET_BY_ONECYCLE

_Settings = frozenset[tuple[str, Any]]
_NORM, _OPTIMIZER, _SCHEDULE = "norm", "optimizer.name", "schedule.kind"
# Dotted keys of the factors in the order of tables, and the value of each key if the factor is absent.
_ABSENT: dict[str, float | str] = {factor.key: factor.absent for factor in LAMBDAS.values()} | {_NORM: BASELINE}


@dataclass(frozen=True)
class Contrast:
    """Two conditions that differ in one factor alone. `with_factor` has it, `without` does not.

    `factor` is a label of `normreg.config.factors`. `strength` is its lambda or the number of splits in use. `context`
    has all settings that are no factors. Pairs with the same factor, strength and context measure the same effect.
    """

    factor: str
    strength: float
    without: str
    with_factor: str
    context: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class ConfoundedPair:
    """Two conditions that seem to differ in one factor by their names, but do not by their settings.

    `also` says in what else they differ. It is empty if they do not differ at all.
    """

    one: str
    other: str
    also: str

    @property
    def kind(self) -> Confounding:
        """Why the two conditions are not a pair."""
        return Confounding.MORE_DIFFERS if self.also else Confounding.SAME


def find_distinct(conditions: Mapping[str, Condition], train_images: int) -> dict[str, str]:
    """For each condition the first condition with equal settings, perhaps itself.

    Conditions with equal settings have the same runs, bit for bit. They must not count as two.
    """
    firsts: dict[_Settings, str] = {}
    return {
        name: firsts.setdefault(_fixed(_settings(condition, train_images)), name)
        for name, condition in conditions.items()
    }


def find_contrasts(conditions: Mapping[str, Condition], train_images: int) -> list[Contrast]:
    """All contrasts of resolved conditions, factor by factor. If settings are equal, only the first one counts."""
    distinct = find_distinct(conditions, train_images).values()
    settings = {name: _settings(conditions[name], train_images) for name in dict.fromkeys(distinct)}
    names = {_fixed(each): name for name, each in settings.items()}
    places = {name: place for place, name in enumerate(settings)}
    found = []
    for key in _ABSENT:
        pairs = [
            (names[before], with_factor)
            for with_factor, after in settings.items()
            if (before := _fixed(_without(after, key))) in names and names[before] != with_factor
        ]
        for without, with_factor in sorted(pairs, key=lambda pair: (places[pair[0]], places[pair[1]])):
            after = settings[with_factor]
            factor, strength = _factor(key, after, conditions[with_factor], train_images)
            found.append(Contrast(factor.label, strength, without, with_factor, _context(key, after)))
    return found


def find_confounded(conditions: Mapping[str, Condition], train_images: int) -> list[ConfoundedPair]:
    """Pairs that differ in one factor by the names of penalty and norm, but by their settings in none or in more.

    A pair that differs in more is left out if one of its conditions has a right comparison for that factor elsewhere.
    """
    settings = {name: _settings(condition, train_images) for name, condition in conditions.items()}
    promises = {name: _promised(condition) for name, condition in conditions.items()}
    kept = {(contrast.factor, contrast.with_factor) for contrast in find_contrasts(conditions, train_images)}
    found = []
    for one, other in combinations(settings, 2):
        promised = promises[one] ^ promises[other]
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
    """The conditions with fewer ghost batches than they ask for. A text for each says how many it has."""
    found = {name: fewer_splits(condition, train_images) for name, condition in conditions.items()}
    return {name: said for name, said in found.items() if said is not None}


def _factor(key: str, settings: Mapping[str, Any], condition: Condition, train_images: int) -> tuple[Factor, float]:
    """The factor with this `key`, and its strength in a condition that has it."""
    if key == _NORM:
        return norm_factor(condition["norm"]), splits_used(condition, train_images)["full"]
    return next(factor for factor in lambda_factors(condition).values() if factor.key == key), settings[key]


def _promised(condition: Condition) -> set[tuple[Factor, ...]]:
    """The factors that the names of penalty and norm promise: one factor of each tuple."""
    factors = lambda_factors(condition)
    groups = {tuple(factors[key] for key in group) for group in PENALTIES[condition["penalty"]].lambdas}
    return groups | ({(norm_factor(condition["norm"]),)} if condition["norm"] != BASELINE else set())


def _settings(condition: Condition, train_images: int) -> dict[str, Any]:
    """The settings that can have an effect, by dotted key.

    A scope without a penalty is left out, and so are the rates that onecycle overrides. Splits are part of the norm,
    see `norm_setting`. The splits of the last batch need no key, because they follow from these and the batch size.
    The kind of the schedule has a key, and so has each of its arguments.
    """
    ((kind, arguments),) = condition["schedule"].items()
    plain = {key: value for key, value in condition.items() if key not in ("penalty", "num_splits", "schedule")}
    flat = dict(flatten(plain)) | {_SCHEDULE: kind} | dict(flatten(arguments, "schedule."))
    flat["train_images"] = trained_images(condition, train_images)
    flat[_NORM] = norm_setting(condition["norm"], splits_used(condition, train_images)["full"])
    if not any(condition["lambdas"].values()):
        del flat["penalty_scope"]
    if kind == "onecycle":
        flat = {key: value for key, value in flat.items() if key not in SET_BY_ONECYCLE}
    return flat


def _without(settings: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The settings of a condition that is equal, but lacks a factor."""
    found = {**settings, key: _ABSENT[key]}
    if not any(found[factor.key] for factor in LAMBDAS.values()):
        found.pop("penalty_scope", None)
    return found


def _fixed(settings: Mapping[str, Any]) -> _Settings:
    return frozenset((key, repr(value) if isinstance(value, list) else value) for key, value in settings.items())


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """Keys with unequal values. The scope counts only if both conditions have a penalty."""
    keys = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return keys if "penalty_scope" in one and "penalty_scope" in other else keys - {"penalty_scope"}


def _context(key: str, settings: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """All settings except the factors. For a norm the scope is left out too, because it concerns only penalties."""
    others = _ABSENT.keys() | ({"penalty_scope"} if key == _NORM else set())
    return frozenset((name, repr(value)) for name, value in settings.items() if name not in others)


def _say(keys: set[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The settings with both values, in one line. What only one of two schedules or optimizers has is left out."""
    if keys & {_SCHEDULE, _OPTIMIZER}:  # each kind has its own arguments, and onecycle has no rates
        keys = keys & one.keys() & other.keys()
    return "; ".join(f"{key} {_value(one.get(key))} and {_value(other.get(key))}" for key in sorted(keys))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(kind for step in value for kind in step) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
