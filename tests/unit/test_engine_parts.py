"""The engine's parts without a network: tiles, stages, dropout masks, the SGD step."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from normreg.engines.numba_cpu import kernels
from normreg.engines.numba_cpu.errors import UnsupportedError
from normreg.engines.numba_cpu.images import draw_masks
from normreg.engines.numba_cpu.machine import LANES, MASKS
from normreg.engines.numba_cpu.stages import make_stages
from normreg.engines.numba_cpu.tiles import AVX2, AVX512, choose_registers, forward_tiles, gradient_tiles, split
from normreg.models.description import MNIST_LIKE, AvgPool, Conv, Dropout, MaxPool, Network, Norm, Relu
from normreg.models.networks import PUBLISHED, built_in
from normreg.training import objective


@pytest.fixture(scope="module")
def shared(kernel_cache):
    return kernels.load_shared(kernel_cache)


def covered(runs):
    return [run.start + k * run.size + i for run in runs for k in range(run.count) for i in range(run.size)]


@pytest.mark.parametrize("largest", range(1, 12))
@pytest.mark.parametrize("total", [1, 7, 10, 11, 28, 30])
def test_tiles_cover_everything_once(total, largest):
    runs = split(total, largest)
    assert covered(runs) == list(range(total))
    assert max(run.size for run in runs) <= largest


@pytest.mark.parametrize("registers", [AVX512, AVX2], ids=["avx512", "avx2"])
def test_tiles_fit_the_registers(registers):
    for stage in (stage for name in PUBLISHED for stage in make_stages(built_in(name), MNIST_LIKE)):
        tiles = forward_tiles(stage.outputs, stage.size, stage.kernel, registers)
        assert tiles.channels[0].size * tiles.columns[0].size <= registers.sums
        tiles = gradient_tiles(stage.outputs, stage.inputs, stage.kernel, registers)
        assert tiles.channels[0].size * tiles.columns[0].size <= registers.sums


def test_registers_follow_the_processor():
    assert choose_registers({"avx512f": True, "avx2": True, "fma": True}) is AVX512
    assert choose_registers({"avx2": True, "fma": True}) is AVX2
    with pytest.raises(UnsupportedError, match="neither AVX-512 nor AVX2"):
        choose_registers({"avx2": True, "fma": False})


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_network_has_stages(name):
    stages = make_stages(built_in(name), MNIST_LIKE)
    assert stages[-1].pooled == 1
    assert stages[-1].outputs == 10


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((MaxPool(2),), "pooling that does not follow"),
        ((Conv(4), MaxPool(2), AvgPool(13)), "pooling that does not follow"),
        ((Conv(4, kernel=5),), "5 x 5"),
        ((Conv(4, padding=3),), "padding 3"),
        ((Conv(4), Norm(), Dropout(), Relu()), "norm, dropout, relu after"),
        ((Conv(4), Relu(), Norm(), Relu()), "relu, norm, relu after"),
        ((Conv(4), Dropout(), Norm()), "dropout, norm after"),
        ((Norm(), Conv(4)), "does not begin with a convolution"),
        ((Conv(4), AvgPool(26), Relu()), "or that a layer follows"),
        ((Conv(4, stride=2),), "conv with stride"),
        ((Conv(4, bias=True),), "conv with stride, groups, bias"),
        ((Conv(4, groups=2),), "conv with stride, groups"),
        ((Conv(4), MaxPool(2, stride=1)), "max_pool with stride"),
        ((Conv(4), MaxPool(2, padding=1)), "max_pool with stride, groups, bias or padding"),
        ((Conv(10),), "26 x 26"),
        ((Conv(10), AvgPool(27)), "no pixels"),
    ],
)
def test_what_has_no_kernels_is_refused(layers, message):
    with pytest.raises(UnsupportedError, match=message):
        make_stages(Network(layers, 0.1), MNIST_LIKE)


# --- dropout masks


def draw(words, counter=0, key=(1, 2), threshold=6554):
    masks = np.zeros(words, MASKS)
    draw_masks(masks, counter, *key, threshold)
    return masks, np.unpackbits(masks.view(np.uint8), bitorder="little").astype(bool)


@pytest.mark.parametrize("threshold", [66, 2621, 6554, 32768, 60000])
def test_masks_keep_the_share_they_should(threshold):
    _, kept = draw(200_000, threshold=threshold)
    p = stats.binomtest(int((~kept).sum()), len(kept), threshold / 65536).pvalue
    assert p > 1e-4


def test_masks_are_independent_of_each_other():
    """Correlations along lanes, vectors, counters and keys: each a normal deviate if there is none."""
    _, kept = draw(100_000, threshold=32768)
    signs = np.where(kept, 1.0, -1.0)
    deviates = [
        (signs[k:] * signs[:-k]).sum() / math.sqrt(len(signs) - k) for k in (1, 2, 7, 8, 9, 15, 16, 17, 32, 512, 513)
    ]
    for other in (
        draw(100_000, counter=100_000 * LANES, threshold=32768),
        draw(100_000, 0, (1, 3), 32768),
    ):
        deviates.append((signs * np.where(other[1], 1.0, -1.0)).sum() / math.sqrt(len(signs)))
    assert max(np.abs(deviates)) < 4.5


def test_masks_continue_where_the_counter_says():
    whole, _ = draw(64)
    rest, _ = draw(32, counter=32 * LANES)
    assert np.array_equal(whole[32:], rest)
    assert not np.array_equal(whole, draw(64, key=(2, 2))[0])


# --- SGD


@pytest.mark.parametrize("scope", ["all", "weights"])
@pytest.mark.parametrize(
    ("lambdas", "momentum", "nesterov"),
    [((0.0, 0.0, 0.0), 0.0, False), ((1e-2, 1e-1, 0.0), 0.9, False), ((1e-2, 0.0, 1e-1), 0.9, True)],
)
def test_step_equals_pytorch(shared, scope, lambdas, momentum, nesterov):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, bias=False), torch.nn.BatchNorm2d(4)).double()
    with torch.no_grad():
        model[0].weight[0, 0, 0, 0] = 0  # |w| has the gradient 0 there
    names = dict(zip(("l1", "l2", "group_l2"), lambdas, strict=True))
    settings = {"name": "sgd", "lr": 0.1, "momentum": momentum, "nesterov": nesterov}
    sgd = objective.make_optimizer(model, settings, names["l2"], scope)
    inside = {id(p) for p in objective.scoped_parameters(model, scope)[0]}
    sizes = [p.numel() for p in model.parameters()]
    weights = torch.cat([p.detach().reshape(-1) for p in model.parameters()]).float().numpy()
    velocity, gradients = np.zeros_like(weights), np.random.default_rng(0).normal(size=len(weights)).astype(np.float32)
    for _ in range(3):
        penalised = objective.scoped_parameters(model, scope)[0]
        expected = objective.penalty(penalised, names)
        sgd.zero_grad()
        if expected is not None:
            expected.backward()
        for p, g in zip(model.parameters(), torch.tensor(gradients).double().split(sizes), strict=True):
            p.grad = g.view_as(p) + (0 if p.grad is None else p.grad)
        found = shared.sgd(
            weights,
            gradients,
            velocity,
            np.cumsum([0, *sizes]),
            np.array([id(p) in inside for p in model.parameters()]),
            *lambdas,
            0.1,
            momentum,
            nesterov,
        )
        sgd.step()
        assert found == pytest.approx(0.0 if expected is None else expected.item(), rel=1e-5)
    after = torch.cat([p.detach().reshape(-1) for p in model.parameters()]).numpy()
    np.testing.assert_allclose(weights, after, rtol=1e-5, atol=1e-6)
