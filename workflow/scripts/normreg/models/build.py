"""Builds a PyTorch module from a network's description, and lists its layers."""

from collections import Counter, OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from normreg.models.description import NORM, RELU, Conv, Layer, MaxPool
from normreg.models.layers import Dropout, GhostBatchNorm2d
from normreg.models.networks import NETWORKS

IMAGE_SHAPE = (1, 28, 28)


def build(name: str, norm: str, num_splits: int, dropout: float | None = None) -> nn.Sequential:
    """The network `name` with PyTorch's default initial weights, drawn from the default generator.

    Args:
        name: a key of `normreg.models.networks.NETWORKS`.
        norm: "bn" or "gbn".
        num_splits: ghost batches per batch; used by "gbn" only.
        dropout: probability; None takes the published network's own.

    Returns:
        A module from images (N, 1, 28, 28) to logits (N, 10). Both norms give the same state dict keys and shapes.

    Raises:
        ValueError: unknown name or norm.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}; expected one of {', '.join(NETWORKS)}")
    if norm not in ("bn", "gbn"):
        raise ValueError(f"unknown norm {norm!r}; expected 'bn' or 'gbn'")
    network = NETWORKS[name]
    builder = _Builder(norm, num_splits, network.dropout if dropout is None else dropout)
    for layer in network.layers:
        builder.add(layer)
    builder.append("flatten", nn.Flatten())
    return nn.Sequential(builder.modules)


class _Builder:
    """Names modules conv1, relu1, norm1, ... as it appends them."""

    def __init__(self, norm: str, num_splits: int, dropout: float) -> None:
        self.norm, self.num_splits, self.dropout = norm, num_splits, dropout
        self.channels = IMAGE_SHAPE[0]
        self.count: Counter[str] = Counter()
        self.modules: OrderedDict[str, nn.Module] = OrderedDict()

    def append(self, kind: str, module: nn.Module) -> None:
        self.count[kind] += 1
        self.modules[f"{kind}{self.count[kind]}"] = module

    def add(self, layer: Layer) -> None:
        if not isinstance(layer, Conv):
            is_max = isinstance(layer, MaxPool)
            self.append("pool", nn.MaxPool2d(layer.size) if is_max else nn.AvgPool2d(layer.size))
            return
        conv = nn.Conv2d(self.channels, layer.channels, layer.kernel, padding=layer.padding, bias=False)
        self.append("conv", conv)
        self.channels = layer.channels
        for step in layer.then:
            self.append(step, self._follower(step))

    def _follower(self, step: str) -> nn.Module:
        if step == RELU:
            return nn.ReLU()
        if step == NORM:
            if self.norm == "gbn":
                return GhostBatchNorm2d(self.channels, self.num_splits)
            return nn.BatchNorm2d(self.channels)
        return Dropout(self.dropout)


@dataclass(frozen=True)
class LayerRow:
    """One line of a layer table: name, type, output shape without the batch, number of trainable parameters."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int


def layer_table(model: nn.Sequential) -> list[LayerRow]:
    """The layers in order, with the output shape each really gives for one image."""
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
