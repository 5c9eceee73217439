"""Checkpoints and what is read from them: restored exactly, foreign or hostile files refused."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from normreg.analysis import predictions
from normreg.errors import DataError
from normreg.models.build import build
from normreg.training import checkpoint, evaluation
from normreg.training.evaluation import Normaliser

RUN = "digits/x/l1-bn/seed0 0123456789abcdef"


@pytest.fixture
def saved(condition, blobs, tmp_path, run_training, provenance):
    chosen = condition(norm="gbn", num_splits=4)
    model, history = run_training(chosen, 0, blobs)
    checkpoint.save(tmp_path / "c.pt", model, chosen, provenance(data_digest=blobs.digest()))
    return tmp_path / "c.pt", chosen, model, history


def test_restored_model_gives_the_final_accuracy_and_the_same_logits(saved, blobs):
    path, _, model, history = saved
    restored = checkpoint.restore(path, RUN, blobs.digest()).model
    assert not restored.training
    logits = evaluation.logits(restored, blobs.test_images, blobs.normalise)
    assert np.array_equal(logits, evaluation.logits(model, blobs.test_images, blobs.normalise))
    accuracy = 100 * (logits.argmax(1) == blobs.test_labels).mean()
    assert accuracy == pytest.approx(history[-1].validation_accuracy)


def test_prediction_is_in_evaluation_mode_and_puts_the_mode_back(saved, blobs):
    _, _, model, _ = saved
    images = torch.as_tensor(blobs.test_images)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    for training_mode in (True, False):
        model.train(training_mode)
        first, second = (evaluation.predict(model, images, Normaliser(blobs.normalise)) for _ in range(2))
        assert torch.equal(first, second)
        assert model.training is training_mode
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_a_gbn_checkpoint_evaluates_in_a_bn_network(saved, blobs):
    path, chosen, model, _ = saved
    plain = build(chosen | {"norm": "bn"})
    plain.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    ours = evaluation.logits(model, blobs.test_images, blobs.normalise)
    assert np.array_equal(evaluation.logits(plain, blobs.test_images, blobs.normalise), ours)


def test_neither_training_nor_evaluation_loads_the_compiler_of_pytorch(saved, blobs, root):
    """That takes each job a second of processor time."""
    code = """
import sys, torch
from normreg.training import checkpoint, objective, schedule
from normreg.utils import devices

devices.resolve("cpu", 1)
assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
model = checkpoint.restore(*sys.argv[1:]).model.train()
for name in ("sgd", "adam", "adamw"):
    settings = dict(name=name, lr=0.1, momentum=0.9, nesterov=True, beta1=0.9, beta2=0.99)
    optimizer = objective.make_optimizer(model, settings, 0.1, "all")
    rates = schedule.make_schedule(optimizer, {"constant": {}}, 1, 1)
    optimizer.zero_grad()
    model(torch.ones(4, 1, 28, 28)).sum().backward()
    before = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
    optimizer.step()
    assert not torch.equal(before, torch.cat([p.detach().reshape(-1) for p in model.parameters()]))
    rates.after_epoch()
    rates.restore(rates.state())
assert not {"torch._dynamo", "sympy"} & set(sys.modules)
"""
    command = [sys.executable, "-W", "error", "-c", code, str(saved[0]), RUN, blobs.digest()]
    done = subprocess.run(command, cwd=root / "workflow/scripts", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Evil:
    def __reduce__(self):
        return print, ("this must never be printed",)


@pytest.mark.parametrize("kind", ["missing", "truncated", "pickle", "other content", "empty"])
def test_an_unreadable_checkpoint_is_one_message(saved, tmp_path, kind):
    path = saved[0]
    if kind == "missing":
        path.unlink()
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(Evil()))
    elif kind == "other content":
        torch.save({"x": 1}, path)
    else:
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"c\.pt: .*Delete it and run the same command again"):
        checkpoint.load(path)


def test_a_checkpoint_never_runs_code(tmp_path):
    marker = tmp_path / "ran"

    class Writes:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    torch.save({"state_dict": Writes(), "condition": {}, "data_digest": ""}, tmp_path / "c.pt")
    with pytest.raises(DataError):
        checkpoint.load(tmp_path / "c.pt")
    assert not marker.exists()


def test_a_failed_write_leaves_the_old_file_and_no_temporary(saved, monkeypatch):
    path, chosen, model, _ = saved
    old = path.read_bytes()

    def half(file, content):
        with file.open("wb") as opened:
            opened.write(content[: len(content) // 2])
        raise OSError(28, "disk full")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match=r"disk full: .*c\.pt"):
        checkpoint.save(path, model, chosen, {})
    assert path.read_bytes() == old
    assert [p.name for p in path.parent.iterdir()] == ["c.pt"]


def test_damaged_predictions_are_one_message(tmp_path):
    (tmp_path / "p.npz").write_bytes(b"x")
    with pytest.raises(DataError, match=r"p\.npz: cannot be read as predictions"):
        predictions.load(tmp_path / "p.npz", np.zeros(2), "r")
