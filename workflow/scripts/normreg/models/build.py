"""Builds a PyTorch module from a network's description."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from normreg.errors import ConfigError
from normreg.models import description as d
from normreg.models import python_file, shapes
from normreg.models.description import MNIST_LIKE, NORM_COUNTS, DataShape, Network, PythonNetwork
from normreg.models.layers import Dropout, Residual
from normreg.models.networks import BUILT_IN, built_in
from normreg.models.norms import NORMS, count_of


def build(
    condition: Mapping[str, Any], data: DataShape = MNIST_LIKE, network: Network | PythonNetwork | None = None
) -> nn.Module:
    """Builds a network. Its initial weights are PyTorch's defaults, drawn from PyTorch's default generator.

    Args:
        condition: needs these keys; other keys are ignored.
            network: the network's name, one of `normreg.models.networks.BUILT_IN` if `network` is None.
            norm: a key of `normreg.models.norms.NORMS`.
            num_splits: ghost batches per batch; used by norm "gbn" only.
            num_groups: groups of channels; needed by norm "gn" only.
            dropout: probability, 0 to below 1; None means the value that the network was published with.
        data: the shape of the images and the number of classes.
        network: the description of the network. None: the one that comes with the project.

    Returns:
        A module that takes images (N, channels, height, width) and returns logits (N, classes). The keys and shapes of
        its state dict are the same for batch norm and ghost batch norm.

    Raises:
        ConfigError: a key is missing, the network or norm is unknown, or a layer does not fit the data; the message
            names it.
        ValueError: `num_splits` or `dropout` is out of its range.
    """
    count = NORM_COUNTS.get(condition.get("norm", ""), "num_splits")
    for key in ("network", "norm", count, "dropout"):
        if key not in condition:
            raise ConfigError(f"key '{key}' is missing; a network is built from network, norm, {count} and dropout.")
    name, norm, dropout = condition["network"], condition["norm"], condition["dropout"]
    if network is None:
        if name not in BUILT_IN:
            raise ConfigError(f"key 'network': found {name!r}; expected one of {', '.join(BUILT_IN)}.")
        network = built_in(name)
    if norm not in NORMS:
        raise ConfigError(f"key 'norm': found {norm!r}; expected one of {', '.join(NORMS)}.")
    if isinstance(network, PythonNetwork):
        return python_file.build(network, norm, count_of(condition), dropout or 0.0, data)[0]
    builder = _Builder(norm, count_of(condition), network.dropout if dropout is None else dropout, data)
    where = f"network {name}"
    shapes.check(network, data, where)
    modules = builder.all_of(network.layers, data[:3], where)
    if len(shapes.after(network.layers, data[:3], data, where)) > 1:
        modules["flatten1"] = nn.Flatten()
    return nn.Sequential(modules)


class _Builder:
    """Makes the modules of a network and names them conv1, relu1, norm1, ..."""

    def __init__(self, norm: str, count: int, dropout: float, data: DataShape) -> None:
        self.norm, self.count, self.dropout, self.data = norm, count, dropout, data

    def all_of(self, layers: Sequence[Any], shape: shapes.Shape, where: str) -> "OrderedDict[str, nn.Module]":
        """The modules of a list of layers, from an input of this shape."""
        count: Counter[str] = Counter()
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        for layer in layers:
            fitted = shapes.fitted(layer, self.data)
            kind = d.kind_of(layer).rpartition("_")[2]  # every pooling is called pool
            count[kind] += 1
            modules[f"{kind}{count[kind]}"] = _MODULES[type(layer)](self, fitted, shape)
            shape = shapes.after([fitted], shape, self.data, where)
        return modules

    def residual(self, layer: d.Residual, shape: shapes.Shape) -> Residual:
        """A residual block. Its layers fit: the whole network was checked before."""
        return Residual(*(self.all_of(part, shape, "this network") for part in (layer.layers, layer.shortcut)))


def _conv(_: _Builder, layer: d.Conv, shape: shapes.Shape) -> nn.Module:
    sizes = int(layer.channels), layer.kernel, layer.stride, layer.padding
    return nn.Conv2d(shape[0], *sizes, groups=layer.groups, bias=layer.bias)


# Each function takes the builder, the layer and the shape of its input.
_MODULES: Mapping[type[Any], Callable[[_Builder, Any, shapes.Shape], nn.Module]] = {
    d.Conv: _conv,
    d.Linear: lambda _, layer, shape: nn.Linear(shape[0], int(layer.features), bias=layer.bias),
    d.Norm: lambda builder, _, shape: NORMS[builder.norm](nn.BatchNorm2d(shape[0]), builder.count),
    d.Relu: lambda *_: nn.ReLU(),
    d.Gelu: lambda *_: nn.GELU(),
    d.Silu: lambda *_: nn.SiLU(),
    d.Dropout: lambda builder, *_: Dropout(builder.dropout),
    d.MaxPool: lambda _, layer, __: nn.MaxPool2d(layer.size, layer.stride, layer.padding),
    d.AvgPool: lambda _, layer, __: nn.AvgPool2d(layer.size, layer.stride),
    d.GlobalMaxPool: lambda *_: nn.AdaptiveMaxPool2d(1),
    d.GlobalAvgPool: lambda *_: nn.AdaptiveAvgPool2d(1),
    d.Flatten: lambda *_: nn.Flatten(),
    d.Residual: lambda builder, layer, shape: builder.residual(layer, shape),
}
