"""Reads config/claims.yaml: what published studies say of their experiments, and how each claim is judged.

`normreg.analysis.claims` judges. Here a claim is plain data, because it goes into params.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

from normreg.config import folders, networks, studies, study_files
from normreg.config.condition import Condition
from normreg.config.schema import read_yaml, validate
from normreg.errors import ConfigError
from normreg.models.description import Network
from normreg.models.sizes import count_parameters

CLAIMS = Path("config/claims.yaml")  # see `folders`
DATASET = "mnist"  # the data set of the published studies
_ALL, _PARAMETERS, _COUNT = "conditions.", "parameters", "conditions"


class Setting(TypedDict):
    """A setting that a claim states. See `executed` for the key."""

    key: str
    claimed: float | str | bool


# What every test has. `with` is a word of Python, so it cannot be an annotation of a class.
_Comparison = TypedDict("_Comparison", {"with": str, "quantity": str, "direction": str})


class Comparison(_Comparison, total=False):
    """How runs can show whether a claim holds: one condition against another one, or against a number.

    Attributes:
        with: the condition that the claim is about.
        without: the condition it is compared with. Beside a `value` it only says what `with` must differ from.
        value: the number it is compared with.
        quantity: a column of summary.csv, or of metrics.csv if there is a statistic.
        statistic: a key of `normreg.analysis.epoch_statistics.STATISTICS`.
        from_epoch: the first epoch that the statistic uses.
        direction: "higher", "lower", "none" (changes nothing) or "near" (the value could be one more run).
        margin: in place of the study's.
        reading: "executed" (if absent) or "readme": two conditions that must differ in one factor alone, as the
            notebook executed them or as the README describes them; "recipes": two conditions with all that differs.
    """

    without: str
    value: float
    statistic: str
    from_epoch: int
    margin: float
    reading: str


class Claim(TypedDict):
    """A claim. It has `settings`, `tests` or `reason`, as its kind needs; the other two are empty."""

    id: str
    study: str
    kind: str
    text: str
    evidence: str
    settings: list[Setting]
    tests: list[Comparison]
    reason: str


def load() -> list[Claim]:
    """All claims in the order of the file: that of the working directory, else that of this project.

    There are none if there is no file.

    Raises:
        ConfigError: the file has a wrong key, or names a study that does not exist.
    """
    path = _path()
    if not path.exists():
        return []
    content: dict[str, Any] = read_yaml(path)
    validate(content, "claims.schema.yaml", str(path))
    known = study_files.names()
    empty: dict[str, Any] = {"settings": [], "tests": [], "reason": ""}
    claims: list[Claim] = []
    for name, entry in content.items():
        if entry["study"] not in known:
            raise _error(name, "study", f"'{entry['study']}'", f"a study at hand: {', '.join(known)}")
        claims.append({"id": name, **empty, **entry})  # type: ignore[typeddict-item]
    return claims


def of_study(claims: list[Claim], study: str) -> list[Claim]:
    """The claims about a study. A renamed run is no study, so it has none.

    Raises:
        ConfigError: a claim names a condition or a setting that the study does not have.
    """
    chosen = [claim for claim in claims if claim["study"] == study]
    if chosen:
        conditions = studies.load_named_run(study).conditions
        for claim in chosen:
            _check(claim, conditions)
    return chosen


def executed(key: str, conditions: Mapping[str, Condition]) -> list[Any]:
    """The values that a setting has in a study, each once.

    Args:
        key: "conditions.NAME.dotted.key" for one condition, "dotted.key" for all of them, "parameters" for the size of
            the network, or "conditions" for their number.
        conditions: the resolved conditions.

    Raises:
        KeyError: there is no such condition or setting.
    """
    if key == _COUNT:
        return [len(conditions)]
    chosen: Any = list(conditions.values())
    if key.startswith(_ALL):
        name, _, key = key.removeprefix(_ALL).partition(".")
        chosen = [conditions[name]]
    if key == _PARAMETERS:
        values: Iterator[Any] = (_parameters(condition["network"]) for condition in chosen)
    else:
        values = (_look_up(condition, key) for condition in chosen)
    return list(dict.fromkeys(values))


def _parameters(name: str) -> int:
    """The size of a network. Only of a list of layers is it known without running code."""
    network = networks.find(name)
    if not isinstance(network, Network):
        raise ConfigError(f"{_path()}: the number of parameters of {name} is not known: it is a Python file.")
    return count_parameters(network)


def _look_up(settings: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(settings, Mapping):
            raise KeyError(part)
        settings = settings[part]
    if isinstance(settings, Mapping | list):
        raise KeyError(key)
    return settings


def _check(claim: Claim, conditions: Mapping[str, Condition]) -> None:
    known = ", ".join(conditions)
    for number, setting in enumerate(claim["settings"], 1):
        try:
            executed(setting["key"], conditions)
        except KeyError:
            expected = f"a setting of the study {claim['study']}, whose conditions are {known}"
            raise _error(claim["id"], f"settings.{number}.key", f"'{setting['key']}'", expected) from None
    for number, test in enumerate(claim["tests"], 1):
        where = f"tests.{number}"
        for key, name in (("with", test["with"]), ("without", test.get("without", test["with"]))):
            if name not in conditions:
                expected = f"a condition of the study {claim['study']}: {known}"
                raise _error(claim["id"], f"{where}.{key}", f"'{name}'", expected)
        if "without" not in test and "value" not in test:
            raise _error(claim["id"], where, "neither without nor value", "one of them")
        if test["direction"] == "near" and "value" not in test:
            raise _error(claim["id"], f"{where}.direction", "near without a value", "a value, or another direction")


def _path() -> Path:
    return next((path for path in folders.places(CLAIMS) if path.exists()), CLAIMS)


def _error(claim: str, key: str, found: str, expected: str) -> ConfigError:
    return ConfigError(f"{_path()}: key '{claim}.{key}': found {found}; expected {expected}.")
