"""What a training step minimises, and what it reports."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normreg.config.condition import Condition, Lambdas
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


class Target(NamedTuple):
    """What PyTorch's cross-entropy takes besides logits and labels.

    Attributes:
        smoothing: the share of the target that all classes get in equal parts.
        weights: float32 (classes,): how much the images of each class count. The mean over a batch is divided by the
            sum of the weights of its images. None: all count alike.
    """

    smoothing: float = 0.0
    weights: Tensor | None = None


PLAIN = Target()


def make_target(condition: Condition, labels: Tensor, classes: int) -> Target:
    """The target of a condition. Balanced weights are n / (K * n_k) for n images, n_k of them of class k, of K classes.

    A class without training images has the weight 1.
    """
    if condition["class_weights"] == "none":
        return Target(condition["label_smoothing"])
    counts = torch.bincount(labels, minlength=classes)
    weights = len(labels) / (classes * counts)
    return Target(condition["label_smoothing"], torch.where(counts > 0, weights, 1.0).float())


def objective(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    penalised: Sequence[Tensor],
    lambdas: Lambdas,
    target: Target = PLAIN,
) -> StepResult:
    """Computes the mean cross-entropy plus the L1 and group-L2 penalties of the parameters `penalised`.

    What is minimised can have a smoothed target or weights of classes. The cross-entropy that is reported has neither.

    Args:
        model: returns logits (N, classes).
        images: float32 (N, channels, height, width).
        labels: int64 (N,).
        penalised: the parameters that the penalties act on.
        lambdas: strengths of the penalties. `l2` is not used here: it is the optimizer's weight decay.
        target: what each image should be taken for.
    """
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    penalty = penalties.penalty(penalised, lambdas)
    fit = loss if target == PLAIN else F.cross_entropy(logits, labels, target.weights, label_smoothing=target.smoothing)
    value = fit if penalty is None else fit + penalty
    share = (logits.detach().argmax(1) == labels).double().mean()
    return StepResult(value, torch.stack([value.detach().double(), loss.detach().double(), share]))
