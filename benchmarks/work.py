"""How much arithmetic a network needs, counted from its layers. Counts convolutions only; the rest is below 2 %."""

import math

from normreg.models import shapes
from normreg.models.description import MNIST_LIKE, Conv
from normreg.models.networks import built_in


def multiply_adds(network: str) -> list[int]:
    """Multiply-adds of each convolution in the forward pass of one image."""
    counts = []
    shape: shapes.Shape = MNIST_LIKE[:3]
    for layer in (shapes.fitted(layer, MNIST_LIKE) for layer in built_in(network).layers):
        before, shape = shape, shapes.after([layer], shape, MNIST_LIKE, network)
        if isinstance(layer, Conv):
            counts.append(math.prod(shape) * before[0] * layer.kernel**2)
    return counts


def training_flops(network: str) -> int:
    """Floating-point operations to train on one image. A multiply-add counts as two operations.

    Counted are the forward pass and the gradients of weights and inputs. The first layer has no gradient of its input.
    """
    counts = multiply_adds(network)
    return 2 * (3 * sum(counts) - counts[0])
