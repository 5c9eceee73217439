"""Dropout's masks are others in every seed, epoch, step and layer, in PyTorch and in the CPU engine."""

import itertools
import math

import numpy as np
import pytest
import torch

from normreg.engines.numba_cpu.machine import LANES
from normreg.engines.numba_cpu.trainer import EngineTrainer
from normreg.engines.pytorch import TorchTrainer
from normreg.models.layers import Dropout

CPU = torch.device("cpu")
SETTINGS = {"dropout": 0.5, "batch_size": 16, "augmentation": []}  # half of all bits: the sharpest comparison
STEPS, LAYERS, EPOCHS, SEEDS = 4, 4, 2, 2  # of gilf641 on the 50 images


def torch_masks(condition, seed, data):
    """Bits (drawn in this order) of each mask of two epochs; layers see ones, so that no zero of theirs hides a bit."""
    trainer, masks = TorchTrainer(condition, seed, data, CPU), []
    for layer in (module for module in trainer.model if isinstance(module, Dropout)):
        layer.register_forward_pre_hook(lambda _, inputs: (torch.ones_like(inputs[0]),))
        layer.register_forward_hook(
            lambda layer, _, out: masks.append((out != 0).flatten().numpy()) if layer.training else None
        )
    return _of_training(trainer, masks)


def engine_masks(condition, seed, data, cache, monkeypatch):
    """The same of the engine: what each step leaves in the memory of the masks."""
    trainer, masks = EngineTrainer(condition, seed, data, cache), []
    network, train = trainer.network, trainer.network.train

    def record(batch, *rest):
        counter = train(batch, *rest)
        for stage, own in zip(network.stages, network.buffers, strict=True):
            if stage.dropout:
                words = own["masks"][: stage.mask_words(-(-len(batch.labels) // LANES))]
                masks.append(np.unpackbits(words.view(np.uint8), bitorder="little").astype(bool))
        return counter

    monkeypatch.setattr(network, "train", record)
    return _of_training(trainer, masks)


def _of_training(trainer, masks):
    for epoch in range(1, EPOCHS + 1):
        trainer.run_epoch(epoch)
    places = itertools.product(range(1, EPOCHS + 1), range(STEPS), range(LAYERS))
    return dict(zip(places, masks, strict=True))


@pytest.fixture(params=["torch", "numba"])
def masks(request, condition, blobs, monkeypatch):
    """Bits by seed, epoch, step and layer."""
    found = {}
    for seed in range(SEEDS):
        if request.param == "torch":
            drawn = torch_masks(condition(**SETTINGS), seed, blobs)
        else:
            cache = request.getfixturevalue("kernel_cache")
            drawn = engine_masks(condition(**SETTINGS), seed, blobs, cache, monkeypatch)
        found |= {(seed, *place): bits for place, bits in drawn.items()}
    return found


def test_no_two_masks_are_alike(masks):
    """Two masks agree in half of their bits: a normal deviate a pair, and none of 2,016 is far out."""
    for (place, one), (other_place, other) in itertools.combinations(masks.items(), 2):
        count = min(len(one), len(other))
        agreeing = int((one[:count] == other[:count]).sum())
        assert abs(2 * agreeing - count) / math.sqrt(count) < 6, (place, other_place)


def test_no_mask_holds_a_part_of_another(masks):
    """64 bits from every multiple of 32 on, where one counter would meet another: by chance, none occurs twice."""
    halves = [np.packbits(bits[: len(bits) // 32 * 32]).view(np.uint32).astype(np.uint64) for bits in masks.values()]
    words = np.concatenate([half[:-1] << np.uint64(32) | half[1:] for half in halves])
    assert len(words) > 80_000
    assert len(np.unique(words)) == len(words)
