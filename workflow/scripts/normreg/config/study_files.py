"""Reads study files: their YAML, the study that one extends, and the check against the schema."""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from normreg.config import folders
from normreg.config.schema import keys_of, read_yaml, validate
from normreg.config.values import name_part
from normreg.errors import ConfigError, did_you_mean
from normreg.settings.table import KINDS, complete, place_of

STUDIES = Path("config/studies")  # see `folders`
_NOT_INHERITED = ("extends", "published", "readme", "sweeps")
MOST = 500  # conditions of a study
MOST_GALLERIES = 8  # of a study that names none


def path_of(study: str) -> Path:
    """The file of a study, of the working directory or of this project. If there is none, where it should be.

    Raises:
        ConfigError: there are two, and they differ.
    """
    return folders.only(folders.files(STUDIES, f"{study}.yaml")) or STUDIES / f"{study}.yaml"


def names() -> list[str]:
    """The names of all studies, sorted."""
    return folders.names(STUDIES, ".yaml")


def exists(study: str) -> bool:
    """Whether there is a study of this name."""
    return path_of(study).is_file()


def read(name: str) -> dict[str, Any]:
    """The content of a study file together with what it extends, validated against the schema.

    Raises:
        ConfigError: there is no such file, it is not YAML, it has a wrong key, or it extends what it must not.
    """
    if not exists(name):
        raise ConfigError(f"config: key 'study': found '{name}', but {_at_hand(name)}")
    content = _read(name, ())
    _check_names(content, str(path_of(name)))
    if "holdout_images" in content and content.get("validation") != "holdout":
        raise ConfigError(
            f"{path_of(name)}: key 'holdout_images' has no effect with validation test; set validation to holdout, or "
            "leave holdout_images out."
        )
    return content


def check(content: Any, where: str) -> None:
    """Checks the content of a study file.

    Raises:
        ConfigError: it has a wrong key. The message begins with `where`.
    """
    validate(content, "study.schema.yaml", where, complete, elsewhere)


def elsewhere(key: str) -> str:
    """Where a key belongs that stands in a study file or in the configuration, and must not. Empty: nobody knows it."""
    if key in keys_of("config.schema.yaml"):
        return " It is a key of config/config.yaml and of --config."
    place = place_of(key)
    return f" A study sets it as {place}." if place else ""


def published() -> list[str]:
    """Sorted names of the studies with a `published` block. Their files are read but not validated.

    Raises:
        ConfigError: a study file is not readable as YAML.
    """
    contents = {name: read_yaml(path_of(name)) for name in names()}
    return sorted(name for name, content in contents.items() if isinstance(content, Mapping) and "published" in content)


def _read(name: str, below: tuple[str, ...]) -> dict[str, Any]:
    """A study's own keys over those of the study that it extends. `below` are the studies that extend it."""
    path = str(path_of(name))
    content = read_yaml(path_of(name))
    above = content.get("extends") if isinstance(content, Mapping) else None
    if above is not None:
        content = _merge(_read_above(above, (*below, name), path), content, path)
    if isinstance(content, Mapping) and "factors" in content:
        content = _crossed(content, path)
    check(content, path)
    merged: dict[str, Any] = content
    return merged


def _read_above(above: Any, below: tuple[str, ...], path: str) -> dict[str, Any]:
    key = f"{path}: key 'extends': found {above!r}"
    if not isinstance(above, str) or not folders.NAME.fullmatch(above):
        words = "lower-case letters, digits and hyphens, in quotes if YAML does not read it as a text"
        raise ConfigError(f"{key}; expected the name of a study ({words}).")
    if above in below:
        raise ConfigError(f"{key}, but {above} extends this study: {' extends '.join((*below, above))}.")
    if not exists(above):
        raise ConfigError(f"{key}, but {_at_hand(above)}")
    return _read(above, below)


