"""The engine's trainer against the reference path, and what both promise: determinism, resume, one log line."""

import copy
import dataclasses
import logging
import math
import sys
from types import SimpleNamespace

import pytest
import torch
from engine_helpers import ENGINE_NETWORKS, assert_moved_alike

from normreg.data import augmentation
from normreg.engines import numba_cpu, pytorch, select
from normreg.engines.numba_cpu import tiles
from normreg.engines.numba_cpu.augment import augment
from normreg.engines.numba_cpu.errors import UnsupportedError
from normreg.engines.numba_cpu.machine import REGISTERS
from normreg.engines.numba_cpu.trainer import EngineTrainer
from normreg.training import draws, loop
from normreg.training.state import StateFile

CPU = torch.device("cpu")
SETTINGS = {
    "plain": {},
    "l1 and l2, onecycle, ghost batches": {
        "norm": "gbn",
        "num_splits": 4,
        "lambdas": {"l1": 1e-3, "l2": 1e-2},
        "schedule": {"onecycle": {"max_lr": 0.02}},
    },
    "group l2 on weights, step, nesterov, three ghost batches": {
        "norm": "gbn",
        "num_splits": 3,
        "batch_size": 15,
        "lambdas": {"group_l2": 0.1},
        "penalty_scope": "weights",
        "schedule": {"step": {"step_size": 1, "gamma": 0.1}},
        "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": True},
    },
    "l2 without norms, cosine": {
        "epochs": 3,
        "lambdas": {"l2": 0.1},
        "penalty_scope": "no-norm",
        "schedule": {"cosine": {"warmup_epochs": 1, "min_lr": 1e-4}},
    },
}
AUGMENTATION = [
    {"jitter": {"brightness": 0.1, "contrast": 0.1}},
    {"affine": {"degrees": 7, "translate": 0.1, "scale": [0.9, 1.1], "fill": 1}},
]


@pytest.fixture
def make(condition, kernel_cache, blobs):
    """A function that makes an engine trainer; `network` and other settings as for `condition`."""

    def build(seed=0, **changes):
        return EngineTrainer(condition(**changes), seed, blobs, kernel_cache)

    return build


