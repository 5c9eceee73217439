"""Every kernel of every network against PyTorch in double precision, given the kernel's own inputs.

A batch of one block keeps what each kernel read and wrote in memory, but for copies of the outputs. So each is judged
alone, and no error of one hides in another. Whole networks and larger batches follow.
"""

import math

import numpy as np
import pytest
import torch
from engine_helpers import (
    ENGINE_NETWORKS,
    crop,
    images_of,
    make_engine,
    make_model,
    masks_of,
    random_batch,
    train_keeping_outputs,
)
from torch.nn import functional as F

from normreg.engines.numba_cpu.machine import LANES
from normreg.engines.numba_cpu.network import Batch
from normreg.engines.numba_cpu.stages import AVERAGE_POOL, MAX_POOL
from normreg.models.layers import GhostBatchNorm2d

DROPOUT = 6554  # of 65,536: a tenth


def close(found, expected, tolerance=1e-5):
    assert (found - expected).abs().max() <= tolerance * expected.abs().max() + 1e-12


def through_link(stage, own, output, count, splits):
    """What comes of the convolution's output, in double precision; where pooling compares, rounded as the engine's."""
    value = output
    if stage.norm:
        norm = GhostBatchNorm2d(stage.outputs, splits).double()
        norm.weight.data = torch.tensor(own["norm_weight"], dtype=torch.float64)
        norm.bias.data = torch.tensor(own["norm_bias"], dtype=torch.float64)
        value = norm(value)
    if stage.rectified:
        value = value.relu()
    if stage.dropout:
        value = value * masks_of(own["masks"], count, stage.outputs, stage.size) * (65536 / (65536 - DROPOUT))
    if stage.pool == MAX_POOL:
        rounded = value.detach().float().double()
        return F.max_pool2d(value + (rounded - value.detach()), stage.window)
    return F.avg_pool2d(value, stage.window) if stage.pool == AVERAGE_POOL else value


def check_convolution(stage, own, count):
    source = images_of(own["source"], count, stage.inputs, stage.side)
    weight = torch.tensor(own["weight"].reshape(stage.outputs, stage.inputs, stage.kernel, stage.kernel)).double()
    raw = F.conv2d(source, weight)
    expected = raw.relu() if stage.rectified_first else raw
    close(images_of(own["output"], count, stage.outputs, stage.size), expected)
    return source, weight, raw


