"""What a person should know of networks before anything is trained: code that fails, and settings without effect."""

import importlib.util
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from normreg.config import networks
from normreg.config.condition import Condition
from normreg.engines import select
from normreg.errors import ConfigError
from normreg.models.description import DataShape, Dropout, PythonNetwork
from normreg.workflow.internals import interpreter
from normreg.workflow.study import Study

_SCRIPTS = Path(__file__).resolve().parents[2]
_NAMED = 3  # names in a sentence


def remarks(conditions: Mapping[str, Condition], data: DataShape) -> list[str]:
    """Sentences on settings of conditions that have no effect. Networks in Python are tried, see `training.trial`.

    Raises:
        ConfigError: a network in Python cannot be trained under one of the conditions.
    """
    kinds: dict[tuple[str, str, str, bool], list[str]] = {}  # conditions of one kind get the same answers
    for name, one in conditions.items():
        kinds.setdefault((one["network"], one["norm"], one["penalty_scope"], one["dropout"] > 0), []).append(name)
    coded = [kind for kind in kinds if isinstance(networks.find(kind[0]), PythonNetwork)]
    facts = dict(zip(coded, _try([conditions[kinds[kind][0]] for kind in coded], data), strict=True))
    later = "is tried when its training starts, because PyTorch is not installed here."
    said = [f"network {kind[0]}: {later}" for kind in coded if facts[kind] is None]
    unread: dict[str, list[str]] = {}
    for kind, names in kinds.items():
        network, _, scope, drops = kind
        if drops and not _reads_dropout(network, facts.get(kind)):
            unread.setdefault(network, []).extend(names)
        penalised = any(any(conditions[name]["lambdas"].values()) for name in names)
        if penalised and (found := facts.get(kind)) and found["left_out"]:
            said.append(_say_left_out(network, scope, found))
    return [*dict.fromkeys(said), *(_say_unread(network, names) for network, names in unread.items())]


def engine_remarks(study: Study) -> list[str]:
    """What a person should know of the engines of a study that the numba engine can train in part only."""
    if study.wanted_engine != "numba" and not study.engine.reason:
        return []
    left = select.not_in_numba(study.run.conditions, study.data_facts)
    if not 0 < len(left) < len(study.run.conditions):
        return []
    said = f"the numba engine cannot train {_some(list(left))} ({next(iter(left.values()))}), so PyTorch trains"
    if study.wanted_engine == "numba":
        return [f"engine numba: {said} what it cannot. A difference between runs of two engines is not judged."]
    return [f"engine auto: {said} all conditions. With engine=numba it trains only what numba cannot."]


def _reads_dropout(name: str, facts: Mapping[str, Any] | None) -> bool:
    """Whether a network reads the dropout, as far as that is known."""
    network = networks.find(name)
    if isinstance(network, PythonNetwork):
        return facts is None or bool(facts["dropout_read"])
    return networks.has(Dropout, network.layers)


def _say_left_out(network: str, scope: str, facts: Mapping[str, Any]) -> str:
    """The parameters that a scope leaves out, besides biases and norms."""
    left_out: Mapping[str, int] = facts["left_out"]
    return (
        f"network {network}: besides biases and norms, penalty_scope {scope} leaves out {sum(left_out.values()):,} of "
        f"{facts['parameters']:,} parameters: {_some(list(left_out))}."
    )


def _say_unread(network: str, names: Sequence[str]) -> str:
    many = "conditions" if len(names) > 1 else "condition"
    return f"network {network}: nothing in it reads `dropout`, so that of {many} {_some(names)} has no effect."


def _some(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _try(conditions: Sequence[Condition], data: DataShape) -> list[dict[str, Any] | None]:
    """`trial.facts_of` the networks in Python of conditions, from a process of its own. None without PyTorch."""
    if not conditions or importlib.util.find_spec("torch") is None:
        return [None] * len(conditions)
    found = {one["network"]: vars(networks.find(one["network"])) for one in conditions}
    trials = [{"network": found[one["network"]], "condition": one, "data": data} for one in conditions]
    path = os.pathsep.join(filter(None, (str(_SCRIPTS), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [interpreter(), "-P", "-m", "normreg.training.trial", json.dumps(trials)],
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1][:300]
        files = ", ".join(network["path"] for network in found.values())
        raise ConfigError(
            f"{files}: Python ended with status {done.returncode} when it tried this network. Its last line: {last}"
        ) from None
    if isinstance(answer, dict):
        raise ConfigError(answer["error"])
    return list(answer)
