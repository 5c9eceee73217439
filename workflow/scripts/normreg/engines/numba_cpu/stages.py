"""Divides a network into stages. A stage is a convolution and all layers before the next convolution."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from normreg.engines.numba_cpu.errors import UnsupportedError
from normreg.models import shapes
from normreg.models.description import (
    AvgPool,
    Conv,
    DataShape,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool,
    Network,
    Norm,
    Relu,
    kind_of,
)

NO_POOL, MAX_POOL, AVERAGE_POOL = 0, 1, 2
_POOLS = MaxPool | AvgPool | GlobalMaxPool | GlobalAvgPool
# Kinds of layers, their settings, and the values of those settings that have one value only. There are kernels for
# these alone.
KNOWN: dict[type[Any], set[str]] = {
    Conv: {"channels", "kernel", "stride", "padding", "groups", "bias"},
    MaxPool: {"size", "stride", "padding"},
    AvgPool: {"size", "stride"},
    **{kind: set() for kind in (Norm, Relu, Dropout, Flatten, GlobalMaxPool, GlobalAvgPool)},
}


@dataclass(frozen=True)
class Stage:
    """A convolution without bias, and the layers after it: ReLU, normalisation, ReLU, dropout, pooling, in this order.

    Each of the layers after the convolution may be missing.

    Attributes:
        inputs, outputs: number of channels.
        kernel, padding: rows of the convolution's kernel, and of its padding at each edge.
        input_size: rows of the convolution's input without padding.
        rectified_first: whether a ReLU follows the convolution directly.
        norm: whether there is a normalisation.
        rectified: whether a ReLU follows the normalisation.
        dropout: whether there is dropout.
        pool, window: kind and size of the pooling. Without pooling they are `NO_POOL` and 1.
    """

    inputs: int
    outputs: int
    kernel: int
    padding: int
    input_size: int
    rectified_first: bool
    norm: bool
    rectified: bool
    dropout: bool
    pool: int = NO_POOL
    window: int = 1

    @property
    def size(self) -> int:
        """Rows of the convolution's output."""
        return self.input_size + 2 * self.padding - self.kernel + 1

    @property
    def pooled(self) -> int:
        """Rows of the stage's result."""
        return self.size // self.window

    @property
    def side(self) -> int:
        """Rows of the convolution's input with padding."""
        return self.input_size + 2 * self.padding

    @property
    def halo(self) -> int:
        """Rows of zeros around the gradient of the convolution's output. The input gradient needs them."""
        return self.kernel - 1 - self.padding

    def mask_words(self, blocks: int) -> int:
        """Number of words for the dropout masks of `blocks` blocks. A word has the masks of two vectors."""
        return -(-blocks * self.outputs * self.size**2 // 2)


def make_stages(network: Network, data: DataShape) -> tuple[Stage, ...]:
    """The stages of a network for such images, which are square.

    Raises:
        UnsupportedError: the network has a layer, a setting or an order of layers for which there are no kernels.
    """
    stages: list[Stage] = []
    channels, size = data.channels, data.height
    for layer, after in _groups([shapes.fitted(layer, data) for layer in network.layers]):
        if isinstance(layer, Conv):
            stage = _convolution(layer, after, channels, size)
            stages.append(stage)
        elif not stages or stages[-1].pool != NO_POOL or after:
            raise UnsupportedError("pooling that does not follow a convolution and its norm, or that a layer follows")
        else:
            kind = AVERAGE_POOL if isinstance(layer, AvgPool | GlobalAvgPool) else MAX_POOL
            stage = replace(stages[-1], pool=kind, window=getattr(layer, "size", size))
            stages[-1] = stage
        channels, size = stage.outputs, stage.pooled
        if size < 1:
            raise UnsupportedError("a layer that leaves no pixels")
    if size != 1:
        raise UnsupportedError(f"logits from {size} x {size} pixels")
    return tuple(stages)


def _groups(layers: Sequence[Any]) -> Iterator[tuple[Any, tuple[type[Any], ...]]]:
    """Every convolution and pooling, with the kinds of the layers between it and the next."""
    if layers and isinstance(layers[-1], Flatten):  # the logits are flat in any case
        layers = layers[:-1]
    starts = []
    for place, layer in enumerate(layers):
        _check_known(layer)
        if isinstance(layer, Conv | _POOLS):
            starts.append(place)
    if starts[:1] != [0]:
        raise UnsupportedError("a network that does not begin with a convolution")
    for start, stop in zip(starts, [*starts[1:], len(layers)], strict=True):
        yield layers[start], tuple(type(layer) for layer in layers[start + 1 : stop])


def _check_known(layer: Any) -> None:
    kind = type(layer)
    if kind not in KNOWN:
        raise UnsupportedError(f"a layer of kind {kind_of(layer)}")
    new = {field.name for field in fields(layer)} - KNOWN[kind]
    if new:
        raise UnsupportedError(f"a layer {kind_of(layer)} with {', '.join(sorted(new))}")
    stride = getattr(layer, "stride", None)
    if isinstance(layer, Conv):
        plain = stride == 1 and layer.groups == 1 and not layer.bias
    else:
        plain = stride in (None, getattr(layer, "size", None)) and not getattr(layer, "padding", 0)
    if not plain:
        raise UnsupportedError(f"a layer {kind_of(layer)} with stride, groups, bias or padding")


def _convolution(layer: Conv, after: tuple[type[Any], ...], channels: int, size: int) -> Stage:
    if layer.kernel not in (1, 3) or layer.padding >= layer.kernel:
        raise UnsupportedError(f"a convolution of {layer.kernel} x {layer.kernel} with padding {layer.padding}")
    known = (Norm, Dropout), (Norm,), (Dropout,), ()
    rest = after[1:] if after[:1] == (Relu,) else after
    middle = tuple(kind for kind in rest if kind is not Relu)
    rectified = after[:2] == (Norm, Relu)
    if middle not in known or Relu in rest[2 if rectified else 0 :] or (Relu in rest and not rectified):
        raise UnsupportedError(f"{', '.join(kind.__name__.lower() for kind in after)} after a convolution")
    return Stage(
        inputs=channels,
        outputs=int(layer.channels),
        kernel=layer.kernel,
        padding=layer.padding,
        input_size=size,
        rectified_first=after[:1] == (Relu,),
        norm=Norm in rest,
        rectified=rectified,
        dropout=Dropout in rest,
    )
