"""The parts of which a network is described. `models.build` and every engine read such descriptions."""

from dataclasses import asdict, dataclass
from typing import Any

IMAGE_SHAPE = (1, 28, 28)  # channels, height, width of an input image
CLASSES = 10  # number of logits
RELU, NORM, DROPOUT = "relu", "norm", "dropout"


@dataclass(frozen=True)
class Conv:
    """A convolution without bias. `then` lists the layers that follow it, in order."""

    channels: int
    kernel: int = 3
    padding: int = 0
    then: tuple[str, ...] = ()


@dataclass(frozen=True)
class MaxPool:
    """Max pooling over windows of size x size, with stride `size`. A remainder at the edge is dropped."""

    size: int


@dataclass(frozen=True)
class AvgPool:
    """Average pooling over windows of size x size, with stride `size`."""

    size: int


Layer = Conv | MaxPool | AvgPool


@dataclass(frozen=True)
class Network:
    """A network for 1x28x28 images: its layers and the dropout probability it was published with."""

    layers: tuple[Layer, ...]
    dropout: float


def as_data(network: Network) -> dict[str, Any]:
    """The whole network as plain data, for Snakemake's params and for keys."""
    return {"dropout": network.dropout, "layers": [(type(layer).__name__, asdict(layer)) for layer in network.layers]}