def bits(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", ENGINE_NETWORKS)
def test_agrees_with_the_reference_path(name, settings, condition, make, blobs):
    """Two epochs of three or four batches, the last one smaller, without dropout."""
    changes = {"optimizer": {"name": "sgd", "lr": 1e-3, "momentum": 0.9, "nesterov": False}, "dropout": 0.0} | SETTINGS[
        settings
    ]
    changes["augmentation"] = AUGMENTATION
    mine = make(network=name, **changes)
    reference = pytorch.TorchTrainer(condition(network=name, **changes), 0, blobs, CPU)
    before = bits(reference.model)
    for epoch in (1, 2):
        found, expected = mine.run_epoch(epoch), reference.run_epoch(epoch)
        for key, value in dataclasses.asdict(expected).items():
            one_image = 100 / 30 if "accuracy" in key else 0
            if key != "seconds":
                assert getattr(found, key) == pytest.approx(value, rel=1e-3, abs=one_image), key
    assert_moved_alike(mine.model.state_dict(), reference.model.state_dict(), before)


@pytest.mark.parametrize("norm", ["bn", "gbn"])
def test_same_seed_same_bits_and_resume(norm, make, tmp_path):
    schedules = {"bn": {"onecycle": {"max_lr": 0.1}}, "gbn": {"cosine": {"warmup_epochs": 1, "min_lr": 0.0}}}
    settings = {"norm": norm, "num_splits": 2, "epochs": 3, "schedule": schedules[norm], "dropout": 0.1}
    whole = make(**settings)
    rows = [whole.run_epoch(epoch) for epoch in (1, 2, 3)]
    first = make(**settings)
    again = [first.run_epoch(1)]
    file = StateFile(tmp_path / "state.pt", {})
    file.save({"trainer": first.state(), "history": [dataclasses.asdict(again[0])]})
    second = make(**settings)
    second.restore(file.load()["trainer"])
    again += [second.run_epoch(epoch) for epoch in (2, 3)]
    assert same(bits(whole.model), bits(second.model))
    assert [dataclasses.replace(row, seconds=0) for row in rows] == [dataclasses.replace(r, seconds=0) for r in again]
    other = make(seed=1, **settings)
    other.run_epoch(1)
    assert not same(bits(other.model), bits(first.model))


def test_every_epoch_draws_its_own_dropout_masks(make, monkeypatch):
    asked, key = [], draws.dropout_key
    monkeypatch.setattr(draws, "dropout_key", lambda seed, epoch: asked.append((seed, epoch)) or key(seed, epoch))
    trainer = make(seed=3, dropout=0.1)
    for epoch in (1, 2):
        trainer.run_epoch(epoch)
    assert asked == [(3, 1), (3, 2)]


NEW_STEPS = [{"flip": {"probability": 0.5}}, {"crop": {"padding": 4, "fill": 3}}, {"cutout": {"size": 8, "fill": 0}}]


@pytest.mark.parametrize(
    "spec",
    [
        AUGMENTATION,
        AUGMENTATION[::-1],
        [{"rotation": {"degrees": 90, "fill": 7}}],
        NEW_STEPS,
        [*NEW_STEPS, *AUGMENTATION],
        [*AUGMENTATION, *NEW_STEPS],
        [],
    ],
)
def test_augments_to_the_same_bits(spec, make, blobs):
    images = torch.as_tensor(blobs.train_images)
    values = augmentation.draw(spec, 50, torch.Generator().manual_seed(0), (28, 28))
    found = augment(spec, values, images, make().network.shared.warp)
    assert torch.equal(torch.from_numpy(found).view(50, 28, 28), augmentation.apply(spec, values, images))


def test_batch_norm_has_no_ghost_batches_whatever_num_splits_is(make):
    plain, split, ghost = (make(norm=norm, num_splits=n) for norm, n in (("bn", 1), ("bn", 4), ("gbn", 4)))
    for trainer in (plain, split, ghost):
        trainer.run_epoch(1)
    assert same(bits(plain.model), bits(split.model))
    assert not same(bits(plain.model), bits(ghost.model))


def test_learns_with_dropout(make, learnable):
    mine = make(**learnable)
    rows = [mine.run_epoch(epoch) for epoch in range(1, 16)]
    assert rows[-1].train_loss < math.log(10) / 2


def test_a_diverging_run_ends_with_its_last_finite_weights(make, tmp_path):
    mine = make(optimizer={"name": "sgd", "lr": 1e30, "momentum": 0.9, "nesterov": False})
    initial = copy.deepcopy(mine.state())
    (row,) = loop.train(mine, "x", StateFile(tmp_path / "state.pt", {}))
    assert row.diverged
    assert same(mine.state()["model"], initial["model"])
    assert torch.equal(mine.state()["velocity"], initial["velocity"])


# --- the choice of an engine


def choose(condition, blobs, cache, caplog, engine, device=CPU):
    with caplog.at_level(logging.INFO, logger="normreg"):
        made, name = select.make_trainer(engine, condition(), 0, blobs, device, cache)
    (line,) = (record.message for record in caplog.records if record.module == "select")  # not: what is compiled
    return type(made).__name__, name, line


def test_numba_trains_where_it_can(condition, blobs, kernel_cache, caplog):
    found = choose(condition, blobs, kernel_cache, caplog, "numba")
    assert found == ("EngineTrainer", "numba", f"engine numba, {REGISTERS.name} kernels")


def test_pytorch_trains_what_a_study_leaves_to_it(condition, blobs, kernel_cache, caplog):
    assert choose(condition, blobs, kernel_cache, caplog, "torch") == ("TorchTrainer", "torch", "engine torch")


def test_another_processor_falls_back(condition, blobs, kernel_cache, caplog, monkeypatch):
    def refuse(_):
        raise UnsupportedError("this processor has neither AVX-512 nor AVX2 with FMA")

    monkeypatch.setattr(tiles, "choose_registers", refuse)
    monkeypatch.delitem(sys.modules, "normreg.engines.numba_cpu.machine", raising=False)
    monkeypatch.delattr(numba_cpu, "machine", raising=False)
    kind, name, line = choose(condition, blobs, kernel_cache, caplog, "numba")
    assert (kind, name) == ("TorchTrainer", "torch")
    assert line == "engine torch (not numba: this processor has neither AVX-512 nor AVX2 with FMA)"


def test_no_numba_falls_back(condition, blobs, kernel_cache, caplog, monkeypatch):
    for module in [name for name in sys.modules if name.startswith("normreg.engines.numba_cpu")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "numba", None)
    kind, name, line = choose(condition, blobs, kernel_cache, caplog, "numba")
    assert (kind, name) == ("TorchTrainer", "torch")
    assert "not numba: import of numba halted" in line


def test_a_gpu_falls_back(condition, blobs, kernel_cache, caplog, monkeypatch):
    monkeypatch.setattr(pytorch, "TorchTrainer", lambda *_: None)
    device = SimpleNamespace(type="cuda")
    _, name, line = choose(condition, blobs, kernel_cache, caplog, "numba", device)
    assert (name, line) == ("torch", "engine torch (not numba: it computes on the CPU, not on cuda)")
