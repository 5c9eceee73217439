"""Reads and validates the configuration and the study files, and resolves every condition."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from normreg.config import folders, networks, study_files, sweeps
from normreg.config.condition import Condition
from normreg.config.expand import Expanded
from normreg.config.factors import signature, trained
from normreg.config.resolve import resolve
from normreg.config.schema import read_yaml, validate
from normreg.config.sweeps import Sweep
from normreg.errors import ConfigError

MARGIN_IMAGES = 5  # the largest difference that counts as none, if a study does not say
# The margin of each quantity, for a share of images that it may concern: points; nats and shares.
_PER_SHARE = dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "top5_accuracy"), 100) | dict.fromkeys(
    ("loss", "calibration_error", "brier_score"), 2
)
JUDGED = ("accuracy", "loss")  # if a study does not say
CONFIRM = "-confirm"  # the end of the name of a confirmation
_SEED = re.compile("[0-9]{1,6}")
_NUMBERS = ("seeds", "epochs", "jobs_per_gpu")
_REPORT = "report"  # the Snakefile adds this key for the report
# Keys of the configuration that change what a study trains. Each adds a text to the run's name, in this order.
SUFFIXES = {"network": "-{}", "epochs": "-e{}"}
_EPOCHS = re.compile("(.+)-e([1-9][0-9]{0,3}|10000)")


@dataclass(frozen=True)
class Run:
    """One study as it will be executed.

    `name` is the folder under results/{dataset}/. It tells study, network and epochs, see `load_run`. `conditions` are
    those `declared` in the study file, with the combinations of the factors that are `crossed`, and those that its
    `sweeps` generate. Others are compared with the `reference`. `published` is the study's block of published results,
    `readme` the differences between its README and its code. A study without such a block has None and []. So has a
    renamed run, because it trains something else than the study. `margin` is the largest difference that counts as
    none, by quantity, where the study says it, and `baseline_error` the error in % from which the others follow, see
    `margin_of`. The quantities of `judge` get verdicts. `planned_seeds` is the number of seeds that was decided before
    looking, or None, and `looks` are the numbers of seeds at which verdicts are looked at, or ().
    `target_accuracy` is the accuracy in percent of which the first epoch is told, or None. `confirms` is the name of
    the run whose chosen conditions this run trains again with new seeds, or empty.
    """

    name: str
    study: str  # the name of its file
    conditions: dict[str, Condition]
    declared: tuple[str, ...]
    reference: str
    crossed: Mapping[str, Any]
    sweeps: tuple[Sweep, ...]
    galleries: tuple[str, ...]
    published: dict[str, Any] | None
    readme: list[dict[str, Any]]
    margin: Mapping[str, float]
    baseline_error: float | None
    judge: tuple[str, ...]
    planned_seeds: int | None
    target_accuracy: float | None
    looks: tuple[int, ...]
    confirms: str = ""


def fill_in(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the defaults of the keys that it lacks.

    A workflow that imports this one gives only what differs. If it imports rules one by one, Snakemake reads the
    Snakefile again with the same configuration, so what the first time added is taken out.

    Raises:
        ConfigError: the file of the defaults is not readable.
    """
    path = folders.PROJECT / "config/config.yaml"
    defaults = read_yaml(path, strict=False)
    if not isinstance(defaults, Mapping):
        raise ConfigError(f"{path}: found {defaults!r}; expected keys such as `dataset: mnist`.")
    given = {key: value for key, value in config.items() if key != _REPORT}
    if Path.cwd().resolve() != folders.PROJECT:
        given |= {key: _as_number(given[key]) for key in _NUMBERS if key in given}
    return {**defaults, **given}


def _as_number(value: Any) -> Any:
    """A number. Snakemake gives it as a text if it stands in a section: --config 'normreg={seeds: 2}'."""
    return int(value) if isinstance(value, str) and _SEED.fullmatch(value) else value


