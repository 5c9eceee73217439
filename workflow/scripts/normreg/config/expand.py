"""Generates the conditions of a study's sweeps, and gives them names."""

import copy
import itertools
import re
from collections.abc import Mapping
from typing import Any

from normreg.config.condition import Condition
from normreg.config.factors import NUMBERS, STRENGTHS, references, signature, trained
from normreg.config.resolve import resolve
from normreg.config.study_files import MOST, check
from normreg.config.sweeps import Curve, Point, Sweep
from normreg.config.values import write_name
from normreg.errors import ConfigError
from normreg.settings.table import KINDS, SET_BY_ONECYCLE

_LONGEST = 80  # letters of a condition's name, as the schema says


class Expanded:
    """A study's conditions with those that its sweeps generate.

    A copy whose settings equal those of an existing condition is that condition. So a condition that two sweeps share
    is trained once.

    Attributes:
        own: the entries of all conditions as a study file has them, those of the file first.
        sweeps: the sweeps.
    """

    def __init__(self, content: Mapping[str, Any], path: str) -> None:
        """Generates the conditions of a validated study file.

        Raises:
            ConfigError: a key cannot be varied or has no effect, a value is not allowed, a condition lacks its
                reference, two settings have one name, or there are too many conditions. The message names the sweep.
        """
        self.own: dict[str, Mapping[str, Any]] = dict(content["conditions"])
        self._content = {key: value for key, value in content.items() if key not in ("sweeps", "published", "readme")}
        self._settled = {
            name: resolve(content, entry, {}, f"{path}: conditions.{name}") for name, entry in self.own.items()
        }
        self._places: dict[str, str] = {}
        for name, condition in self._settled.items():
            self._places.setdefault(signature(trained(condition)), name)
        blocks = content.get("sweeps", {})
        self.sweeps = tuple(self._sweep(name, block, f"{path}: sweeps.{name}") for name, block in blocks.items())
        if len(self.own) > MOST:
            raise ConfigError(f"{path}: the sweeps make {len(self.own)} conditions; expected {MOST} at most.")

    def _sweep(self, name: str, block: Mapping[str, Any], where: str) -> Sweep:
        over, values = _axes(block, where)
        curves = (
            Curve(base, tuple(Point(each, self._add(base, over, each, where)) for each in values))
            for base in block["conditions"]
        )
        sweep = Sweep(name, over, "grid" in block, tuple(curves))
        if sweep.strengths:
            for curve in sweep.curves:
                self._add_references(sweep, curve, where)
                self._check_references(sweep, curve, where)
        return sweep

    def _add(self, base: str, over: tuple[str, ...], values: tuple[Any, ...], where: str) -> str:
        """The name of the copy of `base` with these values."""
        name, where = _name(base, over, values), f"{where}: condition {base} with {_say(over, values)}"
        entry = self._vary(base, over, values, where)
        found = self._settle(entry, over, values, where)
        trains = signature(trained(found))
        if trains in self._places:
            return self._places[trains]
        if name in self.own:
            raise ConfigError(f"{where}: it would be called {name}, but that is another condition; rename that one.")
        if len(name) > _LONGEST:
            raise ConfigError(f"{where}: its name would be {name}, {len(name)} letters; expected {_LONGEST} at most.")
        self.own[name], self._settled[name], self._places[trains] = entry, found, name
        return name

    def _vary(self, base: str, over: tuple[str, ...], values: tuple[Any, ...], where: str) -> dict[str, Any]:
        """The entry of condition `base` with other values."""
        entry = copy.deepcopy(dict(self._content["conditions"][base]))
        for key, value in zip(over, values, strict=True):
            *parents, last = key.split(".")
            if not parents:
                entry[last] = value
                continue
            head = parents[0]
            merged = head in KINDS and KINDS[head].merged
            target = entry.setdefault(head, {} if merged else copy.deepcopy(self._content.get(head)))
            for part in parents[1:]:
                target = target.get(part) if isinstance(target, Mapping) else None
            if not isinstance(target, dict) or (not merged and last not in target):
                raise ConfigError(f"{where}: the condition has no key '{key}'; expected a key of its settings.")
            target[last] = value
        name = _name(base, over, values)
        check({**self._content, "galleries": [], "conditions": {name: entry}}, where)
        return entry

    def _settle(
        self, entry: Mapping[str, Any], over: tuple[str, ...], values: tuple[Any, ...], where: str
    ) -> Condition:
        """The settings of a copy. A key that the copy does not use is refused: all values would train the same."""
        found = resolve(self._content, entry, {}, where)
        overridden = SET_BY_ONECYCLE if "onecycle" in found["schedule"] else ()
        for key, value in zip(over, values, strict=True):
            settled: Any = found
            for part in key.split("."):
                settled = settled[part]
            if settled != value or key in overridden:
                why = "its schedule sets this itself" if key in overridden else "its penalty or norm does not use it"
                raise ConfigError(f"{where}: {key} has no effect on this condition ({why}); leave the condition out.")
        return found

    def _add_references(self, sweep: Sweep, curve: Curve, where: str) -> None:
        """Makes the conditions that copies are compared with and the study file does not have.

        Where other keys vary with a strength, the reference of a copy is a copy of the reference of its base. The
        reference of a number such as dropout is a copy without it.
        """
        others = [place for place, key in enumerate(sweep.over) if key not in STRENGTHS]
        base = references([curve.base], sweep.strengths, self._settled)[curve.base]
        if base is None and sweep.strengths[0] in NUMBERS:
            self._add(curve.base, sweep.over, (NUMBERS[sweep.strengths[0]],), where)
        if not others or base is None or base not in self._content["conditions"]:
            return
        keys = tuple(sweep.over[place] for place in others)
        for point in curve.points:
            self._add(base, keys, tuple(point.values[place] for place in others), where)

    def _check_references(self, sweep: Sweep, curve: Curve, where: str) -> None:
        """Refuses a strength that cannot be compared with its absence."""
        keys = " and ".join(sweep.strengths)
        names = [point.condition for point in curve.points]
        for name, found in references(names, sweep.strengths, self._settled).items():
            if found is None:
                raise ConfigError(
                    f"{where}: no condition of this study equals {name} without {keys}; add one to compare with."
                )
            if found == name:
                raise ConfigError(
                    f"{where}: one of its values makes {name}, to which the others are compared; leave it out."
                )


