"""Fills in every setting of a condition, and refuses settings that contradict each other."""

from collections.abc import Mapping
from typing import Any

from normreg.config.condition import Condition
from normreg.config.factors import LAMBDAS, NORMS, PENALTIES
from normreg.errors import ConfigError

MERGED = ("optimizer", "lambdas")  # a condition overrides these key by key, and replaces other settings as a whole
_DEFAULTS: Mapping[str, Any] = {
    "train_images": "all",
    "validation": "test",
    "holdout_images": 5000,
    "validate_every": 1,
}
# The defaults of PyTorch's OneCycleLR. A test compares them. They are filled in so that a condition stays the same if
# a study file writes a default out.
ONECYCLE_DEFAULTS: Mapping[str, float] = {
    "pct_start": 0.3,
    "div_factor": 25.0,
    "final_div_factor": 1e4,
    "base_momentum": 0.85,
    "max_momentum": 0.95,
}


def resolve(study: Mapping[str, Any], own: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> Condition:
    """A condition with all its settings: the study's, replaced by the condition's own, replaced by the configuration's.

    Args:
        study: the validated content of a study file.
        own: the condition's entry in it.
        overrides: keys of the configuration that replace the same keys of every condition.
        where: the file and the condition, for messages.

    Raises:
        ConfigError: a setting is missing, or two contradict each other.
    """
    settings = {**_DEFAULTS, **{key: study[key] for key in study if key not in ("conditions", "galleries")}}
    for key, value in own.items():
        settings[key] = {**settings[key], **value} if key in MERGED else value
    settings |= overrides
    missing = [key for key in ("lr", "momentum", "nesterov") if key not in settings["optimizer"]]
    if missing:
        raise ConfigError(f"{where}: key 'optimizer.{missing[0]}' is missing; set it here or in the study's optimizer.")
    settings["schedule"] = _resolve_schedule(settings["schedule"])
    _check_nesterov(settings["optimizer"], settings["schedule"], where)
    settings["lambdas"] = _resolve_lambdas(settings["penalty"], settings["lambdas"], where)
    if not NORMS[settings["norm"]].splits:
        settings["num_splits"] = 1  # not used: otherwise a change of the study's splits would retrain these conditions
    _check_splits(settings["batch_size"], settings["num_splits"], where)
    if settings["train_images"] == "all":
        settings["train_images"] = None
    if settings["validation"] == "test":
        settings["holdout_images"] = 0
    resolved: Condition = {key: settings[key] for key in Condition.__annotations__}  # type: ignore[assignment]
    return resolved


def _resolve_schedule(schedule: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The schedule. Onecycle gets all arguments as floats in one order, so that Snakemake sees equal schedules."""
    ((kind, arguments),) = schedule.items()
    if kind != "onecycle":
        return {kind: dict(arguments)}
    filled = {**ONECYCLE_DEFAULTS, **arguments}
    return {kind: {key: float(filled[key]) for key in ("max_lr", *ONECYCLE_DEFAULTS)}}


def _check_nesterov(optimizer: Mapping[str, Any], schedule: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Refuses nesterov without momentum.

    PyTorch's SGD checks the momentum when it is made, even if onecycle then sets another one. PyTorch does not check
    the two momenta of onecycle. If one of them is 0, nesterov still has an effect. If both are 0, it has none.
    """
    if not optimizer["nesterov"]:
        return
    if not optimizer["momentum"]:
        raise ConfigError(
            f"{where}: found optimizer.nesterov true with optimizer.momentum 0; expected a momentum above 0 (PyTorch "
            "wants it under every schedule), or nesterov false."
        )
    cycle = schedule.get("onecycle")
    if cycle and not cycle["base_momentum"] and not cycle["max_momentum"]:
        raise ConfigError(
            f"{where}: found optimizer.nesterov true with schedule.onecycle.base_momentum 0 and max_momentum 0; "
            "expected one of the two above 0, or nesterov false."
        )


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
