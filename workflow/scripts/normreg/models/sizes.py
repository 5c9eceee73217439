"""How many trainable parameters a network has. Arithmetic: no import here needs PyTorch."""

from normreg.models.description import IMAGE_SHAPE, NORM, Conv, Network


def count_parameters(network: Network) -> int:
    """Weights of the convolutions, which have no bias, and a scale and a shift per channel of each norm layer."""
    channels, total = IMAGE_SHAPE[0], 0
    for layer in network.layers:
        if isinstance(layer, Conv):
            total += channels * layer.channels * layer.kernel**2 + 2 * layer.channels * layer.then.count(NORM)
            channels = layer.channels
    return total