@pytest.mark.parametrize("name", ENGINE_NETWORKS)
@pytest.mark.parametrize(("count", "splits"), [(LANES, 4), (LANES // 3 * 3, 3)])
def test_each_kernel(name, count, splits, kernel_cache):
    network = make_engine(name, LANES + 1, kernel_cache, DROPOUT)
    batch = random_batch(count, splits)
    assert batch.splits == splits
    owns, before = train_keeping_outputs(network, batch, key=7), None
    for stage, own in zip(network.stages, owns, strict=True):
        source, weight, raw = check_convolution(stage, own, count)
        if before is not None:
            close(crop(source, stage.padding), before.detach())
        output = images_of(own["output"], count, stage.outputs, stage.size).requires_grad_()
        before = through_link(stage, own, output, count, splits)
        before.backward(images_of(own["gradient"], count, stage.outputs, stage.pooled))
        gradient = output.grad * (raw > 0) if stage.rectified_first else output.grad
        side = stage.size + 2 * stage.halo
        local = images_of(own["local"], count, stage.outputs, side)
        close(crop(local, stage.halo), gradient, 2e-5)
        assert torch.count_nonzero(local) == torch.count_nonzero(crop(local, stage.halo))
        expected = torch.nn.grad.conv2d_weight(source, weight.shape, crop(local, stage.halo))
        close(torch.tensor(own["weight_gradient"]).double().view_as(weight), expected)
    for index in range(1, len(network.stages)):
        check_input_gradient(network, index, count)
    assert network.memory.arena.damaged() == []


def check_input_gradient(network, index, count):
    stage, own, before = network.stages[index], network.buffers[index], network.buffers[index - 1]
    weight = torch.tensor(own["weight"].reshape(stage.outputs, stage.inputs, stage.kernel, stage.kernel)).double()
    local = crop(images_of(own["local"], count, stage.outputs, stage.size + 2 * stage.halo), stage.halo)
    shape = (count, stage.inputs, stage.input_size, stage.input_size)
    expected = torch.nn.grad.conv2d_input(shape, weight, local, padding=stage.padding)
    close(images_of(before["gradient"], count, stage.inputs, stage.input_size), expected)


@pytest.mark.parametrize("name", ENGINE_NETWORKS)
@pytest.mark.parametrize(("count", "splits"), [(64, 1), (64, 4), (37, 1), (36, 6), (129, 3), (4, 2)])
def test_gradients_of_whole_networks(name, count, splits, kernel_cache):
    """Loss, gradients and running statistics. A value close to 0 may fall to the other side of a ReLU and shift all
    gradients of a small batch, as in PyTorch's own single precision, so the best of three batches counts."""
    network = make_engine(name, 129, kernel_cache)
    network.train(random_batch(129, seed=9), key=0, totals=np.zeros(2))  # leaves its traces in all blocks
    errors = [gradient_errors(network, name, random_batch(count, splits, seed), splits) for seed in (0, 1, 2)]
    assert min(errors) < (1e-4 if count > 4 else 1e-2)
    assert network.memory.arena.damaged() == []


def gradient_errors(network, name, batch, splits):
    """The largest relative error of a tensor's gradient; checks loss and running statistics on the way."""
    model, totals, count = make_model(name, splits), np.zeros(2), len(batch.labels)
    for stage, own in zip(network.stages, network.buffers, strict=True):
        if stage.norm:
            own["running_mean"][:], own["running_variance"][:] = 0, 1
    network.train(batch, key=0, totals=totals)
    pixels = torch.tensor(network.pixels).double()[torch.tensor(batch.images).long()].view(count, 1, 28, 28)
    logits = model(pixels)
    loss = F.cross_entropy(logits, torch.tensor(batch.labels))
    loss.backward()
    assert totals[0] / count == pytest.approx(loss.item(), rel=1e-4)
    assert totals[1] == (logits.argmax(1).numpy() == batch.labels).sum()
    owns = [own for stage, own in zip(network.stages, network.buffers, strict=True) if stage.norm]
    norms = [module for module in model if isinstance(module, GhostBatchNorm2d)]
    for own, norm in zip(owns, norms, strict=True):
        np.testing.assert_allclose(own["running_mean"], norm.running_mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(own["running_variance"], norm.running_var, rtol=1e-5)
    parts = torch.tensor(network.gradients).double().split([p.numel() for p in model.parameters()])
    pairs = zip(parts, model.parameters(), strict=True)
    return max(((found.view_as(p) - p.grad).norm() / p.grad.norm()).item() for found, p in pairs)


@pytest.mark.parametrize("name", ENGINE_NETWORKS)
def test_evaluation(name, kernel_cache):
    network, model = make_engine(name, 64, kernel_cache, DROPOUT), make_model(name, 1)
    for stage, own in zip(network.stages, network.buffers, strict=True):
        if stage.norm:
            own["running_mean"][:] = np.linspace(-0.5, 0.5, stage.outputs)
            own["running_variance"][:] = np.linspace(0.5, 2, stage.outputs)
    for norm in (module for module in model if isinstance(module, GhostBatchNorm2d)):
        norm.running_mean[:] = torch.linspace(-0.5, 0.5, norm.num_features)
        norm.running_var[:] = torch.linspace(0.5, 2, norm.num_features)
    batch, totals = random_batch(50), np.zeros(2)
    network.set_evaluation_constants()
    network.evaluate(batch, totals)
    pixels = torch.tensor(network.pixels).double()[torch.tensor(batch.images).long()].view(50, 1, 28, 28)
    with torch.no_grad():
        logits = model.eval()(pixels)
    close(images_of(network.memory.logits, 50, 10, 1).flatten(1), logits, 1e-5)
    loss = F.cross_entropy(logits, torch.tensor(batch.labels), reduction="sum").item()
    assert totals[0] == pytest.approx(loss, rel=1e-5)


def test_guards_see_what_is_written_beyond_an_array(kernel_cache):
    network = make_engine("gilf641", 17, kernel_cache)
    output = network.buffers[1]["output"]
    beyond = np.lib.stride_tricks.as_strided(output, (len(output) + 8,))
    beyond[len(output)] = 1.0
    assert network.memory.arena.damaged() == ["1.output"]


def test_pooling_takes_the_first_of_equals(kernel_cache):
    """On images of one gray all pixels of a window are equal, away from the edges."""
    network = make_engine("gilf641", 16, kernel_cache)
    batch = random_batch(16)
    batch.images[:] = 100
    network.train(batch, key=0, totals=np.zeros(2))
    index = next(k for k, stage in enumerate(network.stages) if stage.pool == MAX_POOL)
    stage, own = network.stages[index], network.buffers[index]
    assert (own["choice"] == 0).all()
    local = crop(images_of(own["local"], 16, stage.outputs, stage.size + 2 * stage.halo), stage.halo)
    above = images_of(own["gradient"], 16, stage.outputs, stage.pooled)
    assert above.abs().max() > 0
    assert not torch.equal(local[..., ::2, ::2], local[..., 1::2, 1::2])


def deviation_error(network, ratio):
    """The largest relative error of a ghost batch's standard deviation where mean / standard deviation is `ratio`.

    The first convolution copies images whose pixels have that mean, and standard deviation 1. The truth is of the
    engine's own output, in double precision and two passes.
    """
    stage, own = network.stages[0], network.buffers[0]
    network.pixels[:] = ratio + (np.arange(256) - 127.5) / math.sqrt((256**2 - 1) / 12)
    own["weight"].reshape(stage.outputs, -1)[:] = np.eye(9)[4]
    images = np.random.default_rng(0).integers(0, 256, (64, 784)).astype(np.uint8)
    network.train(Batch(images, np.zeros(64, np.int64), 4), key=0, totals=np.zeros(2))
    output = images_of(own["output"], 64, stage.outputs, stage.size)
    expected = torch.stack([output[s::4].transpose(0, 1).flatten(1).std(1, correction=0) for s in range(4)], dim=1)
    found = torch.tensor(own["rstd"][:, :4]) ** -2 - 1e-5
    return (found.clamp(min=0).sqrt() / expected - 1).abs().max().item()


@pytest.mark.parametrize(("ratio", "bound"), [(1, 1e-6), (10, 5e-5), (50, 1e-3), (100, 5e-3)])
def test_standard_deviations_are_as_exact_as_the_documentation_says(ratio, bound, kernel_cache, root):
    """Sums of one pass in single precision: digits go with the square of mean / standard deviation."""
    assert deviation_error(make_engine("gilf641", 64, kernel_cache), ratio) < bound
    stands = f"| {ratio} | {bound:.0e} |".replace("e-0", "e-")
    assert stands in (root / "docs/engine.md").read_text(encoding="utf-8"), stands
