"""The state file: kept whole, used only by the run it belongs to."""

import hashlib
import os
import pickle
from dataclasses import replace

import pytest
import torch

from normreg.engines.pytorch import TorchTrainer
from normreg.errors import DataError, OrphanedError
from normreg.training import loop, state

CPU = torch.device("cpu")
CONTENT = {"trainer": {"w": torch.arange(5.0)}, "history": [{"epoch": 1, "train_loss": 0.1}]}


@pytest.fixture
def key(condition):
    """A function that makes a key with some parts changed."""

    def make(code="train.py 1", device=CPU, **changes):
        parts = {"condition": condition(), "seed": 0, "data": "d", "threads": 1, "engine": "torch"} | changes
        return state.make_key(code, device, **parts)

    return make


def same(one, other):
    return torch.equal(one["trainer"]["w"], other["trainer"]["w"]) and one["history"] == other["history"]


def test_what_was_saved_is_loaded(tmp_path, key):
    file = state.StateFile(tmp_path / "s.pt", key())
    assert file.load() is None
    file.save(CONTENT)
    assert same(state.StateFile(tmp_path / "s.pt", key()).load(), CONTENT)


def test_floats_keep_all_their_bits(tmp_path, key):
    file = state.StateFile(tmp_path / "s.pt", key())
    file.save({"history": [{"train_loss": 0.1 + 0.2}]})
    assert file.load()["history"][0]["train_loss"] == 0.1 + 0.2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seed": 1}, "another seed"),
        ({"data": "e"}, "another data"),
        ({"threads": 2}, "another threads"),
        ({"engine": "numba"}, "another engine"),
        ({"code": "train.py 2"}, "another code"),
        ({"device": torch.device("meta")}, "another device"),
        ({"seed": 1, "threads": 2}, "another seed and another threads"),
    ],
)
def test_a_state_of_another_run_is_not_used(tmp_path, key, caplog, change, reason):
    state.StateFile(tmp_path / "s.pt", key()).save(CONTENT)
    assert state.StateFile(tmp_path / "s.pt", key(**change)).load() is None
    assert f"it comes from a run with {reason}. Training starts over." in caplog.text


@pytest.mark.parametrize(
    "change", [{"epochs": 3}, {"lambdas": {"l1": 1e-9}}, {"schedule": {"onecycle": {"max_lr": 1}}}]
)
def test_a_state_of_another_condition_is_not_used(tmp_path, key, condition, caplog, change):
    state.StateFile(tmp_path / "s.pt", key()).save(CONTENT)
    assert state.StateFile(tmp_path / "s.pt", key(condition=condition(**change))).load() is None
    assert "another condition" in caplog.text


def test_another_pytorch_is_not_used(tmp_path, key, caplog, monkeypatch):
    state.StateFile(tmp_path / "s.pt", key()).save(CONTENT)
    monkeypatch.setattr(torch, "__version__", "2.11.0")
    assert state.StateFile(tmp_path / "s.pt", key()).load() is None
    assert "another torch" in caplog.text


def test_every_truncation_and_every_flipped_byte_is_noticed(tmp_path, key, caplog):
    file = state.StateFile(tmp_path / "s.pt", key())
    file.save(CONTENT)
    whole = file.path.read_bytes()
    for length in range(0, len(whole), 37):
        file.path.write_bytes(whole[:length])
        assert file.load() is None
    for place in range(0, len(whole), 11):
        file.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert file.load() is None
    assert "it is damaged" in caplog.text


def test_a_pickle_that_runs_code_is_refused(tmp_path, key, caplog):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    file, payload = state.StateFile(tmp_path / "s.pt", key()), pickle.dumps(Evil())
    for content in (payload, hashlib.sha256(payload).digest() + payload):
        file.path.write_bytes(content)
        assert file.load() is None
    assert not (tmp_path / "executed").exists()
    assert [line.endswith("Training starts over.") for line in caplog.messages] == [True, True]


