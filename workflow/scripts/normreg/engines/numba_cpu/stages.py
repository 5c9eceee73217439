"""A network's description as the engine sees it: stages of one convolution and all that follows up to the next."""

from dataclasses import dataclass, fields, replace

from normreg.engines.numba_cpu.errors import UnsupportedError
from normreg.models.description import DROPOUT, IMAGE_SHAPE, NORM, RELU, AvgPool, Conv, Layer, MaxPool, Network

NO_POOL, MAX_POOL, AVERAGE_POOL = 0, 1, 2
IMAGE_SIZE = IMAGE_SHAPE[1]
# Kinds of layers and their settings: a kind or a setting that is not here has no kernels.
KNOWN = {Conv: {"channels", "kernel", "padding", "then"}, MaxPool: {"size"}, AvgPool: {"size"}}


@dataclass(frozen=True)
class Stage:
    """A convolution without bias, then in this order what is set of: ReLU, normalisation, ReLU, dropout, pooling.

    Attributes:
        inputs, outputs: channels.
        kernel, padding: of the convolution.
        input_size, size: rows of its input without padding, and of its output.
        rectified_first: a ReLU comes before the normalisation (or there is none).
        rectified: a ReLU comes after the normalisation.
        pool, window: kind and size of the pooling; `NO_POOL` and 1 without.
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
        """Rows of zeros around the gradient of the convolution's output, from which its input's is computed."""
        return self.kernel - 1 - self.padding

    def mask_words(self, blocks: int) -> int:
        """Words of 32 bits with the dropout masks of so many blocks, one bit an image and pixel."""
        return -(-blocks * self.outputs * self.size**2 // 2)


def make_stages(network: Network) -> tuple[Stage, ...]:
    """The stages of a network for one channel of 28 x 28.

    Raises:
        UnsupportedError: an order of layers that has no kernels.
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
