"""Does a whole step in one call from Python: runs a list of calls, one after the other. Numba code.

A kernel leaves nothing of Python in the caches. So each call from Python costs some microseconds, and a step needs some
forty of them.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from normreg.engines.numba_cpu import normalisation
from normreg.engines.numba_cpu.arrays import NAMES, doubles, floats, words
from normreg.engines.numba_cpu.gradients import Slopes
from normreg.engines.numba_cpu.images import draw_masks, load_images
from normreg.engines.numba_cpu.machine import LANES
from normreg.engines.numba_cpu.normalisation import Extent, Norm, set_constant
from normreg.engines.numba_cpu.optimiser import cross_entropy

compiled = njit(error_model="numpy")


class Kind(IntEnum):
    """What a call does. `CONSTANTS`, `STATISTICS` and `COEFFICIENTS` compute the multiply-adds of a stage."""

    LOAD = 0  # the images
    MASKS = 1  # draws the dropout masks of a stage
    KERNEL = 2  # calls a kernel of the network
    LOSS = 3
    CONSTANTS = 4  # of evaluation mode
    STATISTICS = 5  # of the batch
    COEFFICIENTS = 6  # of the gradient


# One call. The fields that a kind of call does not use are 0.
CALL = np.dtype(
    [
        ("kind", np.int64),
        ("stage", np.int64),
        ("address", np.int64),  # of a kernel's machine code
        ("drop", np.bool_),  # whether dropout is on, in the stage and in the one before it
        ("before_drop", np.bool_),
        ("norm", np.bool_),  # whether the stage has one
        ("blocks", np.int64),  # numbers in the batch
        ("images", np.int64),
        ("splits", np.int64),
        ("channels", np.int64),  # of the stage's output; of the images if they are loaded
        ("size", np.int64),  # rows of the same
        ("padding", np.int64),
        ("count", np.int64),  # words of masks
        ("factor", np.float64),  # of dropout and averaging
    ],
    align=True,
)
MEMORY, PLACES = types.Array(types.uint8, 1, "C"), types.Array(types.int64, 3, "C")
# Memory, places, blocks, drop, before_drop: what all kernels of a network take.
SIGNATURE = types.void(MEMORY, PLACES, types.int64, types.boolean, types.boolean)
_N = {name: index for index, name in enumerate(NAMES)}
_SOURCE, _WEIGHT_GRADIENTS, _SCRATCH = _N["source"], _N["norm_gradients"], _N["scratch"]
_SCALE, _SHIFT, _SLOPE, _PULL, _OFFSET = (_N[name] for name in ("scale", "shift", "slope", "pull", "offset"))
_TOTALS, _SQUARES, _PRODUCTS = _N["totals"], _N["squares"], _N["products"]
_WEIGHT, _BIAS, _MEAN, _RSTD = _N["norm_weight"], _N["norm_bias"], _N["mean"], _N["rstd"]
_RUNNING_MEAN, _RUNNING_VARIANCE = _N["running_mean"], _N["running_variance"]
_LOGITS, _GRADIENT, _MASKS = _N["logits"], _N["gradient"], _N["masks"]


def address(kernel: Any) -> int:
    """Where the machine code of a kernel is, which numba compiled for `SIGNATURE`."""
    (code,) = kernel.overloads.values()
    return int(code.library.get_pointer_to_function(code.fndesc.llvm_func_name))


@intrinsic
def _call_kernel(_: Any, address: Any, memory: Any, places: Any, blocks: Any, drop: Any, before_drop: Any) -> Any:
    """Calls the kernel at `address`. Kernels raise nothing, so that its status says nothing."""

    def emit(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        convention, arguments = context.call_conv, signature.args[1:]
        pointer = convention.get_function_type(types.void, arguments).as_pointer()
        kernel = builder.inttoptr(values[0], pointer)
        convention.call_function(builder, kernel, types.void, arguments, values[1:])
        return context.get_dummy_value()

    return types.void(types.int64, *SIGNATURE.args), emit


@compiled
def _norm(memory: Any, places: Any, stage: int) -> Norm:
    weight, bias = floats(memory, places, stage, _WEIGHT), floats(memory, places, stage, _BIAS)
    running_mean = floats(memory, places, stage, _RUNNING_MEAN)
    running_variance = floats(memory, places, stage, _RUNNING_VARIANCE)
    mean = doubles(memory, places, stage, _MEAN).reshape((len(weight), -1))
    rstd = doubles(memory, places, stage, _RSTD).reshape((len(weight), -1))
    return Norm(weight, bias, running_mean, running_variance, mean, rstd)


@compiled
def _constants(memory: Any, places: Any, call: Any) -> None:
    scale = floats(memory, places, call.stage, _SCALE)
    if call.norm:
        shift = floats(memory, places, call.stage, _SHIFT)
        normalisation.running_coefficients(_norm(memory, places, call.stage), scale, shift, call.images)
    else:
        set_constant(scale, call.channels, call.images, call.factor)


@compiled
def _statistics(memory: Any, places: Any, call: Any) -> None:
    stage, scale = call.stage, floats(memory, places, call.stage, _SCALE)
    if call.norm:
        totals, squares = floats(memory, places, stage, _TOTALS), floats(memory, places, stage, _SQUARES)
        shift, extent = floats(memory, places, stage, _SHIFT), Extent(call.images, call.splits, call.size**2)
        norm = _norm(memory, places, stage)
        normalisation.batch_statistics(totals, squares, norm, scale, shift, extent, call.factor)
    else:
        set_constant(scale, call.channels, call.images, call.factor)


@compiled
def _coefficients(memory: Any, places: Any, call: Any) -> None:
    stage, slope = call.stage, floats(memory, places, call.stage, _SLOPE)
    if call.norm:
        totals, products = floats(memory, places, stage, _TOTALS), floats(memory, places, stage, _PRODUCTS)
        slopes = Slopes(slope, floats(memory, places, stage, _PULL), floats(memory, places, stage, _OFFSET))
        gradients = floats(memory, places, stage, _WEIGHT_GRADIENTS).reshape((2, -1))
        sums = doubles(memory, places, stage, _SCRATCH).reshape((2, -1))
        extent, norm = Extent(call.images, call.splits, call.size**2), _norm(memory, places, stage)
        normalisation.gradient_coefficients(totals, products, norm, gradients, slopes, sums, extent, call.factor)
    else:
        set_constant(slope, call.channels, call.images, call.factor)


@compiled
def run(
    calls: Any,
    memory: Any,
    places: Any,
    images: Any,
    labels: Any,
    pixels: Any,
    counter: int,
    first_key: int,
    second_key: int,
    threshold: int,
    totals: Any,
) -> int:
    """Runs `calls` in order.

    Args:
        calls: array of `CALL`.
        memory, places: see `arrays`.
        images, pixels: see `images.load_images`.
        labels, totals: see `optimiser.cross_entropy`.
        counter, first_key, second_key, threshold: see `images.draw_masks`.

    Returns:
        The counter of dropout masks after the calls.
    """
    for row in range(len(calls)):
        call = calls[row]
        stage = call.stage
        if call.kind == Kind.KERNEL:
            _call_kernel(call.address, memory, places, call.blocks, call.drop, call.before_drop)
        elif call.kind == Kind.STATISTICS:
            _statistics(memory, places, call)
        elif call.kind == Kind.COEFFICIENTS:
            _coefficients(memory, places, call)
        elif call.kind == Kind.MASKS:
            masks = words(memory, places, stage, _MASKS)[: call.count]
            draw_masks(masks, counter, first_key, second_key, threshold)
            counter += call.count * LANES  # below 2**32 for a whole epoch: see the contract
        elif call.kind == Kind.LOAD:
            source = floats(memory, places, stage, _SOURCE)
            load_images(images, pixels, source, call.channels, call.size, call.padding)
        elif call.kind == Kind.LOSS:
            logits, gradient = floats(memory, places, stage, _LOGITS), floats(memory, places, stage, _GRADIENT)
            cross_entropy(logits, labels, gradient, call.channels, totals)
        else:
            _constants(memory, places, call)
    return counter
