"""Arithmetic of a network: batches, the shape of each layer's output, parameters and cost. Needs no PyTorch."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from normreg.errors import ConfigError
from normreg.models.description import (
    BASELINE,
    CLASSES_WORD,
    MNIST_LIKE,
    AvgPool,
    Conv,
    DataShape,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    Linear,
    MaxPool,
    Network,
    Norm,
    Residual,
    kind_of,
)

Shape = tuple[int, ...]  # channels, height and width; or features alone, if flat
_MOST = 2**24  # values that a layer gives for an image: 64 MiB


def batch_bounds(images: int, batch_size: int) -> list[tuple[int, int]]:
    """Start and stop (exclusive) of each batch. A last batch of one image is joined to the batch before it.

    The reason: batch normalisation needs more than one value per channel in training.
    """
    starts = list(range(0, images, batch_size))
    if len(starts) > 1 and images - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], images], strict=True))


def usable_splits(batch_size: int, num_splits: int) -> int:
    """The number of ghost batches that a batch of this size is really split into.

    It is the largest s <= num_splits that divides batch_size and leaves at least two samples in each ghost batch. It is
    1 if there is no such number.
    """
    for splits in range(num_splits, 1, -1):
        if batch_size % splits == 0 and batch_size // splits >= 2:
            return splits
    return 1


def check(network: Network, data: DataShape, where: str, norm: str = BASELINE, count: int = 1) -> None:
    """Checks that every layer fits its input, and that the network gives one logit for each class.

    Args:
        network: the network. `data` is what it must fit.
        data: shape of the images and number of classes.
        where: the network's name or file, for messages.
        norm: the norm of a condition. Without it, the norm of the network as it is written.
        count: its number of groups.

    Raises:
        ConfigError: a layer does not fit. The message names it by its place in the list, from 1.
    """
    norms: dict[str, Shape] = {}
    shape = after(network.layers, data[:3], data, where, norms=norms)
    if shape not in ((data.classes,), (data.classes, 1, 1)):
        raise ConfigError(
            f"{where}: from images of {say(data[:3])} its last layer gives {say(shape)} values; expected "
            f"{data.classes}, one for each class of the data set (`channels: classes` or `features: classes`)."
        )
    if norm != BASELINE and not norms:
        raise ConfigError(f"{where}: has no layer `norm`, so norm {norm} would change nothing; add one.")
    for said, inputs in norms.items():
        if norm == "gn" and inputs[0] % count:
            raise ConfigError(f"{said} has {inputs[0]} channels; expected a multiple of num_groups {count}.")
        if norm == "in" and math.prod(inputs[1:]) == 1:
            raise ConfigError(f"{said} gets one pixel of each channel; norm in needs more, take another norm.")


def after(
    layers: Sequence[Any],
    shape: Shape,
    data: DataShape,
    where: str,
    place: str = "",
    norms: dict[str, Shape] | None = None,
) -> Shape:
    """The shape after these layers, from an input of `shape`.

    `place` is where the list stands, for messages. Into `norms` come the shapes of the inputs of the norms.
    """
    norms = {} if norms is None else norms
    for number, layer in enumerate(layers, start=1):
        said = f"{where}: layer {place}{number} ({describe(layer)})"
        if isinstance(layer, Residual):
            shape = _residual(layer, shape, data, where, f"{place}{number}", norms)
            continue
        if isinstance(layer, Norm):
            norms[said] = shape
        shape = output(fitted(layer, data), shape, said)
    return shape


def fitted(layer: Any, data: DataShape) -> Any:
    """The layer with a number of channels or features in place of the word `classes`."""
    for key in ("channels", "features"):
        if getattr(layer, key, None) == CLASSES_WORD:
            return replace(layer, **{key: data.classes})
    return layer


def output(layer: Any, shape: Shape, said: str) -> Shape:
    """The shape of the output of a layer that is not `Residual`.

    Raises:
        ConfigError: the layer does not fit its input. The message begins with `said`.
    """
    if isinstance(layer, Linear) and len(shape) > 1:
        raise ConfigError(f"{said} gets {say(shape)} values; put `flatten` before it.")
    if isinstance(layer, Conv | Norm | MaxPool | AvgPool | GlobalMaxPool | GlobalAvgPool) and len(shape) == 1:
        raise ConfigError(f"{said} gets {say(shape)} values without pixels; put it before `flatten` and `linear`.")
    known = _OUTPUTS.get(type(layer))
    found = known(layer, shape, said) if known else shape
    if math.prod(found) > _MOST:  # padding in each of many layers makes a few words fill a machine
        raise ConfigError(f"{said} gives {say(found)} values for one image; expected {_MOST:,} at most in all.")
    return found


def describe(layer: Any) -> str:
    """A layer in few words: "conv 3x3"."""
    side = getattr(layer, "kernel", None) or getattr(layer, "size", None)
    return f"{kind_of(layer)} {side}x{side}" if side else kind_of(layer)


def say(shape: Shape) -> str:
    """A shape as text: "16 x 4 x 4"."""
    return " x ".join(str(n) for n in shape)


def _residual(layer: Residual, shape: Shape, data: DataShape, where: str, place: str, norms: dict[str, Shape]) -> Shape:
    long = after(layer.layers, shape, data, where, f"{place}.", norms)
    short = after(layer.shortcut, shape, data, where, f"{place}.shortcut.", norms)
    if long != short:
        raise ConfigError(
            f"{where}: layer {place} (residual) adds {say(long)} values of its layers and {say(short)} of its "
            "shortcut; expected equal shapes (a shortcut can be a conv 1x1 with the same stride and channels)."
        )
    return long


def _conv(layer: Conv, shape: Shape, said: str) -> Shape:
    outputs = int(layer.channels)
    if shape[0] % layer.groups or outputs % layer.groups:
        raise ConfigError(
            f"{said} has {layer.groups} groups; expected a divisor of its {shape[0]} input channels and of its "
            f"{outputs} output channels."
        )
    return (outputs, *_windows(layer.kernel, layer.stride, layer.padding, shape, said))


def _max_pool(layer: MaxPool, shape: Shape, said: str) -> Shape:
    if 2 * layer.padding > layer.size:
        raise ConfigError(f"{said} has padding {layer.padding}; expected {layer.size // 2} at most.")
    return (shape[0], *_windows(layer.size, layer.stride or layer.size, layer.padding, shape, said))


def _windows(size: int, stride: int, padding: int, shape: Shape, said: str) -> Shape:
    """Rows and columns of the output, if each of its pixels comes from a window of size x size."""
    _, *pixels = shape
    if min(pixels) + 2 * padding < size:
        raise ConfigError(
            f"{said} gets {say(tuple(pixels))} pixels; expected {size - 2 * padding} or more a side. Take fewer "
            "poolings or strides before it, more padding, or larger images."
        )
    return tuple((side + 2 * padding - size) // stride + 1 for side in pixels)


# Layers that change the shape. All others leave it as it is.
_OUTPUTS: Mapping[type[Any], Callable[[Any, Shape, str], Shape]] = {
    Conv: _conv,
    Linear: lambda layer, _, __: (int(layer.features),),
    MaxPool: _max_pool,
    AvgPool: lambda layer, shape, said: (shape[0], *_windows(layer.size, layer.stride or layer.size, 0, shape, said)),
    GlobalMaxPool: lambda _, shape, __: (shape[0], 1, 1),
    GlobalAvgPool: lambda _, shape, __: (shape[0], 1, 1),
    Flatten: lambda _, shape, __: (math.prod(shape),),
}


def count_parameters(network: Network, data: DataShape = MNIST_LIKE) -> int:
    """Weights and biases of convolutions and linear layers, and a scale and a shift per channel of each norm layer."""
    total = 0
    for layer, before, _ in _walk(network.layers, data[:3], data):
        match layer:
            case Conv():
                outputs = int(layer.channels)
                total += outputs * (before[0] // layer.groups) * layer.kernel**2 + outputs * layer.bias
            case Linear():
                total += int(layer.features) * (before[0] + layer.bias)
            case Norm():
                total += 2 * before[0]
    return total


def count_multiply_adds(network: Network, data: DataShape = MNIST_LIKE) -> int:
    """Multiplications, each with an addition, of a forward pass of one image: convolutions and linear layers."""
    total = 0
    for layer, before, outputs in _walk(network.layers, data[:3], data):
        if isinstance(layer, Conv):
            total += math.prod(outputs) * (before[0] // layer.groups) * layer.kernel**2
        elif isinstance(layer, Linear):
            total += outputs[0] * before[0]
    return total


def _walk(layers: Sequence[Any], shape: Shape, data: DataShape) -> Iterator[tuple[Any, Shape, Shape]]:
    """Each layer with the shapes of its input and its output. Those inside of a residual block come before it."""
    for layer in layers:
        own = fitted(layer, data)
        if isinstance(own, Residual):
            yield from _walk(own.layers, shape, data)
            yield from _walk(own.shortcut, shape, data)
        outputs = after([own], shape, data, "this network")
        yield own, shape, outputs
        shape = outputs
