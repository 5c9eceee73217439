"""Builds a PyTorch module from a network's description, and lists its layers."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from normreg.errors import ConfigError
from normreg.models.description import DROPOUT, IMAGE_SHAPE, NORM, RELU, AvgPool, Conv, Layer, MaxPool
from normreg.models.layers import Dropout, GhostBatchNorm2d
from normreg.models.networks import NETWORKS

# Norm layers by name. Each function takes the number of channels and of ghost batches, and returns a module.
NORMS: dict[str, Callable[[int, int], nn.Module]] = {
    "bn": lambda channels, _: nn.BatchNorm2d(channels),
    "gbn": GhostBatchNorm2d,
}


def build(condition: Mapping[str, Any]) -> nn.Sequential:
    """Builds a network. Its initial weights are PyTorch's defaults, drawn from PyTorch's default generator.

    Args:
        condition: needs these keys; other keys are ignored.
            network: a key of `normreg.models.networks.NETWORKS`.
            norm: "bn" or "gbn".
            num_splits: ghost batches per batch; used by "gbn" only.
            dropout: probability, 0 to below 1; None means the value that the network was published with.

    Returns:
        A module that takes images (N, 1, 28, 28) and returns logits (N, 10). The keys and shapes of its state dict are
        the same for both norms.

    Raises:
        ConfigError: a key is missing, or the network or norm is unknown; the message names it.
        ValueError: `num_splits` or `dropout` is out of its range.
    """
    for key in ("network", "norm", "num_splits", "dropout"):
        if key not in condition:
            raise ConfigError(f"key '{key}' is missing; a network is built from network, norm, num_splits and dropout.")
    name, norm, dropout = condition["network"], condition["norm"], condition["dropout"]
    if name not in NETWORKS:
        raise ConfigError(f"key 'network': found {name!r}; expected one of {', '.join(NETWORKS)}.")
    if norm not in NORMS:
        raise ConfigError(f"key 'norm': found {norm!r}; expected one of {', '.join(NORMS)}.")
    network = NETWORKS[name]
    builder = _Builder(norm, condition["num_splits"], network.dropout if dropout is None else dropout)
    for layer in network.layers:
        builder.add(layer)
    builder.append("flatten", nn.Flatten())
    return nn.Sequential(builder.modules)


class _Builder:
    """Collects the modules of a network and names them conv1, relu1, norm1, ..."""

    def __init__(self, norm: str, num_splits: int, dropout: float) -> None:
        self.norm, self.num_splits, self.dropout = norm, num_splits, dropout
        self.channels = IMAGE_SHAPE[0]
        self.count: Counter[str] = Counter()
        self.modules: OrderedDict[str, nn.Module] = OrderedDict()

    def append(self, kind: str, module: nn.Module) -> None:
        self.count[kind] += 1
        self.modules[f"{kind}{self.count[kind]}"] = module

    def add(self, layer: Layer) -> None:
        if isinstance(layer, Conv):
            self.append(
                "conv", nn.Conv2d(self.channels, layer.channels, layer.kernel, padding=layer.padding, bias=False)
            )
            self.channels = layer.channels
            for step in layer.then:
                self.append(step, self._follower(step))
        elif isinstance(layer, MaxPool):
            self.append("pool", nn.MaxPool2d(layer.size))
        elif isinstance(layer, AvgPool):
            self.append("pool", nn.AvgPool2d(layer.size))
        else:
            raise ConfigError(f"a network's layer is {layer!r}; expected Conv, MaxPool or AvgPool.")

    def _follower(self, step: str) -> nn.Module:
        if step == RELU:
            return nn.ReLU()
        if step == NORM:
            return NORMS[self.norm](self.channels, self.num_splits)
        if step == DROPOUT:
            return Dropout(self.dropout)
        raise ConfigError(f"after a convolution stands {step!r}; expected {RELU}, {NORM} or {DROPOUT}.")


@dataclass(frozen=True)
class LayerRow:
    """One row of the layer table: name, type, output shape without the batch, number of trainable parameters."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int


def layer_table(model: nn.Sequential) -> list[LayerRow]:
    """Lists the layers in order. The output shapes are measured by passing one image through the model."""
    rows: list[LayerRow] = []
    training = model.training
    model.eval()
    with torch.inference_mode():
        x: Tensor = torch.zeros((1, *IMAGE_SHAPE))
        for name, module in model.named_children():
            x = module(x)
            parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
            rows.append(LayerRow(name, type(module).__name__, tuple(x.shape[1:]), parameters))
    model.train(training)
    return rows
