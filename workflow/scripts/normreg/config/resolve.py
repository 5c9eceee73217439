"""Fills in every setting of a condition, and refuses settings that contradict each other."""

from collections.abc import Mapping
from typing import Any

from normreg.config.condition import Condition
from normreg.config.factors import PENALTIES
from normreg.errors import ConfigError
from normreg.models.description import NORM_COUNTS
from normreg.settings.kinds import settle
from normreg.settings.table import KINDS, LARGEST_BETA, SETTINGS


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
    given = {key: study[key] for key in study if key in KINDS}
    for key, value in own.items():
        given[key] = KINDS[key].merge(given.get(key, {}), value)
    given |= overrides
    for norm, count in NORM_COUNTS.items():
        if given["norm"] != norm:
            given[count] = 1  # not used: otherwise a change of the study's splits would retrain these conditions
        elif count not in given:
            raise ConfigError(f"{where}: norm {norm} needs {count}; set it here or in the study.")
    if study.get("validation") != "holdout":
        given["holdout_images"] = 0
    try:
        given["lambdas"] = _used_lambdas(given["penalty"], given["lambdas"])
        resolved: Condition = settle(SETTINGS, given)  # type: ignore[assignment]
        for check in (_check_splits, _check_cosine, _check_nesterov, _check_cycle):
            check(resolved)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    return resolved


def _used_lambdas(penalty: str, lambdas: Mapping[str, float]) -> dict[str, float]:
    """The lambdas that a penalty uses. All others are 0, so that a change of them retrains nothing."""
    groups = PENALTIES[penalty].lambdas
    for group in groups:
        used = [key for key in group if lambdas.get(key)]
        if len(used) > 1:
            one, other = used[:2]
            raise ConfigError(f"found both lambdas.{one} and lambdas.{other}; {other} stands in for {one}, set one.")
        if not lambdas.keys() & set(group):
            raise ConfigError(f"penalty {penalty} needs lambdas.{' or lambdas.'.join(sorted(group))}.")
    return {key: lambdas[key] for group in groups for key in group if key in lambdas}


def _check_splits(condition: Condition) -> None:
    batch_size, splits = condition["batch_size"], condition["num_splits"]
    if batch_size % splits:
        raise ConfigError(f"batch_size {batch_size} is not divisible by num_splits {splits}.")
    if batch_size // splits < 2:
        raise ConfigError(
            f"batch_size {batch_size} over num_splits {splits} leaves ghost batches of {batch_size // splits} image; "
            "expected 2 or more."
        )


def _check_cosine(condition: Condition) -> None:
    """Refuses a warm-up that leaves no epoch for the cosine, and a lowest rate above the highest."""
    cosine = condition["schedule"].get("cosine")
    if cosine is None:
        return
    warm_up, epochs, lr = cosine["warmup_epochs"], condition["epochs"], condition["optimizer"]["lr"]
    if warm_up >= epochs:
        raise ConfigError(
            f"found schedule.cosine.warmup_epochs {warm_up} with epochs {epochs}; expected fewer epochs of warm-up "
            "than epochs."
        )
    if cosine["min_lr"] > lr:
        raise ConfigError(
            f"found schedule.cosine.min_lr {cosine['min_lr']:g} with optimizer.lr {lr:g}; expected at most that rate."
        )


def _check_nesterov(condition: Condition) -> None:
    """Refuses nesterov without momentum.

    PyTorch's SGD checks the momentum when it is made, even if onecycle then sets another one. PyTorch does not check
    the two momenta of onecycle. If one of them is 0, nesterov still has an effect. If both are 0, it has none.
    """
    optimizer, cycle = condition["optimizer"], condition["schedule"].get("onecycle")
    if not optimizer.get("nesterov"):
        return
    if not optimizer["momentum"]:
        raise ConfigError(
            "found optimizer.nesterov true with optimizer.momentum 0; expected a momentum above 0 (PyTorch wants it "
            "under every schedule), or nesterov false."
        )
    if cycle and not cycle["base_momentum"] and not cycle["max_momentum"]:
        raise ConfigError(
            "found optimizer.nesterov true with schedule.onecycle.base_momentum 0 and max_momentum 0; expected one of "
            "the two above 0, or nesterov false."
        )


def _check_cycle(condition: Condition) -> None:
    """Refuses momenta of onecycle above the bound of beta1, which it sets."""
    cycle, optimizer = condition["schedule"].get("onecycle", {}), condition["optimizer"]
    for key in ("base_momentum", "max_momentum"):
        if "beta1" in optimizer and cycle.get(key, 0) > LARGEST_BETA:
            raise ConfigError(
                f"found schedule.onecycle.{key} {cycle[key]:g}, which sets beta1 of {optimizer['name']}; expected at "
                f"most {LARGEST_BETA}."
            )
