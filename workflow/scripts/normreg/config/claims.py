"""Reads config/claims.yaml: what published studies say of their experiments, and how each claim is judged.

`normreg.analysis.claims` judges. Here a claim is plain data, because it goes into params.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from normreg.config import folders, networks, studies, study_files
from normreg.config.condition import Condition, flatten
from normreg.config.schema import read_yaml, validate
from normreg.errors import ConfigError
from normreg.models.description import Network
from normreg.models.shapes import count_parameters

CLAIMS = Path("config/claims.yaml")  # see `folders`
DATASET = "mnist"  # the data set of the published studies
_ONE, _PARAMETERS, _COUNT = "conditions.", "parameters", "conditions"


class Claim(TypedDict):
    """A claim: what was said of a study, and what the published files show.

    It has one of three more keys. `settings` have a `key` (see `executed`) and the value `claimed`. `reason` says why
    no run can decide. `tests` are maps of what follows:

    - with, without: the condition that the claim is about, and the one it is compared with.
    - value: the number that `with` is compared with. Then `without` only says what `with` must differ from.
    - quantity: a column of summary.csv, or of metrics.csv if there is a statistic.
    - statistic, from_epoch: a key of `normreg.analysis.claims.STATISTICS`, and the first epoch that it uses.
    - direction: "higher", "lower", "none" (changes nothing) or "near" (the value could be one more run).
    - reading: "executed" (if absent) or "readme": two conditions that must differ in one factor alone, as the notebook
      executed them or as the README describes them; "recipes": two conditions with all that differs.
    """

    id: str
    study: str
    text: str
    evidence: str
    settings: NotRequired[list[dict[str, Any]]]
    tests: NotRequired[list[dict[str, Any]]]
    reason: NotRequired[str]


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
    for name, entry in content.items():
        if entry["study"] not in known:
            raise _error(name, "study", entry["study"], f"a study at hand: {', '.join(known)}")
    return [{"id": name, **entry} for name, entry in content.items()]  # type: ignore[typeddict-item]


def of_study(claims: list[Claim], study: str) -> list[Claim]:
    """The claims about a study. A renamed run is no study, so it has none.

    Raises:
        ConfigError: a claim names a condition or a setting that the study does not have.
    """
    chosen = [claim for claim in claims if claim["study"] == study]
    conditions = studies.load_named_run(study).conditions if chosen else {}
    known = f"of the study {study}, whose conditions are {', '.join(conditions)}"
    for claim in chosen:
        for number, setting in enumerate(claim.get("settings", []), 1):
            try:
                executed(setting["key"], conditions)
            except (KeyError, TypeError):
                raise _error(claim["id"], f"settings.{number}.key", setting["key"], f"a setting {known}") from None
        for number, test in enumerate(claim.get("tests", []), 1):
            for key in ("with", "without"):
                if test.get(key, test["with"]) not in conditions:
                    raise _error(claim["id"], f"tests.{number}.{key}", test[key], f"a condition {known}")
    return chosen


def executed(key: str, conditions: Mapping[str, Condition]) -> list[Any]:
    """The values that a setting has in a study, each once.

    Args:
        key: "conditions.NAME.dotted.key" for one condition, "dotted.key" for all of them, "parameters" for the size of
            the network, or "conditions" for their number.
        conditions: the resolved conditions.

    Raises:
        KeyError: there is no such condition or setting.
        TypeError: the setting is a list.
    """
    if key == _COUNT:
        return [len(conditions)]
    if key == _PARAMETERS:
        return [_parameters(name) for name in dict.fromkeys(c["network"] for c in conditions.values())]
    chosen = list(conditions.values())
    if key.startswith(_ONE):
        name, _, key = key.removeprefix(_ONE).partition(".")
        chosen = [conditions[name]]
    return list(dict.fromkeys(dict(flatten(condition))[key] for condition in chosen))


def _parameters(name: str) -> int:
    """The size of a network. Only of a list of layers is it known without running code."""
    network = networks.find(name)
    if not isinstance(network, Network):
        raise ConfigError(f"{_path()}: the number of parameters of {name} is not known: it is a Python file.")
    return count_parameters(network)


def _path() -> Path:
    return next((path for path in folders.places(CLAIMS) if path.exists()), CLAIMS)


def _error(claim: str, key: str, found: str, expected: str) -> ConfigError:
    return ConfigError(f"{_path()}: key '{claim}.{key}': found '{found}'; expected {expected}.")
