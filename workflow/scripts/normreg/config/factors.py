"""The one table of penalties and norms, and of the factors whose effects a study measures.

A condition has one penalty and one norm. Each lambda is a factor, and so is each norm except batch norm. A condition
either lacks a factor or has it with some strength.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from normreg.config.condition import Condition
from normreg.config.values import write
from normreg.models import description

_BLACK, _VERMILION, _BLUE, _PURPLE, _PLUM = "#1a1a1a", "#c24a00", "#0066cc", "#b04c90", "#5d0066"


@dataclass(frozen=True)
class Factor:
    """Something that a condition has or lacks.

    Attributes:
        label: its name in tables, figures and the column `factor`.
        key: the dotted key of the setting that holds it.
        absent: the value of that key in a condition without the factor.
        color: color of its rows in the figure of effects. It is the color of a penalty only if the factor is one.
        strength: the text for its strength, with {} for the number. Empty if it has no strength.
    """

    label: str
    key: str
    absent: float | str
    color: str
    strength: str

    def name(self, strength: float) -> str:
        """The factor with its strength: "L1 1e-5", "GBN, 2 splits"."""
        return self.label + self.strength.format(write(strength))


@dataclass(frozen=True)
class Penalty:
    """A value of a condition's key `penalty`.

    Attributes:
        label: its name in tables and figures.
        color: color of its lines. The hues are Okabe and Ito's, a little darker: text in these colors has a contrast
            of 4.5:1 on white. Any two stay 30 apart (CIE 1976) for readers with protanopia, deuteranopia or tritanopia.
        markers: matplotlib's markers. No two penalties share one, so they differ in grey print too. Conditions with the
            same penalty and norm take them in this order.
        lambdas: groups of keys of `LAMBDAS`. A condition sets one lambda of each group. All other lambdas are 0.
    """

    label: str
    color: str
    markers: str
    lambdas: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Norm:
    """A value of a condition's key `norm`.

    Attributes:
        label: its short name.
        name: its name in legends.
        line: matplotlib's line style.
        filled: whether markers are filled, or open.
        splits: whether it has ghost batches. With a single ghost batch it is the same as the baseline.
    """

    label: str
    name: str
    line: str | tuple[int, tuple[float, float]]
    filled: bool
    splits: bool = False


LAMBDAS: Mapping[str, Factor] = {
    "l1": Factor("L1", "lambdas.l1", 0, _VERMILION, " {}"),
    "l2": Factor("L2", "lambdas.l2", 0, _BLUE, " {}"),
    "group_l2": Factor("group L2", "lambdas.group_l2", 0, _BLUE, " {}"),
}
DECOUPLED = Factor("L2 (decoupled)", LAMBDAS["l2"].key, 0, _BLUE, " {}")  # what l2 is under AdamW
_L1, _L2 = ("l1",), ("l2", "group_l2")  # group_l2 replaces l2 if a condition sets it
PENALTIES: Mapping[str, Penalty] = {
    "none": Penalty("none", _BLACK, "o8hH"),  # round
    "l1": Penalty("L1", _VERMILION, "^v<>", (_L1,)),  # triangles
    "l2": Penalty("L2", _BLUE, "spP", (_L2,)),
    "l1l2": Penalty("L1+L2", _PURPLE, "DXd*", (_L1, _L2)),
}
BASELINE = description.BASELINE  # a norm's effect is measured against conditions with this norm
NORMS: Mapping[str, Norm] = {
    BASELINE: Norm("BN", "batch norm (BN)", "-", filled=True),
    "gbn": Norm("GBN", "ghost batch norm (GBN)", (0, (4, 1.5)), filled=False, splits=True),
}


def norm_factor(norm: str) -> Factor:
    """The factor of a norm other than the baseline. If the table lacks the norm, its key is the label."""
    known = NORMS.get(norm)
    splits = known is None or known.splits
    return Factor(known.label if known else norm, "norm", BASELINE, _PLUM, ", {} splits" if splits else "")


# Keys are labels, in the order that tables use.
FACTORS: Mapping[str, Factor] = {
    factor.label: factor
    for factor in (*LAMBDAS.values(), DECOUPLED, *(norm_factor(norm) for norm in NORMS if norm != BASELINE))
}


def lambda_factors(condition: Condition) -> Mapping[str, Factor]:
    """The factor of each lambda in a condition. Coupled and decoupled L2 are two factors: see `training.optimizer`."""
    return {**LAMBDAS, "l2": DECOUPLED} if condition["optimizer"]["name"] == "adamw" else LAMBDAS


def is_decoupled(condition: Condition) -> bool:
    """Whether the L2 of a condition is decoupled. Group L2 never is: it is a term of the objective."""
    return lambda_factors(condition)["l2"] is DECOUPLED and not condition["lambdas"]["group_l2"]


def norm_setting(norm: str, num_splits: int) -> str:
    """The settings of a norm as a text. Equal texts train alike. The text of an unknown norm is its name and splits."""
    known = NORMS.get(norm)
    if known and known.splits and num_splits == 1:
        return BASELINE
    return norm if known and not known.splits else f"{norm}, {num_splits} splits"


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
