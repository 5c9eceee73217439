"""What conditions may differ in: the table of penalties and norms, and the factors whose effects a study measures.

A factor is a setting, with the settings that depend on it: a norm with its ghost batches, an optimizer with its rates.
Each lambda is a factor too. `trained` has one key for each factor, so all that compares conditions compares these keys.
"""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from normreg.config.condition import Condition
from normreg.config.sizes import splits_used, trained_images
from normreg.config.values import write
from normreg.models import description
from normreg.settings.table import OPTIMIZERS, SET_BY_ONECYCLE, SETTINGS

Trained = dict[str, Any]


@dataclass(frozen=True)
class Factor:
    """Something that a condition has or lacks.

    Attributes:
        label: its name in tables, figures and the column `factor`.
        key: its key in `trained`.
        strength: the text for its strength, with {} for the number.
    """

    label: str
    key: str
    strength: str = " {}"

    def name(self, strength: float) -> str:
        """The factor with its strength: "L1 1e-5", "GBN, 2 splits"."""
        return self.label + self.strength.format(write(strength))


@dataclass(frozen=True)
class Penalty:
    """A value of a condition's key `penalty`.

    Attributes:
        label: its name in tables and figures.
        lambdas: groups of keys of `LAMBDAS`. A condition sets one lambda of each group. All other lambdas are 0.
    """

    label: str
    lambdas: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Norm:
    """A value of a condition's key `norm`.

    Attributes:
        label: its short name.
        name: its name in legends.
        unit: what its number counts, see `NORM_COUNTS`. Empty if it has none.
        one: the norm that it is if the number is 1.
    """

    label: str
    name: str
    unit: str = ""
    one: str = ""


LAMBDAS: Mapping[str, Factor] = {
    "l1": Factor("L1", "lambdas.l1"),
    "l2": Factor("L2", "lambdas.l2"),
    "group_l2": Factor("group L2", "lambdas.group_l2"),
}
DECOUPLED = Factor("L2 (decoupled)", LAMBDAS["l2"].key)  # what l2 is under an optimizer like AdamW
_L1, _L2 = ("l1",), ("l2", "group_l2")  # group_l2 replaces l2 if a condition sets it
PENALTIES: Mapping[str, Penalty] = {
    "none": Penalty("none"),
    "l1": Penalty("L1", (_L1,)),
    "l2": Penalty("L2", (_L2,)),
    "l1l2": Penalty("L1+L2", (_L1, _L2)),
}
BASELINE = description.BASELINE  # a norm's effect is measured against conditions with this norm
NORMS: Mapping[str, Norm] = {
    BASELINE: Norm("BN", "batch norm (BN)"),
    "gbn": Norm("GBN", "ghost batch norm (GBN)", "splits", BASELINE),
    "gn": Norm("GN", "group norm (GN)", "groups", "ln"),
    "ln": Norm("LN", "layer norm (LN)"),
    "in": Norm("IN", "instance norm (IN)"),
    "none": Norm("no norm", "no norm"),
}
_NORM, _SCOPE = "norm", "penalty_scope"
_WORDS = {"lr": "learning rate"}
# Settings that are no keys of `trained`: the name of a penalty trains nothing, and the others are parts of a factor.
NO_FACTORS = ("penalty", "lambdas", *description.NORM_COUNTS.values())
# Keys that are the strength of a factor, and its key.
STRENGTHS = {factor.key: factor.key for factor in LAMBDAS.values()} | dict.fromkeys(
    description.NORM_COUNTS.values(), _NORM
)
# Settings whose number is the strength of a factor if a sweep compares nothing else.
NUMBERS = {each.key: each.neutral for each in SETTINGS if each.regularises and isinstance(each.neutral, float)}
# The factors that a condition can lack, in the order of tables, and the settings of one that lacks them all.
CAN_LACK = (*(factor.key for factor in LAMBDAS.values()), *(each.key for each in SETTINGS if each.regularises))
LACKING: Condition = {each.key: each.neutral for each in SETTINGS} | {"lambdas": dict.fromkeys(LAMBDAS, 0.0)}  # type: ignore


