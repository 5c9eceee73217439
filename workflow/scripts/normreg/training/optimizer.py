"""The optimizers of PyTorch on the parameters of a model, and what a condition's L2 is in them.

L2 is the weight decay of the parameters in the penalty's scope. Its strength is the condition's `lambdas.l2`, here l:

- SGD, coupled: the gradient is g + l * w. So the objective has a term l / 2 * sum(w * w). The decay goes through the
  momentum.
- Adam, coupled: the gradient is g + l * w too, but both moments are those of this sum. So the decay of a weight is
  divided by the root of its second moment.
- AdamW, decoupled: a step is w = w - lr * l * w - lr * m / (sqrt(v) + eps). The moments m and v are those of g alone,
  corrected for their start at 0. So the decay is not divided by sqrt(v), and it is no term of the objective.

An equal l therefore is another strength in each of them. I. Loshchilov and F. Hutter, "Decoupled Weight Decay
Regularization" (ICLR 2019), algorithms 1 and 2. As PyTorch does, this multiplies l by the learning rate. In the paper
only the schedule's share of the learning rate does, so its lambda is lr times l.
"""

from collections.abc import Mapping

import torch
from torch import nn

from normreg.config.condition import Optimizer
from normreg.training.penalties import scoped_parameters


def make_optimizer(model: nn.Module, optimizer: Optimizer, weight_decay: float, scope: str) -> torch.optim.Optimizer:
    """PyTorch's SGD, Adam or AdamW. The parameters in scope have this weight decay. All others have none."""
    inside, outside = scoped_parameters(model, scope)
    groups = [{"params": inside, "weight_decay": weight_decay}]
    if outside:
        groups.append({"params": outside, "weight_decay": 0.0})  # AdamW's default is not 0
    lr = optimizer["lr"]
    if optimizer["name"] == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=optimizer["momentum"], nesterov=optimizer["nesterov"])
    kinds: Mapping[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[optimizer["name"]](groups, lr=lr, betas=(optimizer["beta1"], optimizer["beta2"]))
