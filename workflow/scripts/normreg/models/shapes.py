"""The shape of the output of each layer of a network. Arithmetic: no import here needs PyTorch."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from normreg.errors import ConfigError
from normreg.models.description import (
    CLASSES_WORD,
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


def check(network: Network, data: DataShape, where: str) -> None:
    """Checks that every layer fits its input, and that the network gives one logit for each class.

    Args:
        network: the network. `data` is what it must fit.
        data: shape of the images and number of classes.
        where: the network's name or file, for messages.

    Raises:
        ConfigError: a layer does not fit. The message names it by its place in the list, from 1.
    """
    shape = after(network.layers, data[:3], data, where)
    if shape not in ((data.classes,), (data.classes, 1, 1)):
        raise ConfigError(
            f"{where}: from images of {say(data[:3])} its last layer gives {say(shape)} values; expected "
            f"{data.classes}, one for each class of the data set (`channels: classes` or `features: classes`)."
        )


def after(layers: Sequence[Any], shape: Shape, data: DataShape, where: str, place: str = "") -> Shape:
    """The shape after these layers, from an input of `shape`. `place` is where the list stands, for messages."""
    for number, layer in enumerate(layers, start=1):
        name = f"layer {place}{number}"
        if isinstance(layer, Residual):
            shape = _residual(layer, shape, data, where, f"{place}{number}")
        else:
            shape = output(fitted(layer, data), shape, f"{where}: {name} ({describe(layer)})")
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
    flat = len(shape) == 1
    if isinstance(layer, Linear):
        if not flat:
            raise ConfigError(f"{said} gets {say(shape)} values; put `flatten` before it.")
        return (layer.features,)
    if flat and isinstance(layer, Conv | Norm | MaxPool | AvgPool | GlobalMaxPool | GlobalAvgPool):
        raise ConfigError(
            f"{said} gets {say(shape)} values without pixels; put it before `flatten` and `linear`."
        )
    if isinstance(layer, Conv):
        if shape[0] % layer.groups or layer.channels % layer.groups:  # type: ignore[operator]
            raise ConfigError(
                f"{said} has {layer.groups} groups; they must divide its {shape[0]} input and {layer.channels} output channels."
            )
        return (int(layer.channels), *_windows(layer.kernel, layer.stride, layer.padding, shape, said))
    if isinstance(layer, MaxPool):
        if 2 * layer.padding > layer.size:
            raise ConfigError(f"{said} has padding {layer.padding}; expected {layer.size // 2} at most.")
        return (shape[0], *_windows(layer.size, layer.stride or layer.size, layer.padding, shape, said))
    if isinstance(layer, AvgPool):
        return (shape[0], *_windows(layer.size, layer.stride or layer.size, 0, shape, said))
    if isinstance(layer, GlobalMaxPool | GlobalAvgPool):
        return (shape[0], 1, 1)
    if isinstance(layer, Flatten):
        return (_product(shape),)
    return shape


def describe(layer: Any) -> str:
    """A layer in few words: "conv 3x3"."""
    side = getattr(layer, "kernel", None) or getattr(layer, "size", None)
    return f"{kind_of(layer)} {side}x{side}" if side else kind_of(layer)


def say(shape: Shape) -> str:
    """A shape as text: "16 x 4 x 4"."""
    return " x ".join(str(n) for n in shape)


def _residual(layer: Residual, shape: Shape, data: DataShape, where: str, place: str) -> Shape:
    long = after(layer.layers, shape, data, where, f"{place}.")
    short = after(layer.shortcut, shape, data, where, f"{place}.shortcut.")
    if long != short:
        raise ConfigError(
            f"{where}: layer {place} (residual) adds {say(long)} values of its layers and {say(short)} of its "
            "shortcut; expected equal shapes (a shortcut can be a conv 1x1 with the same stride and channels)."
        )
    return long


def _windows(size: int, stride: int, padding: int, shape: Shape, said: str) -> Shape:
    _, *pixels = shape
    if min(pixels) + 2 * padding < size:
        raise ConfigError(
            f"{said} gets {say(tuple(pixels))} pixels; expected {size - 2 * padding} or more a side. Take fewer poolings "
            "or strides before it, more padding, or larger images."
        )
    return tuple((side + 2 * padding - size) // stride + 1 for side in pixels)


def _product(shape: Shape) -> int:
    product = 1
    for n in shape:
        product *= n
    return product
