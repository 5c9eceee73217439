"""What a network is made of: the parts of a description, which `models.build` and every engine read."""

from dataclasses import asdict, dataclass
from typing import Any

IMAGE_SHAPE = (1, 28, 28)  # channels, height, width: the input of the published networks
CLASSES = 10  # and their logits
RELU, NORM, DROPOUT = "relu", "norm", "dropout"


@dataclass(frozen=True)
class Conv:
    """A convolution without bias, and what follows it in this order."""

    channels: int
    kernel: int = 3
    padding: int = 0
    then: tuple[str, ...] = ()


@dataclass(frozen=True)
class MaxPool:
    """Max pooling over size x size, stride size; a remainder at the edge is dropped."""

    size: int


@dataclass(frozen=True)
class AvgPool:
    """Average pooling over size x size."""

    size: int


Layer = Conv | MaxPool | AvgPool


@dataclass(frozen=True)
class Network:
    """A network for 1x28x28 images: its layers and the dropout probability it was published with."""

    layers: tuple[Layer, ...]
    dropout: float


def as_data(network: Network) -> dict[str, Any]:
    """All of it as plain data, for params and keys."""
    return {"dropout": network.dropout, "layers": [(type(layer).__name__, asdict(layer)) for layer in network.layers]}
