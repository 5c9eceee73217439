"""The state file: kept whole, used only by the run it belongs to."""

import copy
import functools
import hashlib
import io
import operator
import os
import pickle
from dataclasses import asdict

import numpy as np
import pytest
import torch

from normreg.engines.pytorch import TorchTrainer
from normreg.errors import OrphanedError
from normreg.training import loop, resume, state

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


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not of PyTorch",
        *({}, [1], {"key": {}}, {"content": {}}, {"key": 1, "content": {}}, {"key": {}, "content": None}),
        {"key": {1: "a", "b": "c"}, "content": {}},
    ],
)
def test_a_right_digest_over_anything_else_is_one_line(tmp_path, key, caplog, payload):
    file = state.StateFile(tmp_path / "s.pt", key())
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    content = payload if isinstance(payload, bytes) else buffer.getvalue()
    file.path.write_bytes(hashlib.sha256(content).digest() + content)
    assert file.load() is None
    assert [record.getMessage().endswith("Training starts over.") for record in caplog.records] == [True]


# --- wrong content under a right digest and a right key


def paths(content, above=()):
    """Every place in nested maps and lists, the places of maps and lists themselves included."""
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        for name, value in list(items):
            yield (*above, name)
            yield from paths(value, (*above, name))


def changes(value):
    """What may stand in the place of a value; MISSING takes the place itself away."""
    yield from (MISSING, None, "text", float("nan"))
    if isinstance(value, torch.Tensor):
        yield from (value[None], value.double() if value.dtype == torch.float32 else value.float())
        if value.is_floating_point():
            yield torch.full_like(value, float("nan"))
    if isinstance(value, int):
        yield value + 1


MISSING = object()


def place(content, path, value):
    """A copy of `content` with another value at `path`."""
    content = copy.deepcopy(content)
    *above, last = path
    inner = functools.reduce(operator.getitem, above, content)
    if value is MISSING:
        del inner[last]
    else:
        inner[last] = value
    return content


ADAMW = {"name": "adamw", "lr": 0.01, "beta1": 0.9, "beta2": 0.999}


@pytest.fixture(
    params=[
        "torch, onecycle",
        "torch, adamw cosine",
        "numba, step",
        *(pytest.param(other, marks=pytest.mark.slow) for other in ("torch, step", "numba, onecycle")),
    ]
)
def train_two(request, condition, blobs, tmp_path, kernel_cache):
    """A function that makes a trainer, and what two of its three epochs leave."""
    schedules = {"step": {"step_size": 2, "gamma": 0.5}, "cosine": {"warmup_epochs": 1, "min_lr": 1e-4}}
    kind = request.param.split()[-1]
    chosen = condition(
        epochs=3, schedule={kind: schedules[kind]} if kind in schedules else {"onecycle": {"max_lr": 0.1}}
    )
    if "adamw" in request.param:
        chosen |= {"optimizer": ADAMW, "lambdas": {"l1": 0.0, "l2": 0.1, "group_l2": 0.0}, "penalty_scope": "weights"}

    def make():
        if "numba" in request.param:
            from normreg.engines.numba_cpu.trainer import EngineTrainer

            return EngineTrainer(chosen, 0, blobs, kernel_cache)
        return TorchTrainer(chosen, 0, blobs, CPU)

    trainer = make()
    rows = [asdict(trainer.run_epoch(epoch)) for epoch in (1, 2)]
    return make, copy.deepcopy({"trainer": trainer.state(), "history": rows})


def test_every_change_of_a_states_content_is_one_line_and_leaves_a_fresh_trainer(
    train_two, tmp_path, caplog, monkeypatch
):
    make, content = train_two
    trainer, file = make(), state.StateFile(tmp_path / "s.pt", {})
    fresh = copy.deepcopy(trainer.state())
    cases = 0
    for path in paths(content):
        old = functools.reduce(operator.getitem, path, content)
        for value in changes(old):
            if value is old or (path[0] == "history" and path[-1] == "seconds" and value == 1):
                continue
            caplog.clear()
            monkeypatch.setattr(file, "load", functools.partial(place, content, path, value))  # as fast as it goes
            assert resume.resume(trainer, "x", file) == [], (path, value)
            (line,) = caplog.messages
            assert line.startswith(f"{file.path} is not used: its content is wrong (")
            assert line.endswith("Training starts over.")
            assert resume.same(trainer.state(), fresh), (path, value)
            cases += 1
    assert cases > 200
    monkeypatch.undo()
    file.save(content)
    assert len(resume.resume(trainer, "x", file)) == 2  # the check above could fail


@pytest.mark.parametrize("rows", [[], [1], [2, 1], [1, 1], [1, 2, 3], [1, 2, 3, 4]])
def test_another_number_of_rows_than_epochs_is_one_line(train_two, tmp_path, caplog, rows):
    make, content = train_two
    file = state.StateFile(tmp_path / "s.pt", {})
    file.save({**content, "history": [{**content["history"][0], "epoch": row} for row in rows]})
    assert resume.resume(make(), "x", file) == []
    assert "its content is wrong" in caplog.text


def test_training_after_a_wrong_state_ends_with_the_bits_of_training_without(train_two, tmp_path):
    make, content = train_two
    one, other = make(), make()
    loop.train(one, "x", state.StateFile(tmp_path / "one.pt", {}))
    file = state.StateFile(tmp_path / "other.pt", {})
    names = list(content["trainer"]["model"])
    file.save(place(content, ("trainer", "model", names[-1]), MISSING))
    loop.train(other, "x", file)
    assert resume.same(one.state(), other.state())


# --- the end of training


def test_a_complete_state_gives_the_results_without_training(train_two, tmp_path, caplog, monkeypatch):
    caplog.set_level("INFO")
    make, _ = train_two
    file = state.StateFile(tmp_path / "s.pt", {})
    first = make()
    history = loop.train(first, "x", file)
    second = make()
    monkeypatch.setattr(second, "run_epoch", None)  # calling it would fail
    caplog.clear()
    assert loop.train(second, "x", file) == history
    assert resume.same(second.state(), first.state())
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
