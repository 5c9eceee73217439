"""The CUDA graph engine on a real GPU. Without one these tests are skipped, and say so."""

import dataclasses

import pytest
import tape
import torch

from normreg.engines import select
from normreg.engines.cudagraph.buffers import EpochBuffers
from normreg.engines.cudagraph.capture import CaptureError
from normreg.engines.cudagraph.trainer import GraphTrainer
from normreg.engines.pytorch import TorchTrainer
from normreg.training.loop import train
from normreg.training.state import StateFile
from normreg.utils import devices

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU, and this machine has none")

RUNS = {
    "bn, onecycle": {"schedule": {"onecycle": {"max_lr": 0.1}}, "lambdas": {"l1": 1e-3, "l2": 1e-2}},
    "gbn, step, nesterov": {
        "norm": "gbn",
        "num_splits": 2,
        "schedule": {"step": {"step_size": 1, "gamma": 0.5}},
        "optimizer": {"lr": 0.05, "momentum": 0.9, "nesterov": True},
        "augmentation": [
            {"affine": {"degrees": 10, "translate": 0.1, "scale": [0.9, 1.1], "fill": 0}},
            {"jitter": {"brightness": 0.2, "contrast": 0.2}},
        ],
    },
    "another network, weights only, group L2": {
        "network": "hardayaleva5",
        "penalty_scope": "weights",
        "lambdas": {"l2": 1e-3, "group_l2": 1e-3},
    },
    "one batch, no dropout, no augmentation": {"batch_size": 64, "dropout": 0.0, "augmentation": []},
    "a last batch of one": {"batch_size": 7},
}


@pytest.fixture(params=RUNS.values(), ids=RUNS)
def run(condition, request):
    return condition(epochs=3, **request.param)


@pytest.fixture
def cuda():
    return devices.resolve("cuda", 1)


def rows(made, epochs):
    return [dataclasses.replace(made.run_epoch(epoch), seconds=0.0) for epoch in epochs]


def same(one, other):
    pairs = zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_replays_change_the_same_bits_as_the_steps(run, blobs, cuda):
    eager, replayed = GraphTrainer(run, 2, blobs, cuda, tape.plain), GraphTrainer(run, 2, blobs, cuda)
    assert rows(eager, [1, 2, 3]) == rows(replayed, [1, 2, 3])
    assert same(eager, replayed)


def test_an_epoch_is_that_of_pytorchs_path(run, blobs, cuda):
    theirs, ours = TorchTrainer(run, 5, blobs, cuda), GraphTrainer(run, 5, blobs, cuda)
    (expected,), (row,) = rows(theirs, [1]), rows(ours, [1])
    for name, value in dataclasses.asdict(row).items():
        image = {"train_accuracy": 2.01, "validation_accuracy": 3.34}.get(name, 0)  # one of 50, one of 30 on the edge
        assert value == pytest.approx(getattr(expected, name), rel=1e-3, abs=image), name
    for a, b in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_twice_the_same_bits(run, blobs, cuda):
    one, other = GraphTrainer(run, 7, blobs, cuda), GraphTrainer(run, 7, blobs, cuda)
    assert rows(one, [1, 2]) == rows(other, [1, 2])
    assert same(one, other)


def test_no_step_waits_for_the_device(run, blobs, cuda):
    made = GraphTrainer(run, 0, blobs, cuda, tape.plain)  # the steps themselves: a wait cannot be captured anyway
    made.run_epoch(1)
    made.buffers.fill(2, made._rates())
    made.validation.rewind()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for size in made.sizes:
            made.replays["train", size]()
        for size in made.test_sizes:
            made.replays["validate", size]()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_goes_on_bit_for_bit(run, blobs, cuda, tmp_path):
    whole, first, second = (GraphTrainer(run, 1, blobs, cuda) for _ in range(3))
    expected = rows(whole, [1, 2, 3])
    rows(first, [1])
    file = StateFile(tmp_path / "state.pt", {})
    file.save({"trainer": first.state(), "history": []})
    second.restore(file.load()["trainer"])
    assert rows(second, [2, 3]) == expected[1:]
    assert same(second, whole)


def test_the_training_loop_with_the_engine_by_name(run, blobs, cuda, tmp_path):
    made, name = select.make_trainer("cudagraph", run, 0, blobs, cuda, tmp_path)
    history = train(made, "x", StateFile(tmp_path / "state.pt", {}))
    assert (name, [row.epoch for row in history]) == ("cudagraph", [1, 2, 3])


def test_what_cannot_be_captured_is_one_message_with_its_reason(condition, blobs, cuda, monkeypatch):
    real = EpochBuffers.rates_now
    monkeypatch.setattr(EpochBuffers, "rates_now", lambda self: [rate.clone().cpu().to(cuda) for rate in real(self)])
    with pytest.raises(CaptureError, match=r"cannot capture the training step \(.*captur.*engine=torch"):
        GraphTrainer(condition(), 0, blobs, cuda)
