"""The engines against each other over random networks, images and settings, wherever both accept them."""

import copy

import numpy as np
import pytest
import torch
from engine_helpers import assert_moved_alike

from normreg.config import networks
from normreg.data.dataset import Dataset
from normreg.engines import select
from normreg.engines.contract import DataFacts
from normreg.engines.numba_cpu.trainer import EngineTrainer
from normreg.engines.pytorch import TorchTrainer
from normreg.models.description import from_data

CPU = torch.device("cpu")
FEW, MANY = 1, 25  # networks by default, and in `make test-all`: compiling one takes 10 s


def random_network(random) -> dict:
    """Two to four stages of what the numba engine knows, then logits on one pixel."""
    layers = []
    for _ in range(random.integers(1, 4)):
        kernel = int(random.choice([1, 3]))
        layers.append({"conv": {"channels": int(random.integers(2, 20)), "kernel": kernel, "padding": kernel // 2}})
        order = [["relu", "norm", "dropout"], ["norm", "relu", "dropout"], ["norm"], ["relu", "norm"], ["norm", "relu"]]
        layers += order[random.integers(len(order))]
        if random.random() < 0.5:
            layers.append({str(random.choice(["max_pool", "avg_pool"])): {"size": 2}})
    layers.append({"conv": {"channels": "classes", "kernel": 1}})
    layers.append(str(random.choice(["global_avg_pool", "global_max_pool"])))
    return {"layers": layers}


def random_data(random) -> Dataset:
    """Noise, gray or colour, with a bright spot whose place tells the class."""
    channels, side, classes = int(random.choice([1, 3])), int(random.integers(8, 25)), int(random.integers(2, 14))
    shape = (side, side) if channels == 1 else (channels, side, side)

    def split(count):
        labels = random.integers(0, classes, count).astype(np.uint8)
        images = random.integers(0, 120, (count, *shape)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[..., label // 4 * 2 : label // 4 * 2 + 2, label % 4 * 2 : label % 4 * 2 + 2] = 255
        return images, labels

    normalise = np.array([[0.3] * channels, [0.2 + 0.05 * k for k in range(channels)]])
    return Dataset(*split(75), *split(30), np.array([f"class {k}" for k in range(classes)]), normalise)


def random_settings(random) -> dict:
    splits = int(random.choice([1, 2, 4]))
    step = [
        [],
        [{"flip": {"probability": 0.5}}],
        [{"rotation": {"degrees": 10, "fill": 1}}],
        [{"crop": {"padding": 2, "fill": 0}}],
    ]
    schedule = [
        {"constant": {}},
        {"step": {"step_size": 1, "gamma": 0.5}},
        {"cosine": {"warmup_epochs": 1, "min_lr": 0.0}},
    ]
    return {
        "norm": "gbn" if splits > 1 else "bn",
        "num_splits": splits,
        "batch_size": int(random.choice([16, 20])),
        "augmentation": step[random.integers(len(step))],
        "schedule": schedule[random.integers(len(schedule))],
        "penalty": "l1l2",
        "lambdas": {"l1": float(random.choice([0, 1e-3])), "l2": float(random.choice([0, 1e-2])), "group_l2": 0.0},
        "penalty_scope": str(random.choice(["all", "weights", "no-norm"])),
        "optimizer": {"name": "sgd", "lr": 1e-3, "momentum": 0.9, "nesterov": bool(random.random() < 0.5)},
        "dropout": 0.0,  # the engines draw masks of their own
    }  # fmt: skip


def compare(number, condition, kernel_cache, monkeypatch):
    random = np.random.default_rng(number)
    content, data = random_network(random), random_data(random)
    monkeypatch.setattr(networks, "find", lambda name: from_data(content))
    chosen = condition(epochs=2, **random_settings(random))
    assert select.choose("numba", chosen, DataFacts.of(data), "cpu").engine == "numba"
    reference, engine = TorchTrainer(chosen, 0, data, CPU), EngineTrainer(chosen, 0, data, kernel_cache)
    start = copy.deepcopy(reference.model.state_dict())
    for epoch in (1, 2):
        theirs, ours = reference.run_epoch(epoch), engine.run_epoch(epoch)
        assert ours.train_objective == pytest.approx(theirs.train_objective, rel=2e-4), content
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, rel=2e-3), content
    assert_moved_alike(engine.model.state_dict(), reference.model.state_dict(), start)


@pytest.mark.parametrize("number", range(FEW))
def test_engines_agree_on_random_networks(number, condition, kernel_cache, monkeypatch):
    """Two epochs of four batches, the last one smaller."""
    compare(number, condition, kernel_cache, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(FEW, MANY))
def test_engines_agree_on_many_random_networks(number, condition, kernel_cache, monkeypatch):
    compare(number, condition, kernel_cache, monkeypatch)
