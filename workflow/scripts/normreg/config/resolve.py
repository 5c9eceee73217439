"""Fills in every setting of a condition, and refuses settings that contradict each other."""

from collections.abc import Mapping
from typing import Any

from normreg.config import optimizers
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
        settings[key] = merge(key, settings.get(key), value)
    settings |= overrides
    settings["schedule"] = _resolve_schedule(settings["schedule"])
    settings["optimizer"] = optimizers.resolve(settings["optimizer"], settings["schedule"], where)
    _check_cosine(settings, where)
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


def merge(key: str, above: Any, own: Any) -> Any:
    """The value of a setting that `own` overrides: key by key, or as a whole. See `MERGED` and `optimizers.merge`."""
    if key == "optimizer":
        return optimizers.merge(above, own)
    return {**above, **own} if key in MERGED else own


def _resolve_schedule(schedule: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The schedule. Left-out arguments are filled in, all in one order, so that Snakemake sees equal schedules."""
    ((kind, arguments),) = schedule.items()
    if kind == "cosine":
        return {kind: {"warmup_epochs": arguments.get("warmup_epochs", 0), "min_lr": float(arguments.get("min_lr", 0))}}
    if kind != "onecycle":
        return {kind: dict(arguments)}
    filled = {**ONECYCLE_DEFAULTS, **arguments}
    return {kind: {key: float(filled[key]) for key in ("max_lr", *ONECYCLE_DEFAULTS)}}


def _check_cosine(settings: Mapping[str, Any], where: str) -> None:
    """Refuses a warm-up that leaves no epoch for the cosine, and a lowest rate above the highest."""
    cosine, lr = settings["schedule"].get("cosine"), settings["optimizer"]["lr"]
    if cosine is None:
        return
    if cosine["warmup_epochs"] >= settings["epochs"]:
        raise ConfigError(
            f"{where}: found schedule.cosine.warmup_epochs {cosine['warmup_epochs']} with epochs {settings['epochs']}; "
            "expected fewer epochs of warm-up than epochs."
        )
    if cosine["min_lr"] > lr:
        raise ConfigError(
            f"{where}: found schedule.cosine.min_lr {cosine['min_lr']:g} with optimizer.lr {lr:g}; expected at most "
            "that rate."
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
