"""The one table of penalties and norms, and of the factors whose effects a study measures.

A condition has one penalty and one norm. Each lambda and each norm but batch norm is a factor: something that a
condition has, in some strength, or lacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_BLACK, _VERMILION, _BLUE, _PURPLE = "#1a1a1a", "#d55e00", "#0066cc", "#b04c90"


@dataclass(frozen=True)
class Factor:
    """What a condition has or lacks.

    Attributes:
        label: its name in tables, figures and the column `factor`.
        key: the dotted key of a condition's settings that holds it.
        absent: the value of that key in a condition without it.
        color: of its rows in the figure of effects.
        strength: its strength in words, with {} for the number; empty where it has none.
    """

    label: str
    key: str
    absent: float | str
    color: str
    strength: str

    def name(self, strength: float) -> str:
        """The factor with its strength: "L1 1e-5", "GBN, 2 splits"."""
        return self.label + self.strength.format(f"{strength:g}".replace("e-0", "e-"))


@dataclass(frozen=True)
class Penalty:
    """A value of a condition's key `penalty`.

    Attributes:
        label: its name in tables and figures.
        color: of its lines. Okabe-Ito hues, the last two a little darker: text in them has 3.9:1 on white, and any two
            stay 30 apart (CIE 1976) for readers with protanopia, deuteranopia or tritanopia.
        lambdas: groups of keys of `LAMBDAS`. A condition sets one of each group; lambdas in no group are 0 there.
    """

    label: str
    color: str
    lambdas: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Norm:
    """A value of a condition's key `norm`.

    Attributes:
        label: its short name.
        name: its name in legends.
        line: matplotlib's line style.
        markers: matplotlib's markers, the first for the first condition of this norm and one penalty.
        filled: whether markers are filled.
        splits: whether it has ghost batches. With one of them it is the baseline.
    """

    label: str
    name: str
    line: str | tuple[int, tuple[float, float]]
    markers: str
    filled: bool
    splits: bool = False


LAMBDAS: Mapping[str, Factor] = {
    "l1": Factor("L1", "lambdas.l1", 0, _VERMILION, " {}"),
    "l2": Factor("L2", "lambdas.l2", 0, _BLUE, " {}"),
    "group_l2": Factor("group L2", "lambdas.group_l2", 0, _BLUE, " {}"),
}
_L1, _L2 = ("l1",), ("l2", "group_l2")  # group_l2 stands in for l2
PENALTIES: Mapping[str, Penalty] = {
    "none": Penalty("none", _BLACK),
    "l1": Penalty("L1", _VERMILION, (_L1,)),
    "l2": Penalty("L2", _BLUE, (_L2,)),
    "l1l2": Penalty("L1+L2", _PURPLE, (_L1, _L2)),
}
BASELINE = "bn"  # the norm that conditions "without" a norm's effect have
NORMS: Mapping[str, Norm] = {
    BASELINE: Norm("BN", "batch norm (BN)", "-", "o^vPX<", filled=True),
    "gbn": Norm("GBN", "ghost batch norm (GBN)", (0, (4, 1.5)), "sDdph>", filled=False, splits=True),
}


def norm_factor(norm: str) -> Factor:
    """The factor that a norm other than the baseline is. One that the table lacks goes by its key."""
    known = NORMS.get(norm)
    splits = known is None or known.splits
    return Factor(known.label if known else norm, "norm", BASELINE, _BLACK, ", {} splits" if splits else "")


# By label, in the order of tables.
FACTORS: Mapping[str, Factor] = {
    factor.label: factor for factor in (*LAMBDAS.values(), *(norm_factor(norm) for norm in NORMS if norm != BASELINE))
}


def norm_setting(norm: str, num_splits: int) -> str:
    """What the settings of a norm amount to: equal texts train alike. An unknown norm keeps its name and splits."""
    known = NORMS.get(norm)
    if known and known.splits and num_splits == 1:
        return BASELINE
    return norm if known and not known.splits else f"{norm}, {num_splits} splits"
