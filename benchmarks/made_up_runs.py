"""Writes files of thousands of finished runs that nobody has trained, for `scale.py`.

    cd FOLDER; python .../benchmarks/made_up_runs.py SEEDS STUDY [STUDY ...]

FOLDER is a copy of the project with `resources/digits.npz`. Identities, shapes and checks are those of real runs, and
the values look like real ones: curves that rise, models that agree on hard images. Nothing can be learned from them.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from normreg.analysis import predictions
from normreg.analysis.predictions import Predictions
from normreg.config import networks, studies
from normreg.config.identity import RunFacts, run_facts
from normreg.config.sizes import trained_images
from normreg.config.studies import Run
from normreg.data import dataset
from normreg.data.dataset import Dataset
from normreg.data.specs import DATASETS
from normreg.models.build import build
from normreg.training import checkpoint, evaluation, loop
from normreg.training.loop import Epoch
from normreg.utils.code import of_training

DATASET, ENGINE = "digits", "torch"


def make(run: Run, seeds: Sequence[int]) -> None:
    """Writes the files of all conditions and seeds of a run."""
    data = dataset.load(f"resources/{DATASET}.npz", DATASETS[DATASET].digest)
    digest, hard = data.digest(), np.random.default_rng(0).normal(size=len(data.test_labels))
    for name, condition in run.conditions.items():
        model, network = build(condition), networks.described(condition["network"])
        images = trained_images(condition, len(data.train_labels))
        for seed in seeds:
            facts = run_facts(DATASET, run.name, name, condition, seed, images, network)
            folder = Path("results") / facts["identity"].partition(" ")[0]
            folder.mkdir(parents=True)
            provenance = {
                "run": facts["identity"],
                "seed": seed,
                "data_digest": digest,
                "engine": ENGINE,
                "device": "cpu",
                **checkpoint.facts_of(data, network),
            }
            checkpoint.save(folder / "checkpoint.pt", model, condition, provenance)
            evaluation.write_weights(model, folder / "weights.csv", facts["identity"])
            _write_outcome(folder, facts, data, hard)


def _write_outcome(folder: Path, facts: RunFacts, data: Dataset, hard: np.ndarray) -> None:
    """`predictions.npz`, and a `metrics.csv` that ends with its accuracy and loss."""
    rng = np.random.default_rng([facts["seed"], *facts["condition"].encode()])
    logits = rng.normal(size=(len(hard), len(data.class_names))).astype(np.float32)
    logits[np.arange(len(hard)), data.test_labels] += 6 - 2 * np.maximum(hard + 0.3 * rng.normal(size=len(hard)), 0)
    predictions.save(folder / "predictions.npz", logits, data.test_labels, facts["identity"], ENGINE)
    end = Predictions(logits, data.test_labels, np.arange(len(hard)))
    left = np.geomspace(10, 1, facts["epochs"]) * np.append(rng.uniform(0.8, 1.2, facts["epochs"] - 1), 1.0)
    rows = [
        Epoch(
            epoch, 0.01, end.loss * part, end.loss * part, 99.0, end.loss * part, 100 - (100 - end.accuracy) * part, 1.0
        )
        for epoch, part in enumerate(np.minimum(left, 90 / max(100 - end.accuracy, 1)), start=1)
    ]
    loop.write_metrics(rows, folder / "metrics.csv", facts["identity"], data.digest(), of_training(ENGINE))


if __name__ == "__main__":
    for study in sys.argv[2:]:
        make(studies.load_named_run(study), range(int(sys.argv[1])))
