"""Networks in Python, whatever they hold: a run that stopped ends with the bits of one that did not."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from normreg.engines import select
from normreg.errors import ConfigError, OrphanedError
from normreg.training import loop
from normreg.training.state import StateFile

CPU = torch.device("cpu")
FILE = """\
import collections, itertools, random
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

calls = [0]


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
SAVED = {  # what the network does in __init__ and in forward: goes on after a kill
    "a layer that is not used": ("self.unused = nn.Linear(3, 3)", ""),
    "a layer that is used now and then": (
        "self.other = nn.Linear(784, 784)",
        "x = self.other(x) if torch.rand(()) < 0.3 else x",
    ),
    "a frozen layer": ("self.frozen = nn.Linear(784, 784).requires_grad_(False)", "x = self.frozen(x)"),
    "a layer that thaws": (
        "self.step, self.frozen = 0, nn.Linear(784, 784).requires_grad_(False)",
        "self.step += 1; x = self.frozen(x); _ = self.step == 9 and self.frozen.requires_grad_(True)",
    ),
    "lazy layers": ("self.head = nn.LazyLinear(10)", ""),
    "a lazy layer made in forward": (
        "",
        "self.more = getattr(self, 'more', None) or nn.Linear(784, 784); x = self.more(x)",
    ),
    "shared parameters": (
        "self.a = nn.Linear(784, 784); self.b = nn.Linear(784, 784); self.b.weight = self.a.weight",
        "x = self.a(x) + self.b(x)",
    ),
    "PyTorch's generator": ("", "x = x * (1 + torch.rand(()))"),
    "NumPy's generator": ("", "x = x * (1 + np.random.rand())"),
    "Python's generator": ("", "x = x * (1 + random.random())"),
    "a generator of PyTorch": (
        "self.g = torch.Generator().manual_seed(3)",
        "x = x * (1 + torch.rand((), generator=self.g))",
    ),
    "a generator of NumPy": ("self.g = np.random.default_rng(3)", "x = x * (1 + self.g.random())"),
    "a Philox generator of NumPy": (
        "self.g = np.random.Generator(np.random.Philox(3))",
        "x = x * (1 + self.g.random())",
    ),
    "an old generator of NumPy": ("self.g = np.random.RandomState(3)", "x = x * (1 + self.g.normal() ** 2)"),
    "a generator of Python": ("self.g = random.Random(3)", "x = x * (1 + self.g.gauss(0, 1) ** 2)"),
    "a buffer that is not persistent": (
        "self.register_buffer('mean', torch.zeros(784), persistent=False)",
        "self.mean = 0.9 * self.mean + x.detach().mean(0); x = x + self.mean",
    ),
    "a buffer that grows": (
        "self.register_buffer('seen', torch.zeros(0), persistent=False)",
        "self.seen = torch.cat([self.seen, x.detach().mean()[None]]); x = x + self.seen.sum()",
    ),
    "a counter": ("self.step = 0", "self.step += self.training; x = x / self.step if self.training else x"),
    "a counter that matters late": ("self.step = 0", "self.step += 1; x = x if self.step < 11 else x * 2"),
    "a tensor": ("self.mean = torch.zeros(784)", "self.mean = self.mean * 0.9 + x.mean(0).detach(); x = x + self.mean"),
    "a tensor with its graph": ("", "self.last = x.mean() * self.head.bias.sum(); x = x * 1.5"),
    "a list and a map": (
        "self.past, self.sums = [], {'x': [0.0]}",
        "self.past.append(x.mean().item()); self.sums['x'][0] += self.past[-1]; x = x + self.sums['x'][0]",
    ),
    "a list of two modules": (
        "self.past = []; self.norm.past = self.past",
        "self.past.append(len(self.norm.past)); x = x * (1 + len(self.norm.past) % 3)",
    ),
    "things that do not change": (
        "self.steps = itertools.count; self.o = SimpleNamespace(a=[1]); self.part = [self.head]; self.f = lambda x: x",
        "self.shape = x.shape; self.kind = x.dtype; x = self.f(x)",
    ),
}
LOST = {  # starts over after a kill, and says so at once
    "a global of the file": ("", "calls[0] += 1; x = x / calls[0]"),
    "a closure": ("count = itertools.count(1); self.count = lambda: next(count)", "x = x / self.count()"),
    "an iterator": ("self.cycle = itertools.cycle([1, 2, 3, 4, 5])", "x = x * next(self.cycle)"),
    "an object": ("self.held = SimpleNamespace(step=0)", "self.held.step += 1; x = x / self.held.step"),
    "an object that matters late": (
        "self.past = collections.deque(maxlen=12)",
        "self.past.append(1); x = x * 2 if len(self.past) == 12 else x",
    ),
    "an attribute of the class": ("", "Net.step = getattr(Net, 'step', 0) + 1; x = x / Net.step"),
    "generators in a list": (
        "self.g = [torch.Generator().manual_seed(3)]",
        "x = x * (1 + torch.rand((), generator=self.g[0]))",
    ),
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
        init, forward = (part or "pass" for part in parts)
        (tmp_path / "config/networks/mine.py").write_text(FILE.format(init=init, forward=forward))
        random.seed()  # as in a new process
        np.random.seed()
        torch.seed()
        chosen = condition(network="mine", epochs=4, lambdas={"l1": 1e-3}, **changes)
        trainer, _ = select.make_trainer("torch", chosen, 0, blobs, CPU, tmp_path)
        history = loop.train(trainer, "x", StateFile(tmp_path / f"{name}.pt", {}), Ends() if stop else None)
        weights = {key: value.numpy().tobytes() for key, value in trainer.model.state_dict().items()}
        return weights, [replace(row, seconds=0.0) for row in history]

    return run


def stopped_twice(train, parts, **changes):
    for _ in range(2):
        with pytest.raises(OrphanedError):
            train("stopped", parts, stop=True, **changes)
    return train("stopped", parts, **changes)


@pytest.mark.parametrize("parts", SAVED.values(), ids=SAVED)
def test_a_run_that_stopped_ends_with_the_bits_of_one_that_did_not(train, caplog, parts):
    caplog.set_level("INFO")
    whole = train("whole", parts, penalty_scope="weights")
    assert stopped_twice(train, parts, penalty_scope="weights") == whole
    assert [line for line in caplog.messages if "goes on" in line] == [
        "x: goes on after epoch 1 of 4",
        "x: goes on after epoch 2 of 4",
    ]
    assert "other numbers" not in caplog.text


@pytest.mark.parametrize("parts", LOST.values(), ids=LOST)
def test_what_cannot_be_saved_is_said_at_once_and_training_starts_over(train, caplog, parts):
    caplog.set_level("INFO")
    whole = train("whole", parts)
    assert "mine.py: trained on from a saved state, it gives other numbers" in caplog.text.partition(": epoch 1/4")[0]
    assert stopped_twice(train, parts) == whole
    assert not [line for line in caplog.messages if "goes on" in line]


@pytest.mark.parametrize(
    "parts",
    [
        ("self.register_buffer('seen', torch.zeros(0))", "self.seen = torch.cat([self.seen, x.mean().detach()[None]])"),
        ("Net.get_extra_state, Net.set_extra_state = lambda self: random.Random(), lambda self, state: None", ""),
    ],
    ids=["a persistent buffer that grows", "an extra state that is no plain data"],
)
def test_what_no_checkpoint_could_be_read_with_is_refused_before_training(train, parts):
    with pytest.raises(ConfigError, match=r"mine\.py: a new network cannot take over the weights"):
        train("x", parts)


@pytest.mark.filterwarnings("ignore:it does not have")
def test_what_a_device_cannot_repeat_is_said_and_goes_on(train, caplog):
    """As of a GPU's operation without a deterministic kernel."""
    caplog.set_level("INFO")
    said = "import os, warnings; warnings.warn('it does not have a deterministic implementation')"
    stopped_twice(train, ("", f"{said}; x = x * (1 + os.urandom(1)[0] / 256)"))
    assert "cannot repeat its training bit for bit" in caplog.text
    assert "x: goes on after epoch 2 of 4" in caplog.messages


NEEDS_MORE = "a tensor", "a buffer that is not persistent", "a buffer that grows", "a generator of NumPy"
NEEDS_NO_MORE = "a counter", "NumPy's generator", "a frozen layer", "a lazy layer made in forward"


@pytest.mark.parametrize("name", [*NEEDS_MORE, *NEEDS_NO_MORE])
def test_an_evaluation_that_needs_more_than_the_checkpoint_is_said_at_once(train, caplog, name):
    with pytest.raises(OrphanedError):
        train("x", SAVED[name], stop=True)
    assert ("its saved weights give other logits than the trained network" in caplog.text) == (name in NEEDS_MORE)
