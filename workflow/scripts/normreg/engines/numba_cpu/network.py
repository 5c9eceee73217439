"""One network in the engine: its buffers, and the order of the kernels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from normreg.engines.numba_cpu import kernels
from normreg.engines.numba_cpu.memory import Memory
from normreg.engines.numba_cpu.stages import AVERAGE_POOL, Stage
from normreg.engines.numba_cpu.tiles import LANES, Registers

_SCALE = 65536  # dropout's probability is a multiple of 1 / _SCALE
_WORD = 2**32
_Call = Callable[[], None]


@dataclass(frozen=True)
class Batch:
    """The input of a training step.

    Attributes:
        images: uint8 (count, channels * height * width).
        labels: int64 (count,).
        splits: number of ghost batches. 1 is batch normalisation.
        counter: the position in the stream of dropout masks at which the step begins.
    """

    images: Any
    labels: Any
    splits: int
    counter: int = 0

    @property
    def blocks(self) -> int:
        """Number of blocks of 16 images. The last block may be partly filled."""
        return -(-len(self.labels) // LANES)


class EngineNetwork:
    """Forward and backward passes of one network, for batches of up to `largest` images.

    `weights` and `gradients` hold all parameters in PyTorch's order, flat float32. `pixels` (channels * 256,) gives the
    float for each 8-bit value of each channel.
    """

    def __init__(self, stages: Sequence[Stage], largest: int, dropout: int, cache: Path, registers: Registers) -> None:
        """`dropout` is the probability times 65,536. `cache` is the folder of compiled kernels."""
        self.stages, self.largest, self.dropout = tuple(stages), largest, dropout
        self.shared = kernels.load_shared(cache)
        module = kernels.load_network(stages, registers, cache)
        count = len(self.stages)
        self.forward_kernels = [getattr(module, f"forward_{k}") for k in range(count)]
        self.backward_kernels = [getattr(module, f"backward_{k}") for k in range(count)]
        self.finish_kernel, self.begin_backward_kernel = module.finish, module.begin_backward
        self.pixels = np.zeros(self.stages[0].inputs * 256, dtype=np.float32)
        self.classes = self.stages[-1].outputs
        self.memory = Memory(self.stages, largest, self.classes)
        self.weights, self.gradients = self.memory.weights, self.memory.gradients
        self.buffers = self.memory.stages
        self._arrays = self.memory.arena.memory, self.memory.places
        self._passes: dict[tuple[int, int], tuple[list[_Call], list[_Call]]] = {}
        self.set_evaluation_constants()

    def _keep_factor(self, stage: Stage) -> float:
        return _SCALE / (_SCALE - self.dropout) if self._drops(stage) else 1.0

    def _drops(self, stage: Stage) -> bool:
        return stage.dropout and self.dropout > 0

    def set_evaluation_constants(self) -> None:
        """Sets the multiply-adds of evaluation mode, from the current weights and running statistics."""
        for index, (stage, own) in enumerate(zip(self.stages, self.buffers, strict=True)):
            if stage.norm:
                self.shared.running_coefficients(*self._arrays, index, self.largest)
            else:
                self.shared.set_constant(own["scale"], stage.outputs, self.largest, 1.0)

    def evaluate(self, batch: Batch, totals: Any) -> None:
        """Adds the summed loss and the number of correct predictions to `totals` (2,).

        Call `set_evaluation_constants` before.
        """
        self._load(batch)
        for index in range(len(self.stages)):
            self._forward(index, batch.blocks, drop=False)()
        self._finish(batch, totals, drop=False)

    def train(self, batch: Batch, key: int, totals: Any) -> int:
        """Computes the gradients of the batch's mean loss, and adds to `totals` as `evaluate` does.

        Args:
            batch: up to `largest` images.
            key: 64 bits that choose the stream of dropout masks.
            totals: float64 (2,).

        Returns:
            The counter of dropout masks after the step.
        """
        self._load(batch)
        counter = self._draw_masks(batch, key)
        shape = len(batch.labels), batch.splits
        if shape not in self._passes:
            self._passes[shape] = self._make_passes(*shape, batch.blocks)
        forward, backward = self._passes[shape]
        for call in forward:
            call()
        self._finish(batch, totals, drop=True)
        for call in backward:
            call()
        return counter

    def _load(self, batch: Batch) -> None:
        first = self.stages[0]
        sizes = (first.inputs, first.input_size, first.padding)
        self.shared.load_images(batch.images, self.pixels, self.buffers[0]["source"], *sizes)

    def _draw_masks(self, batch: Batch, key: int) -> int:
        """Draws the dropout masks of all stages. Returns the counter after them."""
        counter = batch.counter
        for stage, own in zip(self.stages, self.buffers, strict=True):
            if self._drops(stage):
                masks = own["mask_words"][: stage.mask_words(batch.blocks)]
                self.shared.draw_masks(masks, counter, key % _WORD, key // _WORD, self.dropout)
                counter += len(masks) * LANES  # below 2**32 for a whole epoch: see the contract
        return counter

    def _make_passes(self, images: int, splits: int, blocks: int) -> tuple[list[_Call], list[_Call]]:
        """The calls of a step before and after its loss, for batches of one size.

        All but the loss have the same arguments in each step. To find them again would take 1 % of a step.
        """
        order = range(len(self.stages))
        forward = [
            call for k in order for call in (self._forward(k, blocks, drop=True), self._normalise(k, images, splits))
        ]
        backward = [
            call for k in reversed(order) for call in (self._coefficients(k, images, splits), self._backward(k, blocks))
        ]
        last = self.stages[-1]
        if last.norm:
            backward.insert(0, partial(self.begin_backward_kernel, *self._arrays, blocks, self._drops(last)))
        return forward, backward

    def _forward(self, index: int, blocks: int, drop: bool) -> _Call:
        drop = drop and index > 0 and self._drops(self.stages[index - 1])
        return partial(self.forward_kernels[index], *self._arrays, blocks, drop)

    def _normalise(self, index: int, images: int, splits: int) -> _Call:
        """Statistics and multiply-adds of a stage's normalisation, with the factor of dropout."""
        stage = self.stages[index]
        factor = self._keep_factor(stage)
        if not stage.norm:
            return partial(self.shared.set_constant, self.buffers[index]["scale"], stage.outputs, images, factor)
        return partial(self.shared.batch_statistics, *self._arrays, index, images, splits, stage.size**2, factor)

    def _finish(self, batch: Batch, totals: Any, drop: bool) -> None:
        drop = drop and self._drops(self.stages[-1])
        self.finish_kernel(*self._arrays, batch.blocks, self.memory.logits, drop)
        gradient = self.buffers[-1]["gradient"]
        self.shared.cross_entropy(self.memory.logits, batch.labels, gradient, self.classes, totals)

    def _backward(self, index: int, blocks: int) -> _Call:
        before = index > 0 and self._drops(self.stages[index - 1])
        return partial(self.backward_kernels[index], *self._arrays, blocks, self._drops(self.stages[index]), before)

    def _coefficients(self, index: int, images: int, splits: int) -> _Call:
        """Slopes of a stage's normalisation. They include the factors of dropout and averaging."""
        stage = self.stages[index]
        factor = self._keep_factor(stage)
        if stage.pool == AVERAGE_POOL:
            factor /= stage.window**2
        if not stage.norm:
            return partial(self.shared.set_constant, self.buffers[index]["slope"], stage.outputs, images, factor)
        own = (index, self.memory.scratch, images, splits, stage.size**2, factor)
        return partial(self.shared.gradient_coefficients, *self._arrays, *own)
