"""The parts of which a network is described. `models.build` and every engine read such descriptions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

CLASSES_WORD = "classes"  # as a number of channels or features: as many as the data set has classes
BASELINE = "bn"  # the norm of networks as they are written; others take its place
# The norms that have a number, and the key of a condition that holds it.
NORM_COUNTS = {"gbn": "num_splits", "gn": "num_groups"}
ROOT = "(network)"  # stands for the network itself where its layers are named


class DataShape(NamedTuple):
    """What a network must fit: channels, height and width of an image, and the number of classes."""

    channels: int
    height: int
    width: int
    classes: int


MNIST_LIKE = DataShape(1, 28, 28, 10)


@dataclass(frozen=True)
class Conv:
    """A convolution. Kernels are square. `groups` divides the channels before and after it."""

    channels: int | str
    kernel: int = 3
    stride: int = 1
    padding: int = 0
    groups: int = 1
    bias: bool = False


@dataclass(frozen=True)
class Linear:
    """A fully connected layer. It needs `Flatten` before it."""

    features: int | str
    bias: bool = True


@dataclass(frozen=True)
class Norm:
    """The norm of the condition."""


@dataclass(frozen=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True)
class Gelu:
    """x times the normal distribution function of x (Hendrycks and Gimpel 2016), not its tanh approximation."""


@dataclass(frozen=True)
class Silu:
    """x times the logistic function of x (Elfwing et al. 2017)."""


@dataclass(frozen=True)
class Dropout:
    """Dropout of single elements, with the probability of the condition."""


@dataclass(frozen=True)
class MaxPool:
    """Max pooling over windows of size x size. `stride` None is `size`. A remainder at the edge is dropped."""

    size: int
    stride: int | None = None
    padding: int = 0


@dataclass(frozen=True)
class AvgPool:
    """Average pooling over windows of size x size. `stride` None is `size`. A remainder at the edge is dropped."""

    size: int
    stride: int | None = None


@dataclass(frozen=True)
class GlobalMaxPool:
    """The maximum over all pixels of a channel."""


@dataclass(frozen=True)
class GlobalAvgPool:
    """The mean over all pixels of a channel."""


@dataclass(frozen=True)
class Flatten:
    """Channels, rows and columns become one row of features."""


@dataclass(frozen=True)
class Residual:
    """The output of `layers` plus that of `shortcut` (He et al. 2015). An empty shortcut is the input itself."""

    layers: tuple["Layer", ...]
    shortcut: tuple["Layer", ...] = ()


Layer = (
    Conv
    | Linear
    | Norm
    | Relu
    | Gelu
    | Silu
    | Dropout
    | MaxPool
    | AvgPool
    | GlobalMaxPool
    | GlobalAvgPool
    | Flatten
    | Residual
)
# The names of layers in files.
KINDS: Mapping[str, type[Any]] = {
    "conv": Conv,
    "linear": Linear,
    "norm": Norm,
    "relu": Relu,
    "gelu": Gelu,
    "silu": Silu,
    "dropout": Dropout,
    "max_pool": MaxPool,
    "avg_pool": AvgPool,
    "global_max_pool": GlobalMaxPool,
    "global_avg_pool": GlobalAvgPool,
    "flatten": Flatten,
    "residual": Residual,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


@dataclass(frozen=True)
class Network:
    """A network that is a list of layers, and the dropout probability it was published with."""

    layers: tuple[Layer, ...]
    dropout: float = 0.0


@dataclass(frozen=True)
class PythonNetwork:
    """A network that a Python file builds. `digest` covers its syntax tree, and the files beside it that it imports."""

    path: str
    digest: str


def kind_of(layer: object) -> str:
    """The name of a layer's kind in files. Of an unknown kind it is the name of its class."""
    return _NAMES.get(type(layer), type(layer).__name__)


def from_data(content: Mapping[str, Any]) -> Network:
    """The network of a file that `network.schema.yaml` allows."""
    return Network(_layers(content["layers"]), float(content.get("dropout", 0.0)))


def as_data(network: Network | PythonNetwork) -> dict[str, Any]:
    """The whole network as plain data, for Snakemake's params, for keys and for checkpoints.

    It says what trains and not where a file lies, and `network.schema.yaml` allows a list of layers in it.
    """
    if isinstance(network, PythonNetwork):
        return {"python": network.digest}
    return {"dropout": network.dropout, "layers": [_as_data(layer) for layer in network.layers]}


def _layers(items: Sequence[Any]) -> tuple[Layer, ...]:
    return tuple(_layer(item) for item in items)


def _layer(item: Any) -> Any:
    if isinstance(item, str):
        return KINDS[item]()
    ((name, settings),) = item.items()
    if KINDS[name] is Residual:
        return Residual(_layers(settings["layers"]), _layers(settings.get("shortcut", [])))
    return KINDS[name](**settings)


def _as_data(layer: Any) -> Any:
    """A layer as a file has it, with all its settings but those that say nothing: no stride, no shortcut."""
    values = {field.name: getattr(layer, field.name) for field in fields(layer)}
    settings = {key: value for key, value in values.items() if value not in (None, ())}
    if isinstance(layer, Residual):
        settings = {key: [_as_data(inner) for inner in part] for key, part in settings.items()}
    return {kind_of(layer): settings} if settings else kind_of(layer)
