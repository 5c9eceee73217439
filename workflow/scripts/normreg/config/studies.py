"""Reads and validates the configuration and the study files, and resolves every condition."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from normreg.config.condition import Condition
from normreg.config.factors import LAMBDAS, NORMS, PENALTIES
from normreg.config.schema import read_yaml, validate
from normreg.errors import ConfigError

STUDIES = Path("config/studies")  # relative to the working directory, like config/config.yaml
_SEED = re.compile("[0-9]{1,6}")
_MERGED = ("optimizer", "lambdas")  # overridden key by key; every other setting is replaced as a whole


@dataclass(frozen=True)
class Run:
    """One study as it will be executed. `name` is the folder under results/{dataset}/.

    `published` and `readme` are the study's blocks of published results (None if it has none, or under another network
    than its own) and of differences between its README and its code ([] likewise).
    """

    name: str
    conditions: dict[str, Condition]
    galleries: tuple[str, ...]
    published: dict[str, Any] | None
    readme: list[dict[str, Any]]


def check_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with `seeds` as a list and command-line texts converted.

    Raises:
        ConfigError: names the key, what was found and what is allowed.
    """
    checked = dict(config)
    for key in ("epochs", "network", "mnist_dir"):
        if checked.get(key) in ("null", "none", "None", ""):  # what `--config epochs=null` arrives as
            checked[key] = None
    if isinstance(checked.get("seeds"), list):  # items of a list on the command line arrive as texts
        checked["seeds"] = [int(s) if isinstance(s, str) and _SEED.fullmatch(s) else s for s in checked["seeds"]]
    validate(checked, "config.schema.yaml", "config")
    if isinstance(checked["seeds"], int):
        checked["seeds"] = list(range(checked["seeds"]))
    return checked


def load_run(config: Mapping[str, Any]) -> Run:
    """The run a checked configuration asks for: its study with the network and epochs of the configuration.

    Raises:
        ConfigError: unknown study, or a wrong key in its file.
    """
    study, network = config["study"], config["network"]
    content = read_study(study)
    overrides = {key: config[key] for key in ("network", "epochs") if config[key] is not None}
    renamed = network is not None and network != content["network"]
    where = f"config/studies/{study}.yaml"
    name = f"{study}-{network}" if renamed else study
    if renamed and _is_study(name):
        raise ConfigError(
            f"config: key 'network': found '{network}', which puts the results of {study} where those of the study "
            f"{name} belong; rename config/studies/{name}.yaml, or leave network at null."
        )
    return Run(
        name=name,
        conditions={
            name: _resolve(content, own, overrides, f"{where}: conditions.{name}")
            for name, own in content["conditions"].items()
        },
        galleries=tuple(content["galleries"]),
        published=None if renamed else content.get("published"),
        readme=[] if renamed else content.get("readme", []),
    )


def load_named_run(config: Mapping[str, Any], name: str) -> Run:
    """The run whose name stands in paths as {study}: the configured one, or another study as its file has it.

    Raises:
        ConfigError: as `load_run`.
    """
    run = load_run(config)
    return run if run.name == name else load_run({**config, "study": name, "network": None})


def read_study(name: str) -> dict[str, Any]:
    """A study file's content, validated against the schema.

    Raises:
        ConfigError: no such file, not YAML, or a wrong key.
    """
    path = STUDIES / f"{name}.yaml"
    if not _is_study(name):
        known = ", ".join(sorted(p.stem for p in STUDIES.glob("*.yaml"))) or "none"
        raise ConfigError(f"config: key 'study': found '{name}', but there is no {path}. Studies at hand: {known}.")
    content: dict[str, Any] = read_yaml(path)
    validate(content, "study.schema.yaml", str(path))
    named = {"galleries": content["galleries"]}
    if "published" in content:
        named["published.conditions"] = content["published"]["conditions"]
    for key, names in named.items():
        unknown = [name for name in names if name not in content["conditions"]]
        if unknown:
            known = ", ".join(content["conditions"])
            raise ConfigError(f"{path}: key '{key}': found '{unknown[0]}'; expected conditions of this study: {known}.")
    return content


