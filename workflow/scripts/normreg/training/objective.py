"""What a training step minimises, and what it reports."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normreg.config.condition import Lambdas
from normreg.training import penalties


def objective(
    model: nn.Module, images: Tensor, labels: Tensor, penalised: Sequence[Tensor], lambdas: Lambdas
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy plus the L1 and group-L2 terms of `lambdas` on `penalised`.

    Args:
        model: gives logits (N, 10).
        images: float32 (N, 1, 28, 28).
        labels: int64 (N,).
        penalised: parameters the penalties act on.
        lambdas: strengths; `l2` is the optimizer's.

    Returns:
        The scalar to differentiate; and objective, cross-entropy and share of correct predictions, float64 (3,),
        detached and on the device of the images.
    """
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    penalty = penalties.penalty(penalised, lambdas)
    value = loss if penalty is None else loss + penalty
    share = (logits.detach().argmax(1) == labels).double().mean()
    return value, torch.stack([value.detach().double(), loss.detach().double(), share])