def trained(condition: Condition, train_images: int | None = None) -> Trained:
    """What a condition trains, by factor: without what has no effect. Equal results are equal trainings, bit for bit.

    A scope without a penalty is left out, and so are the rates that onecycle sets. A norm is a text with its
    number. With `train_images`, the images of the training split, it is the number of ghost batches that a batch really
    has. That of the last batch follows from it.
    """
    found: Trained = {each.key: condition[each.key] for each in SETTINGS if each.key not in NO_FACTORS}  # type: ignore
    found |= {f"lambdas.{key}": value for key, value in condition["lambdas"].items()}
    norm, count = NORMS[condition["norm"]], norm_count(condition, train_images)
    if count is not None:
        found[_NORM] = f"{condition['norm']}, {count} {norm.unit}" if count > 1 else norm.one
    if train_images is not None:
        found["train_images"] = trained_images(condition, train_images)
    ((schedule, arguments),) = condition["schedule"].items()
    found["schedule"] = {"kind": schedule, **arguments}
    if schedule == "onecycle":
        rates = condition["optimizer"].items()
        found["optimizer"] = {key: value for key, value in rates if f"optimizer.{key}" not in SET_BY_ONECYCLE}
    if not any(condition["lambdas"].values()):
        del found[_SCOPE]
    return found


def norm_count(condition: Condition, train_images: int | None = None) -> int | None:
    """The groups or ghost batches of a condition's norm, of those with `train_images` as many as a batch really has.

    None if the norm has no number.
    """
    if NORMS[condition["norm"]].unit == "splits" and train_images is not None:
        return splits_used(condition, train_images)["full"]
    key = description.NORM_COUNTS.get(condition["norm"])
    return None if key is None else int(condition[key])  # type: ignore[literal-required]


def replaced(condition: Condition, keys: Iterable[str], other: Condition = LACKING) -> Condition:
    """The condition with the factors of these keys as in the `other`; by default without them."""
    made: dict[str, Any] = {**condition, "lambdas": {**condition["lambdas"]}}
    given: Mapping[str, Any] = other
    for key in keys:
        _, _, name = key.partition("lambdas.")
        if name:
            made["lambdas"][name] = given["lambdas"].get(name, 0.0)
        else:
            made[key] = given[key]
        if key == _NORM:
            made |= {count: given[count] for count in description.NORM_COUNTS.values()}
    return made  # type: ignore[return-value]


def signature(settings: Trained) -> str:
    """A text. Settings of `trained` with equal texts are equal."""
    return json.dumps(settings, sort_keys=True)


def references(
    names: Iterable[str], keys: Collection[str], conditions: Mapping[str, Condition], train_images: int | None = None
) -> dict[str, str | None]:
    """For each condition the first one that is equal, but lacks the factors of `keys`.

    These are some of `STRENGTHS` or `NUMBERS`. It is None if there is no such condition, and the condition itself if
    it lacks them.
    """
    own = {name: signature(trained(condition, train_images)) for name, condition in conditions.items()}
    places = {trains: name for name, trains in reversed(own.items())}
    absent = [STRENGTHS.get(key, key) for key in keys]
    bare = {name: trained(replaced(conditions[name], absent), train_images) for name in names}
    return {name: places.get(signature(each)) for name, each in bare.items()}


def strength_factor(key: str, condition: Condition) -> Factor:
    """The factor whose strength in a condition is the setting `key`, one of `STRENGTHS` or `NUMBERS`."""
    _, _, name = key.partition("lambdas.")
    if name:
        return lambda_factors(condition)[name]
    return FACTORS[_words(key)] if key in NUMBERS else norm_factor(condition["norm"])


def _words(key: str) -> str:
    return _WORDS.get(key, key.replace("_", " "))


def norm_factor(norm: str) -> Factor:
    """The factor of a norm other than the baseline."""
    return Factor(NORMS[norm].label, _NORM, f", {{}} {NORMS[norm].unit}" if NORMS[norm].unit else "")


# Keys are labels, in the order that tables use.
FACTORS: Mapping[str, Factor] = {
    factor.label: factor
    for factor in (
        *LAMBDAS.values(),
        DECOUPLED,
        *(norm_factor(norm) for norm in NORMS if norm != BASELINE),
        *(Factor(_words(key), key) for key in NUMBERS),
    )
}


def name_of(factor: str, strength: float) -> str:
    """A factor with its strength. One that is none of `FACTORS` says it itself."""
    known = FACTORS.get(factor)
    return factor if known is None or math.isnan(strength) else known.name(strength)


