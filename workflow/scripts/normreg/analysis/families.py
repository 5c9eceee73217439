"""Says what a study's effects and interactions are: which conditions each of them compares, with which weights."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from normreg.analysis.contrasts import Contrast
from normreg.analysis.verdicts import Level
from normreg.config.factors import name_of

_Grouped = TypeVar("_Grouped")


@dataclass(frozen=True)
class Row:
    """A row of `effects.csv` before it is estimated.

    Attributes:
        about: the cells that say what it is: level, factor, strength, other, pairs, without, with.
        weights: the weight of each condition. Their sum is 0.
        pairs: the pairs of conditions that an effect averages. An interaction has none.
    """

    about: Mapping[str, Any]
    weights: Mapping[str, float]
    pairs: Sequence[Contrast] = ()


def effects(contrasts: Sequence[Contrast]) -> list[Row]:
    """One effect for each factor, strength and context, and below it its pairs if there are several."""
    rows = []
    for group in _grouped(contrasts, lambda c: (c.factor, c.strength, c.context)):
        about = {"factor": group[0].factor, "strength": group[0].strength}
        names = [{"pairs": 1, "without": c.without, "with": c.with_factor} for c in group]
        weights = [{c.without: -1.0, c.with_factor: 1.0} for c in group]
        whole = names[0] if len(group) == 1 else {"pairs": len(group)}
        rows.append(Row({"level": Level.EFFECT, **about, **whole}, _mean(weights), group))
        if len(group) > 1:
            for pair, named, weight in zip(group, names, weights, strict=True):
                rows.append(Row({"level": Level.PAIR, **about, **named}, weight, [pair]))
    return rows


def interactions(contrasts: Sequence[Contrast]) -> list[Row]:
    """How much the effect of one factor depends on another factor, for each two factors and their strengths.

    It needs four conditions: with neither factor, with one of them, and with both. The interaction is the effect of the
    one factor with the other factor, minus its effect without the other factor. Several such fours are averaged.
    """
    rows = []
    for group in _grouped(_squares(contrasts), lambda four: four.key):
        one, other = group[0].one, group[0].other
        about = {"factor": one.factor, "strength": one.strength, "other": name_of(other.factor, other.strength)}
        cells = {"level": Level.INTERACTION, **about, "pairs": len(group)}
        rows.append(Row(cells, _mean([four.weights for four in group])))
    return rows


@dataclass(frozen=True)
class _Square:
    """Four conditions: one contrast of each of two factors that begin at the same condition, and both together."""

    one: Contrast
    other: Contrast
    both: str

    @property
    def weights(self) -> dict[str, float]:
        return {self.both: 1.0, self.one.with_factor: -1.0, self.other.with_factor: -1.0, self.one.without: 1.0}

    @property
    def key(self) -> Hashable:
        return self.one.factor, self.one.strength, self.other.factor, self.other.strength, self.one.context


def _squares(contrasts: Sequence[Contrast]) -> list[_Square]:
    ends = {(c.factor, c.strength, c.without): c.with_factor for c in contrasts}
    order = list(dict.fromkeys(contrast.factor for contrast in contrasts))
    found = []
    for one in contrasts:
        for other in contrasts:
            if one.without != other.without or order.index(one.factor) >= order.index(other.factor):
                continue
            both = ends.get((one.factor, one.strength, other.with_factor))
            if both is not None and both == ends.get((other.factor, other.strength, one.with_factor)):
                found.append(_Square(one, other, both))
    return found


def _grouped(items: Sequence[_Grouped], key: Callable[[_Grouped], Hashable]) -> list[list[_Grouped]]:
    groups: dict[Hashable, list[_Grouped]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def _mean(weights: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of several contrasts as one."""
    names = dict.fromkeys(name for each in weights for name in each)
    return {name: sum(each.get(name, 0.0) for each in weights) / len(weights) for name in names}
