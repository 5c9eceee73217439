"""Small made-up data and conditions for the tests of the library."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from normreg.config import networks
from normreg.config.condition import Condition
from normreg.data.dataset import Dataset
from normreg.data.specs import DATASETS
from normreg.engines.pytorch import TorchTrainer
from normreg.settings import table
from normreg.training import checkpoint, loop
from normreg.training.state import StateFile

# Settings that are not here have their neutral value.
_CONDITION: Condition = table.whole(
    {
        "network": "gilf641",
        "batch_size": 16,
        "epochs": 2,
        "dropout": 0.1,
        "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": False},
        "augmentation": [{"rotation": {"degrees": 7, "fill": 1}}],
        "lambdas": {},
    }
)


@pytest.fixture
def condition():
    """A function that gives a resolved condition with some settings changed."""

    def make(**changes: Any) -> Condition:
        lambdas = changes.pop("lambdas", {})
        made = copy.deepcopy(_CONDITION) | changes
        made["lambdas"] |= lambdas
        return made  # type: ignore[return-value]

    return make


@pytest.fixture
def provenance(blobs):
    """A function that gives what a checkpoint of `blobs` says besides its weights, with some parts changed."""

    def make(network: str = "gilf641", **changes: Any) -> dict[str, Any]:
        known = {"run": "digits/x/l1-bn/seed0 0123456789abcdef", "data_digest": "d", "engine": "torch"}
        return checkpoint.facts_of(blobs, networks.described(network)) | known | changes

    return make


@pytest.fixture
def learnable() -> dict[str, Any]:
    """Settings that learn `blobs` however the processor rounds: with small steps, rounding errors stay small.

    The training loss ended between 0.2 and 0.64 with each of 40 seeds. Guessing has log(10) = 2.3.
    """
    return {"epochs": 15, "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": False}}


@pytest.fixture
def run_training(tmp_path):
    """A function that trains a condition from its start on the CPU and gives the model and its history."""

    def run(chosen: Condition, seed: int, data: Dataset, label: str = "x"):
        state = StateFile(tmp_path / "state.pt", {})
        trainer = TorchTrainer(chosen, seed, data, torch.device("cpu"))
        history = loop.train(trainer, label, state)
        state.path.unlink(missing_ok=True)
        return trainer.model, history

    return run


@pytest.fixture(scope="session")
def blobs() -> Dataset:
    """Fifty training and 30 validation images, each a bright bar whose place is its class, on noise: learnable."""
    random = np.random.default_rng(0)

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = random.integers(0, 10, count).astype(np.uint8)
        images = random.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4 + 2 * label : 6 + 2 * label, 6:22] = 230
        return images, labels

    train, test = split(50), split(30)
    return Dataset(*train, *test, class_names=np.array(DATASETS["mnist"].class_names))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working directory: a project of its own, in which `config/datasets` is empty."""
    (tmp_path / "config/datasets").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
