"""The arrays of a network in the engine."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from normreg.engines.numba_cpu.arrays import NAMES
from normreg.engines.numba_cpu.buffers import Arena
from normreg.engines.numba_cpu.machine import LANES, MASKS
from normreg.engines.numba_cpu.stages import Stage


def _requests(stages: Sequence[Stage], index: int, largest: int) -> dict[str, tuple[int, Any]]:
    """Number of elements and type of each array of a stage.

    The fewer pieces of memory a step uses, the more of them stay in the caches. So the source has all blocks in the
    first stage only. In the others it is made again for each block, forward and back. And the gradient of a stage,
    which begins to exist when the next stage goes back, is in the memory of that stage's output, see `_share`.
    """
    stage, blocks = stages[index], -(-largest // LANES)
    vectors = blocks * LANES
    output, pooled = stage.outputs * stage.size**2, stage.outputs * stage.pooled**2
    gradient_before = stage.inputs * stage.input_size**2 if index else 0
    weights = stage.outputs * stage.inputs * stage.kernel**2
    floats = {
        "source": (LANES if index else vectors) * stage.inputs * stage.side**2,
        "output": vectors * max(output, gradient_before),
        "choice": vectors * pooled,
        "local": LANES * stage.outputs * (stage.size + 2 * stage.halo) ** 2,
        "weight_sums": LANES * weights,
        **dict.fromkeys(
            ("scale", "shift", "slope", "pull", "offset", "totals", "squares", "products"), vectors * stage.outputs
        ),
        **dict.fromkeys(("running_mean", "running_variance"), stage.outputs),
    }
    if index == len(stages) - 1:
        floats["gradient"] = vectors * pooled
    requests: dict[str, tuple[int, Any]] = {name: (count, np.float32) for name, count in floats.items()}
    requests["masks"] = (stage.mask_words(blocks), MASKS)
    requests |= dict.fromkeys(("mean", "rstd"), (stage.outputs * largest, np.float64))
    return requests


class Memory:
    """All arrays for batches of up to `largest` images, in one piece of memory.

    Attributes:
        weights, gradients, velocity: all parameters in PyTorch's order, flat float32.
        bounds: tensor t of them is bounds[t] to bounds[t + 1].
        logits: [block][class][image].
        stages: the arrays of each stage by name.
        places: where the kernels find these arrays, see `arrays.floats`. A place is 0 to 0 if there is no such array.
    """

    def __init__(self, stages: Sequence[Stage], largest: int, classes: int) -> None:
        blocks = -(-largest // LANES)
        sizes = [n for s in stages for n in (s.outputs * s.inputs * s.kernel**2, *([s.outputs] * 2 * s.norm))]
        self.bounds = np.cumsum([0, *sizes])
        requests = {
            f"{index}.{name}": request
            for index in range(len(stages))
            for name, request in _requests(stages, index, largest).items()
        }
        requests |= dict.fromkeys(("weights", "gradients", "velocity"), (int(self.bounds[-1]), np.float32))
        requests |= {"logits": (blocks * classes * LANES, np.float32), "scratch": (2 * largest, np.float64)}
        self.arena = Arena(requests)
        arrays = self.arena.arrays
        self.weights, self.gradients, self.velocity = (arrays[name] for name in ("weights", "gradients", "velocity"))
        self.logits = arrays["logits"]
        tensor, self.stages = 0, []
        for index, stage in enumerate(stages):
            self.stages.append(self._stage_arrays(index, stage, tensor))
            tensor += 3 if stage.norm else 1
        for index, stage in enumerate(stages[1:], start=1):
            self._share(index, stage, blocks)
        self.places = np.zeros((len(stages), len(NAMES), 2), dtype=np.int64)
        for index, own in enumerate(self.stages):
            for name in NAMES:
                array = own.get(name, arrays.get(name))  # those without a stage have the same place in every one
                if array is not None:
                    self.places[index, NAMES.index(name)] = self.arena.place(array)

    def _stage_arrays(self, index: int, stage: Stage, tensor: int) -> dict[str, Any]:
        """The arrays of a stage. Its first parameter is tensor number `tensor`."""
        prefix = f"{index}."
        own = {name.removeprefix(prefix): a for name, a in self.arena.arrays.items() if name.startswith(prefix)}
        own["mean"], own["rstd"] = (own[name].reshape(stage.outputs, -1) for name in ("mean", "rstd"))
        names = ("weight", "norm_weight", "norm_bias") if stage.norm else ("weight",)
        for k, name in enumerate(names, start=tensor):
            part = slice(self.bounds[k], self.bounds[k + 1])
            own[name], own[f"{name}_gradient"] = self.weights[part], self.gradients[part]
        if stage.norm:
            pair = slice(self.bounds[tensor + 1], self.bounds[tensor + 3])
            own["norm_gradients"] = self.gradients[pair].reshape(2, -1)
        return own

    def _share(self, index: int, stage: Stage, blocks: int) -> None:
        """Puts the output of a stage at the end of its memory, and the gradient of the stage before at the beginning.

        A block's gradient is written when the outputs of this block and of those before it are not needed any more. It
        never reaches the outputs of later blocks, whichever of the two is larger.
        """
        own = self.stages[index]
        memory = own["output"]
        own["output"] = memory[len(memory) - blocks * LANES * stage.outputs * stage.size**2 :]
        self.stages[index - 1]["gradient"] = memory[: blocks * LANES * stage.inputs * stage.input_size**2]
