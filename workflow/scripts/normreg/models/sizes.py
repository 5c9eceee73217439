"""How many trainable parameters a network has, and what a forward pass costs. No import here needs PyTorch."""

import math
from collections.abc import Sequence
from typing import Any

from normreg.models import shapes
from normreg.models.description import MNIST_LIKE, Conv, DataShape, Linear, Network, Norm, Residual


def count_parameters(network: Network, data: DataShape = MNIST_LIKE) -> int:
    """Weights and biases of convolutions and linear layers, and a scale and a shift per channel of each norm layer."""
    return _count(network.layers, data[:3], data)


def _count(layers: Sequence[Any], shape: shapes.Shape, data: DataShape) -> int:
    total = 0
    for layer in layers:
        fitted = shapes.fitted(layer, data)
        if isinstance(fitted, Conv):
            outputs = int(fitted.channels)
            total += outputs * (shape[0] // fitted.groups) * fitted.kernel**2 + outputs * fitted.bias
        elif isinstance(fitted, Linear):
            total += int(fitted.features) * (shape[0] + fitted.bias)
        elif isinstance(fitted, Norm):
            total += 2 * shape[0]
        elif isinstance(fitted, Residual):
            total += sum(_count(part, shape, data) for part in (fitted.layers, fitted.shortcut))
        shape = shapes.after([fitted], shape, data, "this network")
    return total


def count_multiply_adds(network: Network, data: DataShape = MNIST_LIKE) -> int:
    """Multiplications, each with an addition, of a forward pass of one image: convolutions and linear layers."""
    return _multiply_adds(network.layers, data[:3], data)


def _multiply_adds(layers: Sequence[Any], shape: shapes.Shape, data: DataShape) -> int:
    total = 0
    for layer in layers:
        after = shapes.after([layer], shape, data, "this network")
        if isinstance(layer, Conv):
            total += math.prod(after) * (shape[0] // layer.groups) * layer.kernel**2
        elif isinstance(layer, Linear):
            total += after[0] * shape[0]
        elif isinstance(layer, Residual):
            total += sum(_multiply_adds(part, shape, data) for part in (layer.layers, layer.shortcut))
        shape = after
    return total
