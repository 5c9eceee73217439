"""The optimizers that a condition may name: the keys of each, and how its settings are filled in and checked."""

from collections.abc import Mapping
from typing import Any, cast

from normreg.config.condition import Optimizer
from normreg.errors import ConfigError

SGD, ADAMW = "sgd", "adamw"
# The keys of each optimizer. Those with None have no default. The defaults are PyTorch's, and a test compares them.
_KEYS: Mapping[str, Mapping[str, Any]] = {
    SGD: {"lr": None, "momentum": None, "nesterov": None},
    ADAMW: {"lr": None, "beta1": 0.9, "beta2": 0.999},
}
_LARGEST_BETA = 0.9999
SET_BY_ONECYCLE = ("optimizer.lr", "optimizer.momentum", "optimizer.beta1")  # so these have no effect with onecycle


def name_of(optimizer: Mapping[str, Any]) -> str:
    """The optimizer that a block names. A block without a name is SGD, as in all results from before there were two."""
    return str(optimizer.get("name", SGD))


def merge(above: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `own` over those of `above`. If `own` names another optimizer, `own` alone."""
    other = "name" in own and own["name"] != name_of(above)
    return dict(own) if other else {**above, **own}


def resolve(optimizer: Mapping[str, Any], schedule: Mapping[str, Mapping[str, Any]], where: str) -> Optimizer:
    """The optimizer of a condition with all its settings. SGD has no name in it, so that its results stay the same.

    Args:
        optimizer: the merged block.
        schedule: the resolved schedule.
        where: the file and the condition, for messages.

    Raises:
        ConfigError: a key is missing, the optimizer does not have a key, or two settings contradict each other.
    """
    name = name_of(optimizer)
    known = _KEYS[name]
    strange = [key for key in optimizer if key not in known and key != "name"]
    if strange:
        raise ConfigError(
            f"{where}: found optimizer.{strange[0]}, which {name} does not have; its keys are {', '.join(known)}."
        )
    filled = {key: optimizer.get(key, default) for key, default in known.items()}
    missing = [key for key, value in filled.items() if value is None]
    if missing:
        raise ConfigError(f"{where}: key 'optimizer.{missing[0]}' is missing; set it here or in the study's optimizer.")
    if name == SGD:
        _check_nesterov(filled, schedule, where)
        return cast(Optimizer, filled)
    _check_cycle(schedule, where)
    return cast(Optimizer, {"name": name, **{key: float(value) for key, value in filled.items()}})


def _check_cycle(schedule: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Onecycle sets beta1, so its momenta have the bound that beta1 has in the schema."""
    cycle = schedule.get("onecycle", {})
    for key in ("base_momentum", "max_momentum"):
        if cycle.get(key, 0) > _LARGEST_BETA:
            raise ConfigError(
                f"{where}: found schedule.onecycle.{key} {cycle[key]:g}, which sets beta1 of adamw; expected at most "
                f"{_LARGEST_BETA}."
            )


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
