"""Finished runs for `corrupt_files.py`: trained on one data set, and read as the jobs of the workflow read them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from normreg.analysis import predictions, run_tables, summary
from normreg.config import networks
from normreg.config.condition import Condition
from normreg.config.identity import RunFacts, run_facts
from normreg.data import dataset
from normreg.data.dataset import Dataset
from normreg.data.specs import DATASETS
from normreg.engines.pytorch import TorchTrainer
from normreg.settings import table
from normreg.training import checkpoint, evaluation, loop

NETWORK = networks.described("gilf641")
NAMES = ("checkpoint.pt", "metrics.csv", "predictions.npz", "weights.csv", "data.npz")
SEEDS, STUDIES = (0, 1), ("mine", "yours")
# Settings that are not here have their neutral value.
BASE: Condition = table.whole(
    {
        "network": "gilf641",
        "batch_size": 64,
        "epochs": 2,
        "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9},
        "lambdas": {},
    }
)
CONDITIONS: dict[str, Condition] = {
    "none-bn": BASE,
    "l2-bn": {**BASE, "penalty": "l2", "lambdas": {"l1": 0.0, "l2": 1e-4, "group_l2": 0.0}},
}


@dataclass(frozen=True)
class Finished:
    """A finished run in `folder`, beside the data it was trained on; `others` are runs with the same kinds of files."""

    folder: Path
    facts: RunFacts
    known: str | None
    data: Dataset
    others: dict[str, Path]

    def read(self) -> dict[str, Any]:
        """What the readers of all jobs make of the files; raises their errors."""
        owner, data = self.facts["identity"], dataset.load(self.folder / "data.npz", self.known)
        model = checkpoint.restore(self.folder / "checkpoint.pt", owner, data.digest()).model
        paths = {
            kind: str(self.folder / name)
            for kind, name in zip(("metrics", "predictions", "weights"), NAMES[1:4], strict=True)
        }
        row = summary.run_summary(self.facts, paths, data.test_labels)
        found = predictions.load(paths["predictions"], data.test_labels, owner)
        table = run_tables.read_metrics(paths["metrics"], history_columns(), owner, self.facts["epochs"])
        arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        arrays |= table | {"logits": found.logits, "digest": np.array(data.digest())}
        return {"row": row, "arrays": {name: (a.shape, a.tobytes()) for name, a in arrays.items()}}


def history_columns() -> list[str]:
    """Every column of metrics.csv that holds a measured quantity."""
    return [name for name in loop.Epoch.__annotations__ if name != "epoch"]


def make(folder: Path, data: Dataset, known: str | None, epochs: int = 2) -> Finished:
    """Trains all runs on `data`, whose digest is `known` or None; the first of them is the one to corrupt."""
    for settings in CONDITIONS.values():
        settings["epochs"] = epochs
    for study in STUDIES:
        for condition, settings in CONDITIONS.items():
            for seed in SEEDS:
                _train(folder / study / condition / str(seed), data, settings, _facts(study, condition, seed))
    others = {"condition": "mine/l2-bn/0", "seed": "mine/none-bn/1", "study": "yours/none-bn/0"}
    places = {kind: folder / place for kind, place in others.items()}
    return Finished(folder / "mine/none-bn/0", _facts("mine", "none-bn", 0), known, data, places)


def _facts(study: str, condition: str, seed: int) -> RunFacts:
    images = DATASETS["digits"].train_images
    return run_facts("digits", study, condition, CONDITIONS[condition], seed, images)


def _train(folder: Path, data: Dataset, settings: Condition, facts: RunFacts) -> None:
    """What the train and evaluate rules do."""
    trainer, owner = TorchTrainer(settings, facts["seed"], data, torch.device("cpu")), facts["identity"]
    rows = [trainer.run_epoch(epoch) for epoch in range(1, settings["epochs"] + 1)]
    known = {"run": owner, "data_digest": data.digest(), "engine": "torch", **checkpoint.facts_of(data, NETWORK)}
    checkpoint.save(folder / "checkpoint.pt", trainer.model, settings, known)
    loop.write_metrics(rows, folder / "metrics.csv", owner)
    logits = evaluation.logits(trainer.model.eval(), data.test_images, data.normalise)
    predictions.save(folder / "predictions.npz", logits, data.test_labels, owner, "torch")
    evaluation.write_weights(trainer.model, folder / "weights.csv", owner)
    dataset.save(data, folder / "data.npz")
