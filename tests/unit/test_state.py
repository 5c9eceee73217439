"""The state file: kept whole, used only by the run it belongs to."""

import os
import pickle

import numpy as np
import pytest
import torch

from normreg.training import state

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


def test_what_was_saved_is_loaded_and_removed(tmp_path, key):
    file = state.StateFile(tmp_path / "s.pt", key())
    assert file.load() is None
    file.save(CONTENT)
    assert same(state.StateFile(tmp_path / "s.pt", key()).load(), CONTENT)
    file.remove()
    assert file.load() is None
    file.remove()  # already gone is fine


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


def test_a_pickle_that_runs_code_is_refused(tmp_path, key):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    file = state.StateFile(tmp_path / "s.pt", key())
    file.path.write_bytes(pickle.dumps(Evil()))
    assert file.load() is None
    assert not (tmp_path / "executed").exists()


def test_what_could_not_be_loaded_again_is_not_saved(tmp_path, key):
    file = state.StateFile(tmp_path / "s.pt", key())
    with pytest.raises(pickle.UnpicklingError):
        file.save({"history": [{"train_loss": np.float64(0.5)}]})
    assert not file.path.exists()


def test_an_earlier_state_survives_a_failed_save(tmp_path, key, monkeypatch):
    file = state.StateFile(tmp_path / "s.pt", key())
    file.save(CONTENT)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        file.save({})
    assert same(file.load(), CONTENT)
    assert [p.name for p in tmp_path.glob(".s*")] == []
