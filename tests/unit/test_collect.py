"""docs/data/collect.py on two made-up runs, by hand."""

import csv
import gzip
import json
import runpy

import numpy as np
import pytest
import torch


@pytest.fixture
def collect(root):
    return runpy.run_path(str(root / "docs/data/collect.py"))["collect"]


def write_run(results, condition, seed, logits, labels, **settings):
    folder = results / condition / f"seed{seed}"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text("epoch,seconds,data,code,run,digest\n1,2.5,d,torch 0,r,x\n")
    run = f"m/s/{condition}/seed{seed} 0"
    np.savez(folder / "predictions.npz", logits=logits, labels=labels, engine="torch", run=run)
    torch.save({"condition": {"norm": "bn", **settings}}, folder / "checkpoint.pt")


def test_runs_are_added_once_and_only_to_their_like(collect, tmp_path):
    results, data = tmp_path / "results", tmp_path / "data"
    labels, right, wrong = np.array([0, 1]), np.array([[2.0, 0], [0, 2]]), np.array([[2.0, 0], [2, 0]])
    write_run(results, "a", 10, right, labels)
    write_run(results, "a", 2, wrong, labels)
    collect(results, data)
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    collect(results, data)
    assert before == {path.name: path.read_bytes() for path in data.iterdir()}
    runs = list(csv.DictReader((data / "runs.csv").read_text().splitlines()))
    assert [(run["seed"], run["mistakes"], run["seconds"]) for run in runs] == [("2", "1", "2.5"), ("10", "0", "2.5")]
    (mistake,) = csv.DictReader(gzip.decompress((data / "mistakes.csv.gz").read_bytes()).decode().splitlines())
    assert [mistake[name] for name in ("seed", "image", "actual", "predicted")] == ["2", "1", "1", "0"]
    assert float(mistake["confidence"]) == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-4)
    images = np.load(data / "images.npz")
    small, large = np.log1p(np.exp(-2)), np.log1p(np.exp(2))
    assert (images["a/runs"].item(), images["a/right"].tolist()) == (2, [2, 1])
    assert images["a/loss"] == pytest.approx([2 * small, small + large])
    assert json.loads((data / "about.json").read_text()) == {"conditions": {"a": {"norm": "bn"}}, "data": "d"}
    write_run(results, "a", 3, right, labels, epochs=7)
    with pytest.raises(SystemExit, match="other settings or images"):
        collect(results, data)
    assert before == {path.name: path.read_bytes() for path in data.iterdir()}