def _axes(block: Mapping[str, Any], where: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The keys of a sweep, and the values of all keys together."""
    if "grid" in block:
        keys = tuple(block["grid"])
        values = list(itertools.product(*block["grid"].values()))
    else:
        keys = (block["over"],) if isinstance(block["over"], str) else tuple(block["over"])
        values = [tuple(value) if isinstance(value, list) else (value,) for value in block["values"]]
    for place, value in enumerate(values):
        if len(value) != len(keys):
            expected = f"{len(keys)} values together, for {', '.join(keys)}" if len(keys) > 1 else "one value"
            raise ConfigError(f"{where}: key 'values': found {list(value)}; expected {expected}.")
        if value in values[:place]:
            raise ConfigError(f"{where}: {_say(keys, value)} is there twice; expected each value once.")
    return keys, values


def _name(base: str, over: tuple[str, ...], values: tuple[Any, ...]) -> str:
    """The name of a copy, such as l1-bn-l1-1e-4. Equal numbers have equal names, however the file writes them."""
    parts = (f"{key.split('.')[-1]}-{write_name(value)}" for key, value in zip(over, values, strict=True))
    return re.sub("[^a-z0-9]+", "-", "-".join((base, *parts)).lower())


def _say(over: tuple[str, ...], values: tuple[Any, ...]) -> str:
    return ", ".join(f"{key} {value}" for key, value in zip(over, values, strict=True))
