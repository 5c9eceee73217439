"""One network in the engine: its buffers, and the order of the kernels."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from normreg.engines.numba_cpu import kernels, steps
from normreg.engines.numba_cpu.machine import LANES
from normreg.engines.numba_cpu.memory import Memory
from normreg.engines.numba_cpu.stages import AVERAGE_POOL, Stage
from normreg.engines.numba_cpu.steps import Kind

_SCALE = 65536  # dropout's probability is a multiple of 1 / _SCALE
_WORD = 2**32


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


class EngineNetwork:
    """Forward and backward passes of one network, for batches of up to `largest` images.

    `weights` and `gradients` hold all parameters in PyTorch's order, flat float32. `pixels` (channels * 256,) gives the
    float for each 8-bit value of each channel. `addresses` has the machine code of each kernel, by its name.
    """

    def __init__(self, stages: Sequence[Stage], largest: int, dropout: int, cache: Path) -> None:
        """`dropout` is the probability times 65,536. `cache` is the folder of compiled kernels."""
        self.stages, self.largest, self.dropout = tuple(stages), largest, dropout
        self.shared = kernels.load_shared(cache)
        module = kernels.load_network(stages, cache)
        names = [f"{way}_{k}" for way in ("forward", "backward") for k in range(len(stages))]
        self.addresses = {name: steps.address(getattr(module, name)) for name in (*names, "finish", "begin_backward")}
        self.pixels = np.zeros(self.stages[0].inputs * 256, dtype=np.float32)
        self.memory = Memory(self.stages, largest, self.stages[-1].outputs)
        self.weights, self.gradients = self.memory.weights, self.memory.gradients
        self.buffers = self.memory.stages
        self._calls: dict[tuple[str, int, int], Any] = {}
        self.set_evaluation_constants()

    def set_evaluation_constants(self) -> None:
        """Sets the multiply-adds of evaluation mode, from the current weights and running statistics."""
        nothing = np.zeros((0, 0), dtype=np.uint8), np.zeros(0, dtype=np.int64)
        own = {"images": self.largest, "factor": 1.0}
        calls = _table(self._call(Kind.CONSTANTS, index, **own) for index in range(len(self.stages)))
        self.run(calls, Batch(*nothing, 1), 0, np.zeros(2))

    def evaluate(self, batch: Batch, totals: Any) -> None:
        """Adds the summed loss and the number of correct predictions to `totals` (2,).

        Call `set_evaluation_constants` before.
        """
        self.run(self._calls_of("evaluation", batch), batch, 0, totals)

    def train(self, batch: Batch, key: int, totals: Any) -> int:
        """Computes the gradients of the batch's mean loss, and adds to `totals` as `evaluate` does.

        Args:
            batch: up to `largest` images.
            key: 64 bits that choose the stream of dropout masks.
            totals: float64 (2,).

        Returns:
            The counter of dropout masks after the step.
        """
        return self.run(self._calls_of("training", batch), batch, key, totals)

    def run(self, calls: Any, batch: Batch, key: int, totals: Any) -> int:
        """Runs `calls`, an array of `steps.CALL`. The other arguments and the result are those of `train`."""
        arrays = self.memory.arena.memory, self.memory.places, batch.images, batch.labels, self.pixels
        drawing = batch.counter, key % _WORD, key // _WORD, self.dropout
        return int(self.shared.run(calls, *arrays, *drawing, totals))

    def _calls_of(self, mode: str, batch: Batch) -> Any:
        """All calls of a step. They depend on the mode and the size of the batch only."""
        shape = mode, len(batch.labels), batch.splits
        if shape not in self._calls:
            make = self._training_calls if mode == "training" else self._evaluation_calls
            self._calls[shape] = _table(make(*shape[1:]))
        return self._calls[shape]

    def _evaluation_calls(self, images: int, _splits: int) -> Iterator[dict[str, Any]]:
        yield self._load()
        for index in range(len(self.stages)):
            yield self._kernel(f"forward_{index}", index, images, drops=False)
        yield self._kernel("finish", -1, images, drops=False)
        yield self._call(Kind.LOSS, -1)

    def _training_calls(self, images: int, splits: int) -> Iterator[dict[str, Any]]:
        yield self._load()
        order = range(len(self.stages))
        for index in order:
            if self._drops(index):
                count = self.stages[index].mask_words(_blocks(images))
                yield self._call(Kind.MASKS, index, count=count)
        for index in order:
            yield self._kernel(f"forward_{index}", index, images)
            factor = self._keep_factor(index)
            yield self._call(Kind.STATISTICS, index, images=images, splits=splits, factor=factor)
        yield self._kernel("finish", -1, images)
        yield self._call(Kind.LOSS, -1)
        if self.stages[-1].norm:
            yield self._kernel("begin_backward", -1, images)
        for index in reversed(order):
            stage, factor = self.stages[index], self._keep_factor(index)
            if stage.pool == AVERAGE_POOL:
                factor /= stage.window**2
            yield self._call(Kind.COEFFICIENTS, index, images=images, splits=splits, factor=factor)
            yield self._kernel(f"backward_{index}", index, images)

    def _keep_factor(self, index: int) -> float:
        return _SCALE / (_SCALE - self.dropout) if self._drops(index) else 1.0

    def _drops(self, index: int) -> bool:
        return self.stages[index].dropout and self.dropout > 0

    def _load(self) -> dict[str, Any]:
        first = self.stages[0]
        sizes = {"channels": first.inputs, "size": first.input_size, "padding": first.padding}
        return self._call(Kind.LOAD, 0) | sizes

    def _kernel(self, name: str, index: int, images: int, drops: bool = True) -> dict[str, Any]:
        """A call of one of the network's kernels. Without `drops` it is that of evaluation mode."""
        index %= len(self.stages)
        drop, before_drop = drops and self._drops(index), drops and index > 0 and self._drops(index - 1)
        own = {"address": self.addresses[name], "blocks": _blocks(images), "drop": drop, "before_drop": before_drop}
        return self._call(Kind.KERNEL, index, **own)

    def _call(self, kind: int, index: int, **fields: Any) -> dict[str, Any]:
        """The fields of a call for stage `index`. Those not given are the stage's, or 0."""
        stage = self.stages[index]
        known = {"stage": index % len(self.stages), "norm": stage.norm, "channels": stage.outputs, "size": stage.size}
        return {"kind": kind, **known, **fields}


def _blocks(images: int) -> int:
    """Number of blocks. The last block may be partly filled."""
    return -(-images // LANES)


def _table(calls: Iterable[dict[str, Any]]) -> Any:
    """An array of `steps.CALL`."""
    fields = steps.CALL.names or ()
    return np.array([tuple(call.get(name, 0) for name in fields) for call in calls], dtype=steps.CALL)
