"""The loss at the end of the forward pass and the SGD step at the end of the backward pass. Numba code."""

import math
from typing import Any

import numpy as np
from numba import njit

from normreg.engines.numba_cpu.machine import LANES
from normreg.engines.numba_cpu.transfer import inlined
from normreg.engines.numba_cpu.vectors import load, store_sum

compiled = njit(error_model="numpy")


@compiled
def cross_entropy(logits: Any, labels: Any, gradient: Any, classes: int, totals: Any) -> None:
    """Computes the loss of a batch and the gradient of its mean loss.

    Args:
        logits: float32, [block][class][image].
        labels: int64 (images,).
        gradient: gets the gradient, shaped like `logits`. It is 0 for unused images of the last block.
        classes: number of classes.
        totals: float64 (2,). The summed loss and the number of correct predictions are added to it.
    """
    images = len(labels)
    gradient[:] = 0
    for image in range(images):
        start = image // LANES * classes * LANES + image % LANES
        best = 0
        for k in range(1, classes):
            if logits[start + k * LANES] > logits[start + best * LANES]:
                best = k
        top = float(logits[start + best * LANES])
        total = 0.0
        for k in range(classes):
            total += math.exp(logits[start + k * LANES] - top)
        label = labels[image]
        totals[0] += math.log(total) + top - logits[start + label * LANES]
        totals[1] += best == label
        for k in range(classes):
            share = math.exp(logits[start + k * LANES] - top) / total
            gradient[start + k * LANES] = (share - (1.0 if k == label else 0.0)) / images


@inlined
def add_lanes(sums: Any, gradient: Any, count: int) -> None:
    """Computes the gradient of each of `count` weights: the sum of its vector."""
    for k in range(count):
        store_sum(gradient, k, load(sums, k * LANES))


@compiled
def sgd(
    weights: Any,
    gradients: Any,
    velocity: Any,
    bounds: Any,
    penalised: Any,
    l1: float,
    l2: float,
    group_l2: float,
    lr: float,
    momentum: float,
    nesterov: bool,
) -> float:
    """Does one step of PyTorch's SGD on all tensors.

    Args:
        weights, gradients, velocity: float32, all tensors one after the other.
        bounds: tensor t is bounds[t] to bounds[t + 1].
        penalised: whether each tensor is in the penalty's scope.
        l1, l2, group_l2: the lambdas.
        lr, momentum, nesterov: as for PyTorch's SGD.

    Returns:
        The penalty in the objective, with the weights from before the step.
    """
    penalty = 0.0
    for t in range(len(penalised)):
        first, last = bounds[t], bounds[t + 1]
        absolute, square = 0.0, 0.0
        for k in range(first, last):
            absolute += abs(weights[k])
            square += float(weights[k]) * float(weights[k])
        norm = math.sqrt(square)
        inside = penalised[t]
        if inside:
            penalty += l1 * absolute + group_l2 * norm
        pull = np.float32(group_l2 / norm if inside and group_l2 > 0 and norm > 0 else 0.0)
        sign, decay = np.float32(l1 if inside else 0.0), np.float32(l2 if inside else 0.0)
        for k in range(first, last):
            w = weights[k]
            step = gradients[k] + sign * np.float32(np.sign(w)) + pull * w + decay * w
            if momentum != 0:
                velocity[k] = np.float32(momentum) * velocity[k] + step
                step = step + np.float32(momentum) * velocity[k] if nesterov else velocity[k]
            weights[k] = w - np.float32(lr) * step
    return penalty