def check_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with `seeds` as a list. Texts from the command line are converted.

    Raises:
        ConfigError: a value is wrong. The message names the key, what was found and what is allowed.
    """
    checked = dict(config)
    for key in ("epochs", "network", "mnist_dir"):
        if checked.get(key) in ("null", "none", "None", ""):  # the value of `--config epochs=null` is a text
            checked[key] = None
    if isinstance(checked.get("seeds"), list):  # from the command line, the items of a list are texts
        checked["seeds"] = [int(s) if isinstance(s, str) and _SEED.fullmatch(s) else s for s in checked["seeds"]]
    validate(checked, "config.schema.yaml", "config", elsewhere=study_files.elsewhere)
    if isinstance(checked["seeds"], int):
        checked["seeds"] = list(range(checked["seeds"]))
    return checked


def load_run(config: Mapping[str, Any]) -> Run:
    """The run of a checked configuration: the study with the network and epochs of the configuration.

    Its name is `{study}[-{network}][-e{epochs}]`. A suffix is there only if its key changes some condition. So a run
    with other settings never uses the study's own folder.

    Raises:
        ConfigError: the study is unknown, its file has a wrong key, or the name belongs to another study.
    """
    study = config["study"]
    content = study_files.read(study)
    expanded = Expanded(content, str(study_files.path_of(study)))
    overrides = {key: config[key] for key in SUFFIXES if config[key] is not None}
    if "network" in overrides:
        _check_network(overrides["network"], "config")
    plain, conditions = (_resolve_all(study, content, expanded, each) for each in ({}, overrides))
    for network in dict.fromkeys(_column("network", plain)):
        _check_network(network, str(study_files.path_of(study)))
    sweeps.check_distinct(expanded.sweeps, conditions)
    _check_crossed(content, conditions, str(study_files.path_of(study)))
    changed = [key for key in overrides if _column(key, plain) != _column(key, conditions)]
    return Run(
        name=_name(study, {key: overrides[key] for key in changed}),
        study=study,
        conditions=conditions,
        declared=tuple(content["conditions"]),
        reference=content.get("reference", next(iter(content["conditions"]))),
        crossed=content.get("factors", {}),
        sweeps=expanded.sweeps,
        galleries=tuple(content["galleries"]),
        published=None if changed else content.get("published"),
        readme=[] if changed else content.get("readme", []),
        margin=content.get("margin", {}),
        baseline_error=content.get("baseline_error"),
        judge=tuple(content.get("judge", JUDGED)),
        planned_seeds=None if "looks" in content else content.get("planned_seeds"),
        looks=_looks(content, str(study_files.path_of(study))),
        target_accuracy=content.get("target_accuracy"),
    )


def margin_of(run: Run, images: int) -> dict[str, float]:
    """The largest difference that counts as none, of each quantity.

    If the study does not say, it follows from `MARGIN_IMAGES` of so many test images, or from a tenth of the study's
    `baseline_error`: as points, or twice the share in nats and shares, which is 0.001 of 10,000 images.
    """
    share = MARGIN_IMAGES / images if run.baseline_error is None else run.baseline_error / 1000
    return {name: float(f"{unit * share:.3g}") for name, unit in _PER_SHARE.items()} | dict(run.margin)


def _looks(content: Mapping[str, Any], path: str) -> tuple[int, ...]:
    """The numbers of seeds of a study's looks.

    Raises:
        ConfigError: they do not rise, or do not fit the study.
    """
    looks = content.get("looks", [])
    if looks != sorted(looks):
        raise ConfigError(f"{path}: key 'looks': found {looks}; expected rising numbers of seeds, such as [3, 5, 10].")
    if looks and "sweeps" in content:
        raise ConfigError(f"{path}: keys 'looks' and 'sweeps' exclude each other; leave one of them out.")
    return tuple(looks)


def load_named_run(name: str) -> Run:
    """The run that paths name as {study}. The name alone decides, without the configuration.

    A confirmation has all conditions of the run that it confirms, see `only`.

    Raises:
        ConfigError: see `load_run`; or no study gives a run of this name.
    """
    if name.endswith(CONFIRM) and not study_files.exists(name):
        confirmed = load_named_run(name.removesuffix(CONFIRM))
        return replace(confirmed, name=name, published=None, readme=[], confirms=confirmed.name)
    for study, network, epochs in _readings(name):
        if study_files.exists(study):
            run = load_run({"study": study, "network": network, "epochs": epochs})
            if run.name == name:
                return run
            break
    return load_run({"study": name, "network": None, "epochs": None})  # raises: there is no such study


def check_name(run: Run, other: Run) -> None:
    """Checks that the name of a run tells which run it is. Rules have only the name.

    Raises:
        ConfigError: `other`, which `load_named_run` finds under this name, is another study with another network.
    """
    if (other.study, other.conditions) != (run.study, run.conditions):
        raise ConfigError(
            f"config: key 'network': with it the results of study {run.study} would be called {run.name}, which means "
            f"another run of study {other.study}; rename the file of the network."
        )


def only(run: Run, conditions: Sequence[str]) -> Run:
    """The run with these conditions alone, and without sweeps. If none has a gallery, the first one gets it.

    Raises:
        ConfigError: the run has no such condition.
    """
    unknown = [name for name in conditions if name not in run.conditions]
    if unknown:
        raise ConfigError(f"run {run.name}: it has no condition '{unknown[0]}'. Run the study again without `confirm`.")
    galleries = tuple(name for name in run.galleries if name in conditions) or tuple(conditions[:1])
    kept = {name: run.conditions[name] for name in conditions}
    reference = run.reference if run.reference in kept else conditions[0]
    return replace(run, conditions=kept, declared=tuple(kept), reference=reference, sweeps=(), galleries=galleries)


def _resolve_all(
    study: str, content: Mapping[str, Any], expanded: Expanded, overrides: Mapping[str, Any]
) -> dict[str, Condition]:
    where = f"{study_files.path_of(study)}: conditions"
    return {name: resolve(content, own, overrides, f"{where}.{name}") for name, own in expanded.own.items()}


def _check_crossed(content: Mapping[str, Any], conditions: Mapping[str, Condition], path: str) -> None:
    """Refuses factors of which two combinations train the same, such as the ghost batches of batch norm."""
    seen: dict[str, str] = {}
    for name in study_files.combinations(content["factors"], path) if "factors" in content else ():
        other = seen.setdefault(signature(trained(conditions[name])), name)
        if other != name:
            raise ConfigError(
                f"{path}: key 'factors': {other} and {name} would train the same, because a setting has no effect in "
                "one of them, or --config replaces it; leave that factor out, or make the rest conditions."
            )


def _check_network(name: str, where: str) -> None:
    """Checks that there is such a network."""
    try:
        networks.find(name)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}" if str(error).startswith("key") else str(error)) from None


def _column(key: str, conditions: Mapping[str, Condition]) -> list[Any]:
    return [dict(condition)[key] for condition in conditions.values()]


def _name(study: str, changed: Mapping[str, Any]) -> str:
    """The run's name. Its beginning must not be the name of another study, which could give a run of the same name."""
    name = study
    for key, value in changed.items():
        name += SUFFIXES[key].format(value)
        if study_files.exists(name):
            raise ConfigError(
                f"config: key '{key}': found {value!r}, which puts the results of {study} where those of the study "
                f"{name} belong; rename {study_files.path_of(name)}, or leave {key} at null."
            )
    return name


