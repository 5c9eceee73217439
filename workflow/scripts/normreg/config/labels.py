"""What figures call the conditions of a study, and in which order they shade them, from the resolved settings.

A condition that a sweep generated is called by penalty, norm and what varies: "L1 1e-4 · BN", "none · GBN, 16 splits".
Where a sweep copies a condition, that condition too says its value. A condition with a name of its own keeps it.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from normreg.config.condition import Condition, flatten
from normreg.config.factors import (
    LAMBDAS,
    PENALTIES,
    Factor,
    condition_labels,
    is_decoupled,
    lambda_factors,
    norm_factor,
    pair_label,
    penalty_label,
    text_of,
)
from normreg.config.values import write

_SPLITS, _IMAGES, _EPOCHS, _OPTIMIZER = "num_splits", "train_images", "epochs", "optimizer.name"
_SAY_THEMSELVES = (_OPTIMIZER, "schedule.kind", "network")  # keys whose values need no other word
_NOT_TOLD = ("penalty", "norm")  # the pair tells them
_FIRST = (*(factor.key for factor in LAMBDAS.values()), _SPLITS, _IMAGES)  # the order of shades goes by these first
_Flat = dict[str, Any]


class Named(TypedDict):
    """How figures tell a condition. Plain data, as jobs get it.

    `label` is unique in the study. `level` is what distinguishes it from others of the same penalty and norm: "1e-4",
    "16 splits", or its name; empty if there are no others. `shade` is its place in the order of what varies among them,
    from 0 (weakest) to 1 (strongest), or None if nothing orders them. `penalty` is the label of its penalty if that is
    not the usual one: "L2 (decoupled)".
    """

    label: str
    level: str
    shade: float | None
    penalty: NotRequired[str]


def name_conditions(conditions: Mapping[str, Condition], declared: Collection[str]) -> dict[str, Named]:
    """What figures call each condition of a study.

    Args:
        conditions: all conditions of the study with their resolved settings.
        declared: the names that the study file gives. Those of a sweep begin with one of these. All others follow from
            factors that are crossed.
    """
    decoupled = [name for name, condition in conditions.items() if is_decoupled(condition)]
    own = condition_labels({name: _pair(conditions[name]) for name in conditions if name in declared}, decoupled)
    base = {name: _base(name, declared) for name in conditions}
    swept: dict[tuple[str, str], list[str]] = {}  # conditions by penalty and norm, without those of own names
    for name, condition in conditions.items():
        if own.get(base[name]) != base[name]:
            swept.setdefault(_pair(condition), []).append(name)
    plain = by_pair({name: _pair(condition) for name, condition in conditions.items()})
    found = {name: Named(label=name, level=name, shade=None) for name in conditions}
    for pair, names in swept.items():
        alone = len(names) == 1
        label = pair_label(*pair, decoupled=names[0] in decoupled)
        found |= {names[0]: _alone(label, plain[names[0]])} if alone else _sweep(pair, names, conditions)
    labels = Counter(named["label"] for named in found.values())
    for name, named in found.items():
        if labels[named["label"]] > 1:
            found[name] = {**named, "label": name, "level": name}
    for name in decoupled:
        found[name]["penalty"] = penalty_label(conditions[name]["penalty"], decoupled=True)
    return {name: found[name] for name in conditions}


def by_pair(pairs: Mapping[str, tuple[str, str]]) -> dict[str, Named]:
    """What figures call conditions of which only penalty and norm are known, see `factors.condition_labels`."""
    labels, shared = condition_labels(pairs), Counter(pairs.values())
    return {
        name: Named(label=label, level=label if shared[pairs[name]] > 1 else "", shade=None)
        for name, label in labels.items()
    }


def _alone(label: str, plain: Named) -> Named:
    """The only condition of its penalty and norm that has no name of its own."""
    return Named(label=label, level=label if plain["level"] else "", shade=None)


def _sweep(pair: tuple[str, str], names: Sequence[str], conditions: Mapping[str, Condition]) -> dict[str, Named]:
    """Labels and shades of conditions of one penalty and norm whose other settings vary."""
    flat = {name: _tellable(conditions[name]) for name in names}
    every = [key for key in flat[names[0]] if all(key in flat[name] for name in names)]
    keys = [key for key in every if len({repr(flat[name][key]) for name in names}) > 1]
    keys = sorted(keys, key=lambda key: _FIRST.index(key) if key in _FIRST else len(_FIRST))
    # The number of images tells the epochs, and the name of an optimizer its rates, unless labels would be equal.
    implied = {_EPOCHS} if _IMAGES in keys else set[str]()
    implied |= {key for key in keys if _OPTIMIZER in keys and key.startswith("optimizer.") and key != _OPTIMIZER}
    told = [key for key in keys if key not in implied]
    if len({_levels(flat[name], told) for name in names}) < len(names):
        told = keys
    order = sorted(names, key=lambda name: [_sortable(flat[name].get(key)) for key in keys])
    return {
        name: Named(
            label=_label(pair, conditions[name], flat[name], told),
            level=", ".join(_levels(flat[name], told)),
            shade=order.index(name) / (len(order) - 1),
        )
        for name in names
    }


def _tellable(condition: Condition) -> _Flat:
    """The settings by dotted key, without penalty and norm. An optimizer tells its rates."""
    ((kind, arguments),) = condition["schedule"].items()
    told = {key: value for key, value in condition.items() if key not in _NOT_TOLD}
    return dict(flatten(told | {"schedule": {"kind": kind, **arguments}}))


def _label(pair: tuple[str, str], condition: Condition, settings: _Flat, keys: Sequence[str]) -> str:
    """Penalty with its strengths, norm with its splits, and all else that varies."""
    penalty, norm = pair
    known = PENALTIES.get(penalty)
    first, _, second = pair_label(*pair, decoupled=is_decoupled(condition)).partition(" · ")
    if known and any(key.startswith("lambdas.") for key in keys):
        factors = lambda_factors(condition)
        first = " + ".join(_strength(group, factors, settings, keys) for group in known.lambdas)
    if _SPLITS in keys:
        second = norm_factor(norm).name(settings[_SPLITS])
    others = [key for key in keys if key != _SPLITS and not key.startswith("lambdas.")]
    return f"{first} · {', '.join((second, *_levels(settings, others)))}"


def _strength(group: Sequence[str], factors: Mapping[str, Factor], settings: _Flat, keys: Sequence[str]) -> str:
    """One of the lambdas of a penalty, with its value if that varies: "L1 1e-4"."""
    factor = factors[next((key for key in group if settings[LAMBDAS[key].key]), group[0])]
    varies = any(LAMBDAS[key].key in keys for key in group)
    return f"{factor.label} {write(settings[factor.key])}" if varies else factor.label


def _levels(settings: _Flat, keys: Sequence[str]) -> tuple[str, ...]:
    """What varies, without the names of penalty and norm: "1e-4", "16 splits", "300 images", "dropout 0.5"."""
    several = sum(key.startswith("lambdas.") for key in keys) > 1
    return tuple(_level(key, settings.get(key), several) for key in keys)


def _level(key: str, value: Any, several: bool) -> str:
    if key.startswith("lambdas."):
        return f"{LAMBDAS[key.partition('.')[2]].label} {write(value)}" if several else write(value)
    if key == _SPLITS:
        return f"{value} split{'' if value == 1 else 's'}"
    if key == _IMAGES:
        return f"{write(value)} images"
    if key == _EPOCHS:
        return f"{value:,} epoch{'' if value == 1 else 's'}"
    words = "" if key in _SAY_THEMSELVES else f"{key.split('.')[-1].replace('_', ' ')} "
    return words + (text_of(value) if isinstance(value, list) else write(value))


def _sortable(value: Any) -> tuple[float, str]:
    """Numbers by their size, then texts by the alphabet ("all" images)."""
    return (float(value), "") if isinstance(value, int | float) else (math.inf, str(value))


def _base(name: str, declared: Collection[str]) -> str:
    """The condition of the study file that a condition is a copy of, or itself."""
    fitting = [one for one in declared if name == one or name.startswith(f"{one}-")]
    return name if name in declared else max(fitting, key=len, default="")


def _pair(condition: Condition) -> tuple[str, str]:
    return condition["penalty"], condition["norm"]