def change(key: str, condition: Condition, reference: Condition, count: float = math.nan) -> tuple[str, float]:
    """What conditions that differ in the factor `key` alone are said to differ in, and its strength in the first one.

    A lambda and a norm are called by their names where the reference lacks them. All other changes are told by both
    values: "dropout 0 → 0.1", "adamw instead of sgd". The strength is NaN if the value is no number.

    Args:
        key: a key of `trained`.
        condition: the condition that has the factor.
        reference: the condition that it is compared with.
        count: the ghost batches or groups of the norm.
    """
    one: Mapping[str, Any] = condition
    other: Mapping[str, Any] = reference
    _, _, name = key.partition("lambdas.")
    if name:
        factor, before = lambda_factors(condition)[name], other["lambdas"][name]
        strength = one["lambdas"][name]
        return f"{factor.label} {write(before)} → {write(strength)}" if before else factor.label, strength
    if key == _NORM:
        factor = norm_factor(one[key])
        return factor.label if other[key] == BASELINE else f"{factor.label} instead of {NORMS[other[key]].label}", count
    value = one[key]
    return _told(key, value, other[key]), float(value) if isinstance(value, int | float) else math.nan


def _told(key: str, value: Any, before: Any) -> str:
    """A change of a setting in words."""
    words = _words(key)
    if isinstance(value, Mapping):
        ours, theirs = dict(_named(value)), dict(_named(before))
        if ours[""] == theirs[""]:
            return ", ".join(_told(each, ours[each], theirs[each]) for each in ours if ours[each] != theirs[each])
        return f"{ours['']} instead of {theirs['']}"
    if isinstance(value, list):
        return f"{words} {text_of(value)}{f' instead of {text_of(before)}' if before else ''}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{words} {value} instead of {before}"
    return f"{words} {write(before)} → {write(value)}"


def _named(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """An optimizer or a schedule: its name under an empty key, then its arguments."""
    if "name" in value:
        yield from {"": value["name"], **{key: own for key, own in value.items() if key != "name"}}.items()
    else:
        ((name, arguments),) = value.items()
        yield from {"": name, **arguments}.items()


def text_of(value: Any) -> str:
    """A value in words: the names of the steps of an augmentation."""
    return ", ".join(kind for step in value for kind in step) or "none" if isinstance(value, list) else str(value)


def lambda_factors(condition: Condition) -> Mapping[str, Factor]:
    """The factor of each lambda in a condition. Coupled and decoupled L2 are two factors: see `training.optimizer`."""
    return {**LAMBDAS, "l2": DECOUPLED} if OPTIMIZERS[condition["optimizer"]["name"]].decoupled else LAMBDAS


def is_decoupled(condition: Condition) -> bool:
    """Whether the L2 of a condition is decoupled. Group L2 never is: it is a term of the objective."""
    return lambda_factors(condition)["l2"] is DECOUPLED and not condition["lambdas"]["group_l2"]


def condition_labels(conditions: Mapping[str, tuple[str, str]], decoupled: Collection[str] = ()) -> dict[str, str]:
    """What figures call conditions: by penalty and norm, "L1 · BN".

    If several conditions have one penalty and norm, only "l1-bn" is called so. The others keep their own names.

    Args:
        conditions: penalty and norm of each condition of a study or a figure. An unknown key is its own label.
        decoupled: the conditions whose L2 is decoupled.
    """
    shared = Counter(conditions.values())
    named = {name: shared[pair] > 1 and name != "-".join(pair) for name, pair in conditions.items()}
    return {
        name: name if named[name] else pair_label(*pair, decoupled=name in decoupled)
        for name, pair in conditions.items()
    }


def pair_label(penalty: str, norm: str, decoupled: bool = False) -> str:
    """A penalty and a norm as one label: "L1 · BN", "L2 (decoupled) · BN"."""
    return f"{penalty_label(penalty, decoupled)} · {NORMS[norm].label if norm in NORMS else norm}"


def penalty_label(penalty: str, decoupled: bool = False) -> str:
    """The label of a penalty: "L1+L2", or "L1+L2 (decoupled)". An unknown key is its own label."""
    known = PENALTIES.get(penalty)
    if known is None or not decoupled or _L2 not in known.lambdas:
        return known.label if known else penalty
    return "+".join((DECOUPLED if group == _L2 else LAMBDAS[group[0]]).label for group in known.lambdas)
