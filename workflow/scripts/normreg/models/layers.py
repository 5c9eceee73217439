"""Layers that PyTorch does not have: ghost batch norm, residual blocks, and dropout that is cheap on a CPU."""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from normreg.models.shapes import usable_splits


class GhostBatchNorm(_BatchNorm):
    """Batch normalisation over ghost batches; shapes (N, C, ...) -> (N, C, ...). The base of the three classes below.

    In training, sample i belongs to ghost batch i mod `num_splits`. Each ghost batch is normalised by its own mean and
    (biased) variance. All ghost batches share scale and shift (Hoffer et al. 2017, "Train longer, generalize better",
    algorithm 1). Evaluation is ordinary batch normalisation. The state dict is that of PyTorch's batch norm.

    The running statistics follow the published studies, not the paper. They are updated once per batch, with momentum.
    The new values are the mean over the ghost batches of their means and of their unbiased variances. (The paper
    updates once per ghost batch, with decaying weights.) The published code keeps one set of statistics per split and
    averages the sets at the end. This gives the same numbers, because the update is linear.

    Some batches cannot be split into `num_splits` equal parts of at least two samples. Such a batch is split into
    `usable_splits(N, num_splits)` parts.

    Args:
        num_features: channels C.
        num_splits: number of ghost batches in a batch; 1 is ordinary batch normalisation.
        eps: added to the variance.
        momentum: weight of the new batch in the running statistics; None is their average over all batches so far, as
            in PyTorch.
        affine: whether there are scale and shift.
        track_running_stats: whether there are running statistics. Without them evaluation normalises by the statistics
            of the whole batch, as in PyTorch.

    Raises:
        ValueError: `num_splits` is less than 1. In training, PyTorch raises it if a channel has a single value.
    """

    def __init__(
        self,
        num_features: int,
        num_splits: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        if num_splits < 1:
            raise ValueError(f"num_splits is {num_splits}; expected a whole number of at least 1")
        super().__init__(num_features, eps, momentum, affine, track_running_stats)
        self.num_splits = num_splits

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, ...) -> (N, C, ...). In training it also updates the running statistics."""
        splits = usable_splits(input.shape[0], self.num_splits) if self.training else 1
        if splits == 1:
            return super().forward(input)
        self._check_input_dim(input)
        return self._normalise_splits(input, splits)

    def _normalise_splits(self, input: Tensor, splits: int) -> Tensor:
        batch, channels, *places = input.shape
        tracked = (self.running_mean, self.running_var) if self.track_running_stats else (None, None)
        mean, variance, weight, bias = (
            None if value is None else value.repeat(splits) for value in (*tracked, self.weight, self.bias)
        )
        # Row k of this view holds samples k*splits ... k*splits + splits-1. So channel block s is ghost batch s.
        parts = input.reshape(batch // splits, splits * channels, *places)
        share = self._count_batch()
        output = F.batch_norm(parts, mean, variance, weight, bias, training=True, momentum=share, eps=self.eps)
        with torch.no_grad():
            for running, found in zip(tracked, (mean, variance), strict=True):
                if running is not None and found is not None:
                    running.copy_(found.view(splits, channels).mean(0))
        return output.view(batch, channels, *places)

    def _count_batch(self) -> float:
        """Counts the batch, if batches are counted. Returns its weight in the running statistics."""
        counted = self.num_batches_tracked if self.track_running_stats else None
        if counted is not None:
            counted.add_(1)
        if self.momentum is not None:
            return self.momentum
        return 0.0 if counted is None else 1 / float(counted)

    def extra_repr(self) -> str:
        """The arguments, as in torch.nn."""
        return f"{super().extra_repr()}, num_splits={self.num_splits}"


# PyTorch's class says which shapes are right. Code that looks for batch norms finds these classes too.
class GhostBatchNorm1d(GhostBatchNorm, nn.BatchNorm1d):
    """`GhostBatchNorm` in place of BatchNorm1d: (N, C) or (N, C, L)."""


class GhostBatchNorm2d(GhostBatchNorm, nn.BatchNorm2d):
    """`GhostBatchNorm` in place of BatchNorm2d: (N, C, H, W)."""


class GhostBatchNorm3d(GhostBatchNorm, nn.BatchNorm3d):
    """`GhostBatchNorm` in place of BatchNorm3d: (N, C, D, H, W)."""


class Dropout(nn.Module):
    """Inverted dropout of single elements (Srivastava et al. 2014), from 16-bit random integers.

    `torch.nn.Dropout` draws one double per element. On a CPU this takes a quarter of a training step of these networks.
    Here one 64-bit draw serves four elements. The probability is p rounded to a multiple of 2**-16. The scale is that
    of the rounded probability, so the expected output equals the input exactly. The draws come from PyTorch's default
    generator of the device.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0.0 <= p < 1.0:
            raise ValueError(f"dropout probability is {p}; expected 0 <= p < 1")
        self.p = p
        self.threshold = min(round(p * 65536), 65535)

    def forward(self, input: Tensor) -> Tensor:
        """Accepts any shape. Returns the input unchanged in evaluation mode."""
        if not self.training or self.threshold == 0:
            return input
        words = torch.empty((input.numel() + 3) // 4, dtype=torch.int64, device=input.device)
        # from=min and to=None: draws over the whole range of int64.
        words.random_(torch.iinfo(torch.int64).min, None)
        bits = words.view(torch.int16)[: input.numel()].view(input.shape)
        keep = bits >= self.threshold - 32768
        return input * keep.to(input.dtype).mul_(65536 / (65536 - self.threshold))

    def extra_repr(self) -> str:  # noqa: D102  as in torch.nn
        return f"p={self.p}"


class Residual(nn.Module):
    """The output of some layers plus that of a shortcut (He et al. 2015). An empty shortcut is the input itself."""

    def __init__(self, layers: "OrderedDict[str, nn.Module]", shortcut: "OrderedDict[str, nn.Module]") -> None:
        super().__init__()
        self.layers = nn.Sequential(layers)
        self.shortcut = nn.Sequential(shortcut) if shortcut else None

    def forward(self, input: Tensor) -> Tensor:
        """Any shape that the layers take. Both paths give the same shape."""
        long: Tensor = self.layers(input)
        return long + (input if self.shortcut is None else self.shortcut(input))
