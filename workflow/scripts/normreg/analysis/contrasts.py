"""Finds the conditions of a study that may be compared: two that differ in one factor, and in nothing else.

A difference of two conditions is the effect of a factor only if all else is equal. Published studies broke this rule:
one used another batch size with ghost batch norm, another had a weight decay of 0 under the name of L2. So pairs are
found by their resolved settings, never by their names. Two strengths of one factor are not compared.

The number of ghost batches is the number that a batch really has. It can be less than asked for. It depends on how
many training images there are (`train_images`).
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from normreg.analysis.verdicts import Confounding
from normreg.config.condition import Condition
from normreg.config.factors import (
    BASELINE,
    CAN_LACK,
    LACKING,
    NO_FACTORS,
    PENALTIES,
    Factor,
    Trained,
    change,
    lambda_factors,
    norm_count,
    norm_factor,
    replaced,
    signature,
    text_of,
    trained,
)
from normreg.config.sizes import fewer_splits

_SCOPE = "penalty_scope"


@dataclass(frozen=True)
class Contrast:
    """Two conditions that differ in one factor alone. `with_factor` has it, `without` does not.

    `factor` is a label of `normreg.config.factors`. `strength` is its lambda, the number of splits in use, or its value
    (NaN if that is no number). `context` is the signature of all settings that do not regularise. Pairs with the same
    factor, strength and context measure the same effect.
    """

    factor: str
    strength: float
    without: str
    with_factor: str
    context: str = ""


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
    firsts: dict[str, str] = {}
    return {
        name: firsts.setdefault(signature(trained(condition, train_images)), name)
        for name, condition in conditions.items()
    }


def find_contrasts(
    conditions: Mapping[str, Condition],
    train_images: int,
    reference: str | None = None,
    crossed: Collection[str] = (),
) -> list[Contrast]:
    """All contrasts of resolved conditions, factor by factor. If settings are equal, only the first one counts.

    Without a `reference`, a condition is compared with the one that lacks a factor. The factor of which no condition
    lacks it, and every setting that all conditions have, such as a batch size, is compared with the reference.
    Effects are means over the settings that are `crossed`, which are dotted keys.
    """
    distinct = dict.fromkeys(find_distinct(conditions, train_images).values())
    settings = {name: trained(conditions[name], train_images) for name in distinct}
    names = {signature(each): name for name, each in settings.items()}
    places = {name: place for place, name in enumerate(settings)}
    mixed = {key if key in settings[next(iter(settings))] else key.partition(".")[0] for key in crossed}
    found = []
    for key, level in _levels(conditions, reference):
        pairs = []
        for name in settings:
            other = replaced(conditions[name], [key], level)
            before = names.get(signature(trained(other, train_images)), name)
            if before != name:
                pairs.append((before, name))
        for before, name in sorted(pairs, key=lambda pair: (places[pair[0]], places[pair[1]])):
            count = norm_count(conditions[name], train_images) or math.nan
            factor, strength = change(key, conditions[name], conditions[before], count)
            found.append(Contrast(factor, strength, before, name, _context(key, settings[name], mixed)))
    return found


def _levels(conditions: Mapping[str, Condition], reference: str | None) -> list[tuple[str, Condition]]:
    """The keys of factors, each with the condition whose value all others are compared with."""
    found = []
    given = LACKING if reference is None else conditions[reference]
    for key in CAN_LACK:
        lacks = reference is None or any(replaced(each, [key]) == each for each in conditions.values())
        found.append((key, LACKING if lacks else given))
    others = () if reference is None else (each for each in given if each not in (*CAN_LACK, *NO_FACTORS))
    return [*found, *((key, given) for key in others)]


def find_confounded(
    conditions: Mapping[str, Condition], train_images: int, reference: str | None = None
) -> list[ConfoundedPair]:
    """Pairs that differ in one factor by the names of penalty and norm, but by their settings in none or in more.

    A pair that differs in more is left out if one of its conditions has a right comparison for that factor elsewhere.
    Conditions that differ from the `reference` in more than one setting, and have no right comparison at all, come too.
    """
    settings = {name: trained(condition, train_images) for name, condition in conditions.items()}
    promises = {name: _promised(condition) for name, condition in conditions.items()}
    contrasts = find_contrasts(conditions, train_images, reference)
    kept = {(contrast.factor, contrast.with_factor) for contrast in contrasts}
    compared_at_all = {name for contrast in contrasts for name in (contrast.without, contrast.with_factor)}
    found = []
    for one, other in combinations(settings, 2):
        promised = promises[one] ^ promises[other]
        if not promised and one == reference and other not in compared_at_all:
            if differing := _differing(settings[one], settings[other]):
                found.append(ConfoundedPair(one, other, _say(differing, settings[one], settings[other])))
            continue
        if len(promised) != 1:
            continue
        differing = _differing(settings[one], settings[other])
        (factors,) = promised
        also = differing - {factor.key for factor in factors}
        compared = kept & {(factor.label, name) for factor in factors for name in (one, other)}
        if not differing or (also and not compared):
            found.append(ConfoundedPair(one, other, _say(also, settings[one], settings[other])))
    return found


def find_fewer_splits(conditions: Mapping[str, Condition], train_images: int) -> dict[str, str]:
    """The conditions with fewer ghost batches than they ask for. A text for each says how many it has."""
    found = {name: fewer_splits(condition, train_images) for name, condition in conditions.items()}
    return {name: said for name, said in found.items() if said is not None}


def _promised(condition: Condition) -> set[tuple[Factor, ...]]:
    """The factors that the names of penalty and norm promise: one factor of each tuple."""
    factors = lambda_factors(condition)
    groups = {tuple(factors[key] for key in group) for group in PENALTIES[condition["penalty"]].lambdas}
    return groups | ({(norm_factor(condition["norm"]),)} if condition["norm"] != BASELINE else set())


def _context(key: str, settings: Trained, mixed: Collection[str]) -> str:
    """The settings that do not regularise, and are not mixed. The scope of penalties counts for a penalty alone."""
    others = {key, *CAN_LACK, *mixed} | (set() if key.startswith("lambdas.") else {_SCOPE})
    return signature({name: value for name, value in settings.items() if name not in others})


def _differing(one: Trained, other: Trained) -> set[str]:
    """Keys with unequal values. The scope counts only if both conditions have a penalty."""
    keys = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return keys if _SCOPE in one and _SCOPE in other else keys - {_SCOPE}


def _say(keys: set[str], one: Trained, other: Trained) -> str:
    """The settings with both values, in one line. What only one of two schedules or optimizers has is left out."""
    texts = []
    for key in sorted(keys):
        mine, others = dict(_flat(key, one.get(key))), dict(_flat(key, other.get(key)))
        names = [name for name in mine if name in others and mine[name] != others[name]]
        texts += [f"{name} {mine[name]} and {others[name]}" for name in names]
    return "; ".join(texts)


def _flat(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """A setting as texts by dotted key: an optimizer with its rates, a schedule with its arguments."""
    if isinstance(value, Mapping):
        for name, own in value.items():
            yield from _flat(f"{key}.{name}", own)
    else:
        yield key, f"{value:g}" if isinstance(value, float) else text_of(value)
