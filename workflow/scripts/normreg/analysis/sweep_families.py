"""Says what a sweep compares: each strength with the condition without it, or factors at each value of something else.

Over a strength (a lambda or the number of splits) the reference is the condition that lacks the strength and is equal
otherwise. Over any other key the conditions with equal values are a small study, in which factors have effects. All is
found by resolved settings, never by names. Conditions with equal settings count once.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from normreg.analysis import families
from normreg.analysis.contrasts import Contrast, find_contrasts, find_distinct
from normreg.analysis.verdicts import Level, ResponseLevel
from normreg.config import values as values_
from normreg.config.condition import Condition
from normreg.config.factors import name_of, references, strength_factor
from normreg.config.sweeps import Curve, Point, Sweep


@dataclass(frozen=True)
class Spot:
    """One place of a response.

    Attributes:
        about: the cells of its row that say what it is.
        weights: the weight of each condition. Empty if there is nothing to compare.
        pairs: the pairs of conditions that it averages.
    """

    about: Mapping[str, Any]
    weights: Mapping[str, float] = field(default_factory=dict)
    pairs: Sequence[Contrast] = ()


@dataclass(frozen=True)
class Part:
    """Spots that are judged with the residuals of the same conditions: those of the contrasts in `pool`."""

    pool: Sequence[Contrast]
    spots: Sequence[Spot]

    @property
    def names(self) -> list[str]:
        """The conditions of the pool."""
        return list(dict.fromkeys(name for pair in self.pool for name in (pair.without, pair.with_factor)))


def find(sweep: Sweep, conditions: Mapping[str, Condition], train_images: int) -> list[list[Part]]:
    """The families of tests of a sweep: one for each curve of strengths, or for each factor. Each is a list of parts.

    Args:
        sweep: what is compared.
        conditions: all conditions of the study.
        train_images: how many training images there are.
    """
    if sweep.strengths:
        return [_curve(sweep, curve, conditions, train_images) for curve in sweep.curves]
    return _factors(sweep, conditions, train_images)


def means(sweep: Sweep, conditions: Mapping[str, Condition], train_images: int) -> list[Spot]:
    """The conditions of a sweep over something else than a strength, one by one."""
    if sweep.strengths:
        return []
    return [
        Spot(
            _at(sweep, point.values, train_images - conditions[point.condition]["holdout_images"])
            | _who(ResponseLevel.MEAN, curve, conditions[point.condition])
            | {"condition": point.condition},
            {point.condition: 1.0},
        )
        for curve in sweep.curves
        for point in curve.points
    ]


def _curve(sweep: Sweep, curve: Curve, conditions: Mapping[str, Condition], train_images: int) -> list[Part]:
    """The parts of one curve: one for each reference. A strength alone has the same reference everywhere."""
    distinct = find_distinct(conditions, train_images)
    compared = references([point.condition for point in curve.points], sweep.strengths, conditions, train_images)
    level = ResponseLevel.CELL if len(sweep.over) > 1 else ResponseLevel.STRENGTH
    spots: dict[str | None, list[Spot]] = {}
    seen: set[str] = set()
    for point in curve.points:
        reference, own = compared[point.condition], distinct[point.condition]
        factor, strength = _factor(sweep, point, conditions[point.condition])
        about = _at(sweep, point.values, train_images - conditions[point.condition]["holdout_images"]) | _who(
            level, curve, conditions[point.condition]
        )
        about |= {"factor": factor, "strength": strength, "pairs": 1}
        about |= {"condition": point.condition, "reference": reference}
        if reference is None or own == reference or own in seen:
            spot = Spot(about)
        else:
            pair = Contrast(factor, math.nan if strength is None else strength, reference, own)
            spot = Spot(about, {reference: -1.0, own: 1.0}, [pair])
        seen.add(own)
        spots.setdefault(reference, []).append(spot)
    return [Part([pair for spot in each for pair in spot.pairs], each) for each in spots.values()]


def _factor(sweep: Sweep, point: Point, condition: Condition) -> tuple[str, float | None]:
    """The label of the swept factor and its strength. Two swept factors have no single strength."""
    found = dict(zip(sweep.over, point.values, strict=True))
    labels = (strength_factor(key, condition).label for key in sweep.strengths)
    return " + ".join(labels), float(found[sweep.strengths[0]]) if len(sweep.strengths) == 1 else None


def _factors(sweep: Sweep, conditions: Mapping[str, Condition], train_images: int) -> list[list[Part]]:
    """One family for each factor. Its parts are the values. The same bases make the same factor at all values."""
    found: dict[Any, list[Part]] = {}
    called: dict[Any, str] = {}
    for values, bases in _small_studies(sweep):
        pool = find_contrasts({name: conditions[name] for name in bases}, train_images)
        held_out = max(conditions[name]["holdout_images"] for name in bases)
        for row in families.effects(pool):
            if row.about["level"] != Level.EFFECT:
                continue
            key = row.about["factor"], tuple((bases[c.without], bases[c.with_factor]) for c in row.pairs)
            called.setdefault(key, _name(row, key, called))
            about = {**_at(sweep, values, train_images - held_out), "level": ResponseLevel.FACTOR, "curve": called[key]}
            about |= {name: row.about[name] for name in ("factor", "strength", "pairs")}
            about |= {"condition": row.about.get("with"), "reference": row.about.get("without")}
            found.setdefault(key, []).append(Part(pool, [Spot(about, row.weights, row.pairs)]))
    return list(found.values())


def _small_studies(sweep: Sweep) -> Iterator[tuple[tuple[Any, ...], dict[str, str]]]:
    """For each value its conditions, and the base of each."""
    every = dict.fromkeys(point.values for curve in sweep.curves for point in curve.points)
    for values in every:
        bases: dict[str, str] = {}
        for curve in sweep.curves:
            for point in curve.points:
                if point.values == values:
                    bases.setdefault(point.condition, curve.base)
        yield values, bases


def _name(row: families.Row, key: tuple[str, Any], called: Mapping[Any, str]) -> str:
    """The factor with its strength; also its first pair of bases if another curve has this name."""
    name = name_of(row.about["factor"], row.about["strength"])
    without, with_factor = key[1][0]
    return f"{name} ({with_factor} − {without})" if name in called.values() else name


def _who(level: ResponseLevel, curve: Curve, condition: Condition) -> dict[str, Any]:
    return {"level": level, "curve": curve.base, "penalty": condition["penalty"], "norm": condition["norm"]}


def _at(sweep: Sweep, values: Sequence[Any], images: int) -> dict[str, Any]:
    """The sweep and the values: as a text, and the first two as places on an axis. A text has no place.

    `images` are those that training has if it has "all".
    """
    places = [*(values_.place(value, images) for value in values), None]
    y = places[1] if sweep.grid else None
    return {"sweep": sweep.name, "value": " / ".join(map(values_.write, values)), "x": places[0], "y": y}