def _merge(above: Mapping[str, Any], own: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The keys of `own` replace those of `above`; inside of some, key by key."""
    left_out = {*_NOT_INHERITED, *(["holdout_images"] if own.get("validation") == "test" else [])}
    if "factors" in own or "conditions" in own:  # other conditions, so what names those above is of no use
        left_out |= {"factors", "conditions", "reference"}
    if "factors" in own:
        left_out.add("galleries")
    merged = {key: value for key, value in above.items() if key not in left_out}
    for key, value in own.items():
        if key in KINDS and KINDS[key].merged and not isinstance(value, Mapping):
            raise ConfigError(f"{path}: key '{key}': found {value!r}; expected {KINDS[key].expected}.")
        merged[key] = KINDS[key].merge(merged.get(key), value) if key in KINDS else value
    return merged


def _check_names(content: Mapping[str, Any], path: str) -> None:
    """Checks that conditions which other keys name exist."""
    named = {"galleries": content["galleries"]}
    if "reference" in content:
        named["reference"] = [content["reference"]]
    if "published" in content:
        named["published.conditions"] = content["published"]["conditions"]
    for name, sweep in content.get("sweeps", {}).items():
        named[f"sweeps.{name}.conditions"] = sweep["conditions"]
    for key, names in named.items():
        unknown = [name for name in names if name not in content["conditions"]]
        if unknown:
            known = ", ".join(content["conditions"])
            raise ConfigError(f"{path}: key '{key}': found '{unknown[0]}'; expected conditions of this study: {known}.")


def _crossed(content: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The content of a study file with a condition for each combination of its `factors`, before its own conditions."""
    made, own = combinations(content["factors"], path), content.get("conditions", {})
    twice = [name for name in made if name in own and own[name] != made[name]]
    if twice:
        raise ConfigError(f"{path}: key 'conditions.{twice[0]}': the factors make another condition of this name.")
    conditions = {**made, **own}
    galleries = content.get("galleries", list(conditions)[:MOST_GALLERIES])
    return {**content, "conditions": conditions, "galleries": galleries}


def combinations(factors: Mapping[str, Sequence[Any]], path: str) -> dict[str, Any]:
    """The entry of a condition for each combination of values, by name.

    Raises:
        ConfigError: there is no list of values for each setting, or a setting is there with a part of itself; or two
            combinations have one name, or are too many.
    """
    made: dict[str, Any] = {}
    lists = factors.values() if isinstance(factors, Mapping) else [None]
    if not all(isinstance(values, list) and len(values) > 1 for values in lists):
        raise ConfigError(
            f"{path}: key 'factors': found {str(factors)[:80]}; expected a map of settings, such as norm or "
            "optimizer.lr, to lists of two or more values."
        )
    for key in factors:
        if str(key).partition(".")[0] in factors.keys() - {key}:
            raise ConfigError(f"{path}: key 'factors': found {key} and the whole of it; expected one of the two.")
    if math.prod(map(len, lists)) > MOST:
        raise ConfigError(f"{path}: key 'factors': these lists have more than {MOST} combinations.")
    for values in itertools.product(*factors.values()):
        setting = {str(key): value for key, value in zip(factors, values, strict=True)}
        name = re.sub("[^a-z0-9]+", "-", "-".join(name_part(key, value) for key, value in setting.items()).lower())
        if name in made:
            raise ConfigError(f"{path}: key 'factors': two combinations would be called {name}; make them conditions.")
        made[name] = _condition(setting)
    return made


def _condition(setting: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of a condition with these values. Its lambdas say which penalty it has."""
    entry: dict[str, Any] = {"norm": "bn"}
    for key, value in setting.items():
        parent, _, last = key.rpartition(".")
        (entry.setdefault(parent, {}) if parent else entry)[last] = value
    strong = [key for key, value in entry.get("lambdas", {}).items() if value]
    l1, l2 = "l1" in strong, any(key.endswith("l2") for key in strong)
    return {"penalty": "l1" * l1 + "l2" * l2 or "none", **entry}


def _at_hand(name: str) -> str:
    return f"there is no {path_of(name)}.{did_you_mean(name, names())} Studies at hand: {', '.join(names()) or 'none'}."
