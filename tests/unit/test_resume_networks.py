"""Networks in Python, whatever they hold: a run that stopped ends with the bits of one that did not."""

from dataclasses import replace

import pytest
import torch

from normreg.engines.pytorch import TorchTrainer
from normreg.errors import OrphanedError
from normreg.training import loop
from normreg.training.state import StateFile

CPU = torch.device("cpu")
BODY = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.head = nn.Linear(784, 10)
        {init}

    def forward(self, x):
        x = self.norm(x).flatten(1)
        {forward}
        return self.head(x)

def build(spec):
    return Net(spec)
"""
# What a network does in __init__ and in forward.
RESUMED = {
    "a layer that is not used": ("self.unused = nn.Linear(3, 3)", ""),
    "a frozen layer": ("self.frozen = nn.Linear(784, 784).requires_grad_(False)", "x = self.frozen(x)"),
}


class Ends:
    """A starter that ends during the next epoch."""

    looks = 0

    def gone(self):
        self.looks += 1
        return self.looks == 2


@pytest.fixture
def train(tmp_path, monkeypatch, condition, blobs):
    """A function that trains four epochs of a network, or stops after the next one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config/networks").mkdir(parents=True)

    def run(name, parts, stop=False, **changes):
        init, forward = parts
        (tmp_path / "config/networks/mine.py").write_text(BODY.format(init=init, forward=forward))
        trainer = TorchTrainer(condition(network="mine", epochs=4, lambdas={"l1": 1e-3}, **changes), 0, blobs, CPU)
        history = loop.train(trainer, "x", StateFile(tmp_path / f"{name}.pt", {}), Ends() if stop else None)
        weights = {key: value.numpy().tobytes() for key, value in trainer.model.state_dict().items()}
        return weights, [replace(row, seconds=0.0) for row in history]

    return run


@pytest.mark.parametrize("scope", ["all", "weights"])
@pytest.mark.parametrize("parts", RESUMED.values(), ids=RESUMED)
def test_a_run_that_stopped_ends_with_the_bits_of_one_that_did_not(train, caplog, parts, scope):
    caplog.set_level("INFO")
    whole = train("whole", parts, penalty_scope=scope)
    for _ in range(2):
        with pytest.raises(OrphanedError):
            train("stopped", parts, stop=True, penalty_scope=scope)
    assert train("stopped", parts, penalty_scope=scope) == whole
    assert [line for line in caplog.messages if "goes on" in line] == [
        "x: goes on after epoch 1 of 4",
        "x: goes on after epoch 2 of 4",
    ]
