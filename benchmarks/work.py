"""How much arithmetic a network needs, counted from its layers. Counts convolutions only; the rest is below 2 %."""

from normreg.models.description import Conv
from normreg.models.networks import NETWORKS

_SIDE = 28  # pixels


def multiply_adds(network: str) -> list[int]:
    """Multiply-adds of each convolution in the forward pass of one image."""
    counts = []
    side, channels = _SIDE, 1
    for layer in NETWORKS[network].layers:
        if not isinstance(layer, Conv):
            side //= layer.size
            continue
        side += 2 * layer.padding - layer.kernel + 1
        counts.append(side * side * layer.channels * channels * layer.kernel**2)
        channels = layer.channels
    return counts


def training_flops(network: str) -> int:
    """Floating-point operations to train on one image. A multiply-add counts as two operations.

    Counted are the forward pass and the gradients of weights and inputs. The first layer has no gradient of its input.
    """
    counts = multiply_adds(network)
    return 2 * (3 * sum(counts) - counts[0])
