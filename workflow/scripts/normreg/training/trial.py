"""Tries networks in Python before anything is trained: python -m normreg.training.trial, see `workflow.trials`.

Snakemake's own process loads no PyTorch, and the code of a network could end it. So this is a process of its own. It
gets the trials as JSON in its argument, and prints JSON.
"""

import json
import os
import sys
from typing import Any

import torch

from normreg.config.condition import Condition
from normreg.errors import NormregError
from normreg.models import python_file
from normreg.models.description import DataShape, PythonNetwork
from normreg.training import objective


def facts_of(network: PythonNetwork, condition: Condition, data: DataShape) -> dict[str, Any]:
    """What only the code of a network can tell. Builds the network as training does.

    `parameters` are the elements of all parameters. `left_out` has the elements of each parameter that is out of the
    penalty's scope, though it is no bias and of no norm. `dropout_read` is whether the network reads the dropout.

    Raises:
        ConfigError: see `python_file.build` and `objective.scoped_parameters`.
    """
    torch.manual_seed(0)
    settings = condition["norm"], condition["num_splits"], condition["dropout"]
    model, dropout_read = python_file.build(network, *settings, data)
    _, outside = objective.scoped_parameters(model, condition["penalty_scope"])
    out, roles = {id(parameter) for parameter in outside}, objective.roles(model)
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    other = [n for n, p in model.named_parameters() if id(p) in out and roles[n] == objective.OTHER]
    left_out = {name: sizes[name] for name in other}
    return {"parameters": sum(sizes.values()), "left_out": left_out, "dropout_read": dropout_read}


def main(trials: list[dict[str, Any]]) -> Any:
    """The facts of each trial, or the first error."""
    try:
        return [
            facts_of(PythonNetwork(**trial["network"]), trial["condition"], DataShape(*trial["data"]))
            for trial in trials
        ]
    except NormregError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    answer = os.dup(1)
    os.dup2(2, 1)  # what the network's code prints is no part of the answer
    os.write(answer, json.dumps(main(json.loads(sys.argv[1]))).encode())
