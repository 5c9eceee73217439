"""Divides a network into stages. A stage is a convolution and all layers before the next convolution."""

from dataclasses import dataclass, fields, replace

from normreg.engines.numba_cpu.errors import UnsupportedError
from normreg.models.description import DROPOUT, IMAGE_SHAPE, NORM, RELU, AvgPool, Conv, Layer, MaxPool, Network

NO_POOL, MAX_POOL, AVERAGE_POOL = 0, 1, 2
IMAGE_SIZE = IMAGE_SHAPE[1]
# Kinds of layers and their settings. There are kernels only for these kinds and settings.
KNOWN = {Conv: {"channels", "kernel", "padding", "then"}, MaxPool: {"size"}, AvgPool: {"size"}}


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
        """Number of 32-bit words for the dropout masks of `blocks` blocks. A mask has one bit per image and pixel."""
        return -(-blocks * self.outputs * self.size**2 // 2)


def make_stages(network: Network) -> tuple[Stage, ...]:
    """The stages of a network whose input is one channel of 28 x 28 pixels.

    Raises:
        UnsupportedError: the network has a layer, a setting or an order of layers for which there are no kernels.
    """
    stages: list[Stage] = []
    channels, size = 1, IMAGE_SIZE
    for layer in network.layers:
        _check_known(layer)
        if isinstance(layer, Conv):
            stage = _convolution(layer, channels, size)
            stages.append(stage)
        elif not stages or stages[-1].pool != NO_POOL:
            raise UnsupportedError("pooling that does not follow a convolution")
        else:
            kind = AVERAGE_POOL if isinstance(layer, AvgPool) else MAX_POOL
            stage = replace(stages[-1], pool=kind, window=layer.size)
            stages[-1] = stage
        channels, size = stage.outputs, stage.pooled
        if size < 1:
            raise UnsupportedError("a layer that leaves no pixels")
    if size != 1:
        raise UnsupportedError(f"logits from {size} x {size} pixels")
    return tuple(stages)


def _check_known(layer: Layer) -> None:
    kind = type(layer)
    if kind not in KNOWN:
        raise UnsupportedError(f"a layer of kind {kind.__name__}")
    new = {field.name for field in fields(layer)} - KNOWN[kind]
    if new:
        raise UnsupportedError(f"a layer {kind.__name__} with {', '.join(sorted(new))}")


def _convolution(layer: Conv, channels: int, size: int) -> Stage:
    if layer.kernel not in (1, 3) or layer.padding >= layer.kernel:
        raise UnsupportedError(f"a convolution of {layer.kernel} x {layer.kernel} with padding {layer.padding}")
    known = (NORM, DROPOUT), (NORM,), (DROPOUT,), ()
    rest = layer.then[1:] if layer.then[:1] == (RELU,) else layer.then
    middle = tuple(step for step in rest if step != RELU)
    after = layer.then[:2] == (NORM, RELU)
    if middle not in known or RELU in rest[2 if after else 0 :] or (RELU in rest and not after):
        raise UnsupportedError(f"{', '.join(layer.then)} after a convolution")
    return Stage(
        inputs=channels,
        outputs=layer.channels,
        kernel=layer.kernel,
        padding=layer.padding,
        input_size=size,
        rectified_first=layer.then[:1] == (RELU,),
        norm=NORM in rest,
        rectified=after,
        dropout=DROPOUT in rest,
    )