def _readings(name: str) -> Iterator[tuple[str, str | None, int | None]]:
    """All study, network and epochs that a name may consist of. `check_name` refuses a name of two meanings."""
    yield name, None, None
    found = _EPOCHS.fullmatch(name)
    base, epochs = (found[1], int(found[2])) if found else (name, None)
    if found:
        yield base, None, epochs
    for network in networks.names():
        if base.endswith(f"-{network}"):
            yield base.removesuffix(f"-{network}"), network, epochs


def named_by_people(run: Run) -> list[str]:
    """The declared conditions that the study file names. The names of all others follow from their settings."""
    made = study_files.combinations(run.crossed, run.study) if run.crossed else {}
    return [name for name in run.declared if name not in made]


def resolved_settings(run: Run) -> dict[str, dict[str, str]]:
    """The settings as texts for the report's overview. `shared` are those of all conditions, `own` those of each."""
    first = next(iter(run.conditions.values()))
    conditions: dict[str, dict[str, Any]] = {name: dict(condition) for name, condition in run.conditions.items()}
    shared = {key: value for key, value in first.items() if all(c[key] == value for c in conditions.values())}
    own = {name: {k: v for k, v in c.items() if k not in shared} for name, c in conditions.items()}
    return {
        "shared": {key: _as_text(value) for key, value in shared.items()},
        "own": {name: _as_text(settings) for name, settings in own.items()},
    }


def _as_text(value: Any) -> str:
    """Nested settings in one line, such as `rotation (degrees 7, fill 1)`."""
    if isinstance(value, Mapping):
        inner = ((key, _as_text(v), isinstance(v, Mapping | list)) for key, v in value.items())
        return ", ".join(f"{key} ({text})" if nested else f"{key} {text}" for key, text, nested in inner)
    if isinstance(value, list):
        return ", then ".join(_as_text(item) for item in value) or "none"
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
