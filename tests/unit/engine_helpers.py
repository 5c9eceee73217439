"""Shared by the tests of the engine: compiled networks, and its arrays as PyTorch tensors in double precision."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from normreg.data.specs import MNIST_PIXELS
from normreg.engines.numba_cpu.machine import LANES
from normreg.engines.numba_cpu.network import Batch, EngineNetwork
from normreg.engines.numba_cpu.stages import make_stages
from normreg.models.build import build
from normreg.models.description import MNIST_LIKE
from normreg.models.networks import PUBLISHED, built_in
from normreg.models.shapes import usable_splits
from normreg.training.evaluation import Normaliser

# Kernels of a network take 10 s to compile. These two have ReLU before the norm, with and without padding, pooling
# before and after it, convolutions of 1 x 1. ReLU after the norm is in the random network of test_engine_fuzz.py.
COMPILED = ("gilf641", "noopuragr")
SLOW = [name for name in PUBLISHED if name not in COMPILED]
ENGINE_NETWORKS = [*COMPILED, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


def random_batch(count: int, splits: int = 1, seed: int = 0) -> Batch:
    """Noise, with a uniform border as real images have it: there max pooling meets ties."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, 28, 28)).astype(np.uint8)
    images[:, :6], images[:, :, 20:] = 0, 0
    labels = random.integers(0, 10, count)
    return Batch(images.reshape(count, -1), labels, usable_splits(count, splits))


def make_engine(name, largest, cache, dropout=0):
    """A network with the weights of `make_model`."""
    network = EngineNetwork(make_stages(built_in(name), MNIST_LIKE), largest, dropout, cache)
    gray = torch.arange(256, dtype=torch.uint8).view(1, 1, -1)
    network.pixels[:] = Normaliser(MNIST_PIXELS)(gray).numpy().reshape(-1)
    network.weights[:] = torch.cat([p.detach().reshape(-1) for p in make_model(name, 1).parameters()]).float().numpy()
    for stage, own in zip(network.stages, network.buffers, strict=True):
        if stage.norm:
            own["running_variance"][:] = 1
    return network


def make_model(name, splits):
    """The same in PyTorch, in double precision, with norms that are not at their start."""
    torch.manual_seed(0)
    model = build({"network": name, "norm": "gbn", "num_splits": splits, "dropout": 0.0})
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model.double()


def train_keeping_outputs(network, batch, key):
    """One step. Returns the arrays of each stage, with copies of the outputs: their memory is used again on the way."""
    run, stages, outputs = network.run, {network.addresses[f"forward_{k}"]: k for k in range(len(network.stages))}, {}

    def run_each(calls, batch, key, totals):
        for k in range(len(calls)):
            batch = replace(batch, counter=run(calls[k : k + 1], batch, key, totals))
            stage = stages.get(calls[k]["address"])
            if stage is not None:
                outputs[stage] = {"output": network.buffers[stage]["output"].copy()}
        return batch.counter

    network.run = run_each
    network.train(batch, key, np.zeros(2))
    network.run = run
    return [own | outputs[k] for k, own in enumerate(network.buffers)]


def assert_moved_alike(found, expected, start):
    """Compares the weights (state dicts) of two engines after training from `start`.

    Where they round a value near 0 to different sides of a ReLU, a weight's gradient jumps. So weights differ by some
    thousandths of the way that they went in training. Without one of the settings they differ by a fifth or more. A
    shift that the next norm takes away has a gradient of 0, so that both engines move it by their rounding alone: a
    thousandth of the longest way of any weight is allowed.
    """
    assert list(found) == list(expected)
    ways = {key: (value - start[key]).float().norm() for key, value in expected.items()}
    rounding = 1e-3 * max(way for key, way in ways.items() if key.endswith("weight"))
    for key, value in expected.items():
        assert (found[key] - value).float().norm() <= 0.1 * ways[key] + rounding, key


def images_of(array, count, channels, side):
    """The first `count` images of [block][channel][row][column][lane] as float64 (count, channels, side, side)."""
    blocks = -(-count // LANES)
    lanes = array[: blocks * channels * side * side * LANES].reshape(blocks, channels, side, side, LANES)
    return torch.tensor(lanes.transpose(0, 4, 1, 2, 3).reshape(-1, channels, side, side)[:count], dtype=torch.float64)


def masks_of(array, count, channels, side):
    """Dropout masks in the same shape, 0 or 1."""
    blocks = -(-count // LANES)
    kind = np.dtype(f"uint{LANES}")
    words = array.view(kind)[: blocks * channels * side * side].reshape(blocks, channels, side, side)
    lanes = words[..., None] >> np.arange(LANES, dtype=kind) & 1
    return torch.tensor(lanes.transpose(0, 4, 1, 2, 3).reshape(-1, channels, side, side)[:count].astype(np.float64))


def crop(images, border):
    """Without a border of `border` pixels."""
    side = images.shape[-1]
    return images[..., border : side - border, border : side - border]
