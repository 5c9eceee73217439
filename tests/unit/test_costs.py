"""The time that a batch system gives to a training, against arithmetic by hand."""

import pytest
import torch
from torch import nn

from normreg.config import costs, datasets, networks
from normreg.models import build
from normreg.models.description import DataShape, from_data
from normreg.models.networks import BUILT_IN, built_in
from normreg.models.shapes import count_multiply_adds


def counted(network, data):
    """Multiply-adds by PyTorch's own layers: what each gives times what each value of it is a sum of."""
    condition = {"network": network, "norm": "bn", "num_splits": 1, "dropout": 0.0}
    model, found = build.build(condition, data).eval(), []

    def count(layer, _, output):
        terms = layer.weight[0].numel()  # of a convolution: input channels of the group, rows and columns of the kernel
        found.append(output[0].numel() * terms)

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, *data[:3]))
    return sum(found)


@pytest.mark.parametrize("name", BUILT_IN)
def test_multiply_adds_of_networks_that_come_with_the_project(name):
    data = DataShape(1, 28, 28, 7)
    assert count_multiply_adds(built_in(name), data) == counted(name, data)


def test_multiply_adds_as_docs_performance_says():
    assert count_multiply_adds(built_in("gilf641")) == pytest.approx(0.875e6, rel=1e-3)
    assert count_multiply_adds(built_in("hardayaleva5")) == pytest.approx(1.244e6, rel=1e-3)


def test_multiply_adds_by_hand():
    """8 x 8 pixels: 4 x 64 values of 2 x 9 (2 groups of 2 channels), twice 4 x 16 of 4, and 3 of 4 at the end."""
    layers = [
        {"conv": {"channels": 4, "kernel": 3, "padding": 1, "groups": 2}},
        {
            "residual": {
                "layers": [{"conv": {"channels": 4, "kernel": 1, "stride": 2}}, "norm", "relu"],
                "shortcut": [{"conv": {"channels": 4, "kernel": 1, "stride": 2}}],
            }
        },
        "global_avg_pool",
        "flatten",
        {"linear": {"features": "classes"}},
    ]
    network = from_data({"layers": layers})
    assert count_multiply_adds(network, DataShape(4, 8, 8, 3)) == 4 * 64 * 18 + 2 * (4 * 16 * 4) + 12


def condition(**changed):
    return {"network": "gilf641", "epochs": 25, "train_images": "all", "holdout_images": 0} | changed


def test_minutes_by_hand():
    """MNIST, gilf641: (60000 + 10000 / 3) images, 0.3 + 0.12 x 0.874816 ms each, 25 epochs, 4 times as slow: 42.7."""
    mnist = datasets.find("mnist")
    assert costs.training_minutes(condition(), mnist) == 5 + 43
    # A tenth of the images; twice the epochs.
    assert costs.training_minutes(condition(train_images=6000), mnist) == 5 + 7
    assert costs.training_minutes(condition(epochs=50), mnist) == 5 + 86


def test_a_large_network_gets_more_and_one_in_python_the_default(tmp_path, monkeypatch):
    cifar = datasets.find("cifar10")
    assert costs.training_minutes(condition(network="resnet9"), cifar) > 50 * costs.training_minutes(condition(), cifar)
    (tmp_path / "own.py").write_text("def build(spec):\n    raise SystemExit('run')\n")
    monkeypatch.setattr(networks, "NETWORKS", tmp_path)
    # 0.3 + 12 ms for each of 60000 + 10000 / 3 images, 4 times as slow: 51.93 minutes an epoch.
    assert costs.training_minutes(condition(network="own", epochs=1), datasets.find("mnist")) == 5 + 52