def _is_study(name: str) -> bool:
    try:
        return (STUDIES / f"{name}.yaml").is_file()
    except OSError:  # such as a name too long for a file
        return False


def published_studies() -> list[str]:
    """Sorted names of the studies that have a `published` block; their files are read, not validated.

    Raises:
        ConfigError: a study file is not readable as YAML.
    """
    contents = {path.stem: read_yaml(path) for path in STUDIES.glob("*.yaml")}
    return sorted(name for name, content in contents.items() if isinstance(content, Mapping) and "published" in content)


def resolved_settings(run: Run) -> dict[str, dict[str, str]]:
    """As text, for the report's overview: `shared`, what all conditions have in common, and what is `own` to each."""
    first = next(iter(run.conditions.values()))
    conditions: dict[str, dict[str, Any]] = {name: dict(condition) for name, condition in run.conditions.items()}
    shared = {key: value for key, value in first.items() if all(c[key] == value for c in conditions.values())}
    own = {name: {k: v for k, v in c.items() if k not in shared} for name, c in conditions.items()}
    return {
        "shared": {key: _as_text(value) for key, value in shared.items()},
        "own": {name: _as_text(settings) for name, settings in own.items()},
    }


def _as_text(value: Any) -> str:
    """Nested settings in one line: `rotation (degrees 7, fill 1)`."""
    if isinstance(value, Mapping):
        inner = ((key, _as_text(v), isinstance(v, Mapping | list)) for key, v in value.items())
        return ", ".join(f"{key} ({text})" if nested else f"{key} {text}" for key, text, nested in inner)
    if isinstance(value, list):
        return ", then ".join(_as_text(item) for item in value) or "none"
    return str(value)


def _resolve(study: Mapping[str, Any], own: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> Condition:
    """The study's defaults, then the condition's own settings, then the configuration's."""
    settings = {key: study[key] for key in study if key not in ("conditions", "galleries")}
    for key, value in own.items():
        settings[key] = {**settings[key], **value} if key in _MERGED else value
    settings |= overrides
    missing = [key for key in ("lr", "momentum", "nesterov") if key not in settings["optimizer"]]
    if missing:
        raise ConfigError(f"{where}: key 'optimizer.{missing[0]}' is missing; set it here or in the study's optimizer.")
    settings["lambdas"] = _resolve_lambdas(settings["penalty"], settings["lambdas"], where)
    if not NORMS[settings["norm"]].splits:
        settings["num_splits"] = 1  # not used; a change of the study's splits must not retrain these conditions
    _check_splits(settings["batch_size"], settings["num_splits"], where)
    resolved: Condition = {key: settings[key] for key in Condition.__annotations__}  # type: ignore[assignment]
    return resolved


def _resolve_lambdas(penalty: str, lambdas: Mapping[str, float], where: str) -> dict[str, float]:
    groups = PENALTIES[penalty].lambdas
    named = {key for group in groups for key in group}
    resolved = {key: float(lambdas.get(key, 0.0)) if key in named else 0.0 for key in LAMBDAS}
    for group in groups:
        used = [key for key in group if resolved[key]]
        if len(used) > 1:
            one, other = used[:2]
            raise ConfigError(
                f"{where}: found both lambdas.{one} and lambdas.{other}; {other} stands in for {one}, set one."
            )
        if not lambdas.keys() & set(group):
            raise ConfigError(f"{where}: penalty {penalty} needs lambdas.{' or lambdas.'.join(sorted(group))}.")
    return resolved


def _check_splits(batch_size: int, num_splits: int, where: str) -> None:
    if batch_size % num_splits:
        raise ConfigError(f"{where}: batch_size {batch_size} is not divisible by num_splits {num_splits}.")
    if batch_size // num_splits < 2:
        raise ConfigError(
            f"{where}: batch_size {batch_size} over num_splits {num_splits} leaves ghost batches of "
            f"{batch_size // num_splits} image; expected 2 or more."
        )