def test_an_earlier_state_survives_a_failed_save(tmp_path, key, monkeypatch):
    file = state.StateFile(tmp_path / "s.pt", key())
    file.save(CONTENT)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        file.save({})
    assert same(file.load(), CONTENT)
    assert [p.name for p in tmp_path.glob(".s*")] == []


# --- training

ADAMW = {"name": "adamw", "lr": 0.01, "beta1": 0.9, "beta2": 0.999}
SCHEDULES = {
    "onecycle": {"max_lr": 0.1},
    "step": {"step_size": 2, "gamma": 0.5},
    "cosine": {"warmup_epochs": 1, "min_lr": 1e-4},
}


@pytest.fixture(params=["torch, onecycle", "torch, adamw cosine", "numba, step"])
def make_trainer(request, condition, blobs, kernel_cache):
    """A function that makes a new trainer of a run of three epochs. AdamW has two groups of parameters."""
    schedule = request.param.split()[-1]
    chosen = condition(epochs=3, schedule={schedule: SCHEDULES[schedule]})
    if "adamw" in request.param:
        chosen |= {"optimizer": ADAMW, "lambdas": {"l1": 0.0, "l2": 0.1, "group_l2": 0.0}, "penalty_scope": "weights"}
        chosen["validate_every"] = 2

    def make():
        if "numba" in request.param:
            from normreg.engines.numba_cpu.trainer import EngineTrainer

            return EngineTrainer(chosen, 0, blobs, kernel_cache)
        return TorchTrainer(chosen, 0, blobs, CPU)

    return make


def results(trainer, history):
    """Weights and figures, to be compared bit for bit."""
    weights = {name: value.numpy().tobytes() for name, value in trainer.model.state_dict().items()}
    return weights, [replace(row, seconds=0.0) for row in history]


@pytest.mark.parametrize("stops", [(1,), (2,), (1, 1)], ids=str)
def test_a_run_that_stopped_ends_with_the_bits_of_one_that_did_not(make_trainer, tmp_path, stops):
    whole, last, file = make_trainer(), make_trainer(), state.StateFile(tmp_path / "s.pt", {})
    for epochs in stops:
        with pytest.raises(OrphanedError):
            loop.train(make_trainer(), "x", file, Watched(epochs))
    history = loop.train(last, "x", file)
    assert results(last, history) == results(whole, loop.train(whole, "x", state.StateFile(tmp_path / "w.pt", {})))


def test_a_state_that_does_not_fit_is_one_message(condition, blobs, tmp_path):
    """As after an update of a package that a network in Python imports: the key does not know it."""
    file = state.StateFile(tmp_path / "s.pt", {})
    with pytest.raises(OrphanedError):
        loop.train(TorchTrainer(condition(network="ashxjain"), 0, blobs, CPU), "x", file, Watched(1))
    with pytest.raises(DataError, match=r"s\.pt: does not fit the network \(.*Delete it and run the same command"):
        loop.train(TorchTrainer(condition(), 0, blobs, CPU), "x", file)


def test_a_complete_state_gives_the_results_without_training(make_trainer, tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO")
    file = state.StateFile(tmp_path / "s.pt", {})
    first, second = make_trainer(), make_trainer()
    history = loop.train(first, "x", file)
    monkeypatch.setattr(second, "run_epoch", None)  # calling it would fail
    caplog.clear()
    assert loop.train(second, "x", file) == history
    assert results(second, history) == results(first, history)
    assert caplog.messages == [f"x: all 3 epochs are trained already; their results are taken from {file.path}"]


class Watched:
    """A starter that ends after so many looks."""

    def __init__(self, looks):
        self.looks = looks

    def gone(self):
        self.looks -= 1
        return self.looks < 0


@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_an_orphan_stops_before_its_first_epoch_and_after_each(condition, blobs, tmp_path, epochs):
    trainer = TorchTrainer(condition(epochs=3), 0, blobs, CPU)
    file = state.StateFile(tmp_path / "s.pt", {})
    with pytest.raises(OrphanedError, match=f"so it stops after epoch {epochs}"):
        loop.train(trainer, "x", file, Watched(epochs))
    assert (len(file.load()["history"]) if epochs else file.load()) == (epochs or None)
