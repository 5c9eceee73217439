"""What a training step minimises, and what it reports."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normreg.config.condition import Lambdas
from normreg.training import penalties


class StepResult(NamedTuple):
    """The result of one batch: the scalar to differentiate, and the figures to report.

    Attributes:
        objective: a scalar with its graph, on the device of the images.
        figures: objective, cross-entropy and share of correct predictions; float64 (3,), detached, on the same device.
            They are one tensor, so that an epoch adds them up in one operation and never waits for the device.
    """

    objective: Tensor
    figures: Tensor


def objective(
    model: nn.Module, images: Tensor, labels: Tensor, penalised: Sequence[Tensor], lambdas: Lambdas
) -> StepResult:
    """Computes the mean cross-entropy plus the L1 and group-L2 penalties of the parameters `penalised`.

    Args:
        model: returns logits (N, classes).
        images: float32 (N, channels, height, width).
        labels: int64 (N,).
        penalised: the parameters that the penalties act on.
        lambdas: strengths of the penalties. `l2` is not used here: it is the optimizer's weight decay.
    """
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    penalty = penalties.penalty(penalised, lambdas)
    value = loss if penalty is None else loss + penalty
    share = (logits.detach().argmax(1) == labels).double().mean()
    return StepResult(value, torch.stack([value.detach().double(), loss.detach().double(), share]))
