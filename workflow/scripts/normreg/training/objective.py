"""What a training step minimises and reports: cross-entropy, penalties on weights, and the optimizer that has L2.

L1 and group L2 are terms of the objective. L2 is the weight decay of the parameters in the penalty's scope. Its
strength is the condition's `lambdas.l2`, here l:

- SGD, coupled: the gradient is g + l * w. So the objective has a term l / 2 * sum(w * w). The decay goes through the
  momentum.
- Adam, coupled: the gradient is g + l * w too, but both are the moments of this sum. So the decay of a weight is
  divided by the root of its second moment.
- AdamW, decoupled: a step is w = w - lr * l * w - lr * m / (sqrt(v) + eps). The moments m and v are those of g alone,
  corrected for their start at 0. So the decay is not divided by sqrt(v), and it is no term of the objective.

An equal l therefore is another strength in each of them. I. Loshchilov and F. Hutter, "Decoupled Weight Decay
Regularization" (ICLR 2019), algorithms 1 and 2. As PyTorch does, this multiplies l by the learning rate. In the paper
only the schedule's share of the learning rate does, so its lambda is lr times l.
"""

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd

from normreg.analysis.run_tables import WEIGHT
from normreg.config.condition import Condition, Lambdas, Optimizer
from normreg.errors import ConfigError

# Layers whose weights are matrices of what they compute, and the names that PyTorch gives these.
_WEIGHTED = (_ConvNd, nn.Linear, nn.Bilinear, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)
_MATRIX = re.compile(r"weight|weight_(ih|hh|hr)\w*|(in|q|k|v)_proj_weight")
_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)  # the first: batch, instance norm
NORM, BIAS, OTHER = "norm", "bias", "other"
_ROLES = (WEIGHT, NORM, BIAS, OTHER)  # a tensor that two layers share has the first of its roles
_KINDS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
_SCOPES: Mapping[str, tuple[str, ...]] = {"all": _ROLES, "weights": (WEIGHT,), "no-norm": (WEIGHT, BIAS, OTHER)}


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
) -> tuple[Tensor, Tensor]:
    """Computes the mean cross-entropy plus the L1 and group-L2 penalties of the parameters `penalised`.

    What is minimised can have a smoothed target or weights of classes. The cross-entropy that is reported has neither.

    Args:
        model: returns logits (N, classes).
        images: float32 (N, channels, height, width).
        labels: int64 (N,).
        penalised: the parameters that the penalties act on.
        lambdas: strengths of the penalties. `l2` is not used here: it is the optimizer's weight decay.
        target: what each image should be taken for.

    Returns:
        A scalar with its graph, to differentiate. And objective, cross-entropy and share of correct predictions;
        float64 (3,), detached. They are one tensor, so that an epoch adds them up in one operation and never waits for
        the device.
    """
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    fit = loss if target == PLAIN else F.cross_entropy(logits, labels, target.weights, label_smoothing=target.smoothing)
    added = penalty(penalised, lambdas)
    value = fit if added is None else fit + added
    share = (logits.detach().argmax(1) == labels).double().mean()
    return value, torch.stack([value.detach().double(), loss.detach().double(), share])


def roles(model: nn.Module) -> dict[str, str]:
    """The role of each parameter in its layer, by the parameter's name: one of `_ROLES`.

    WEIGHT: the weights of convolutions, linear, bilinear and recurrent layers and of attention. NORM: scale and shift
    of norms. BIAS: biases of other layers. OTHER: all else, such as embeddings and parameters of the user's own
    modules.
    """
    found: dict[int, str] = {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            known = found.get(id(parameter), OTHER)
            found[id(parameter)] = min(known, _role(module, name), key=_ROLES.index)
    return {name: found[id(parameter)] for name, parameter in model.named_parameters()}


def _role(module: nn.Module, name: str) -> str:
    if isinstance(module, _NORMS):
        return NORM
    if isinstance(module, _WEIGHTED) and _MATRIX.fullmatch(name):
        return WEIGHT
    return BIAS if "bias" in name else OTHER


def scoped_parameters(model: nn.Module, scope: str) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Two lists: the parameters that a penalty acts on, and all others.

    Scope "all" is every parameter. Scope "weights" is those with the role WEIGHT, see `roles`. Scope "no-norm" is every
    parameter but the scale and shift of norms.

    Raises:
        ConfigError: no parameter of the model is in the scope.
    """
    role = roles(model)
    inside, outside = (
        [p for name, p in model.named_parameters() if (role[name] in _SCOPES[scope]) is wanted]
        for wanted in (True, False)
    )
    if not inside:
        raise ConfigError(f"key 'penalty_scope': none of the network's parameters is in the scope {scope}; take all.")
    return inside, outside


def l1(parameters: Iterable[Tensor]) -> Tensor:
    """Sum of |w| over all elements. The gradient is sign(w), and 0 at w = 0."""
    return torch.cat([p.reshape(-1) for p in parameters]).abs().sum()


def group_l2(parameters: Iterable[Tensor]) -> Tensor:
    """Sum over the tensors of their Euclidean norm, not squared.

    The gradient is w / ||w||, and 0 for a tensor of zeros. One published study (hardayaleva5) calls this "L2". It is a
    group lasso in which each tensor is a group.
    """
    return torch.stack([torch.linalg.vector_norm(p) for p in parameters]).sum()


def penalty(parameters: Sequence[Tensor], lambdas: Lambdas) -> Tensor | None:
    """lambda_l1 * l1 + lambda_group_l2 * group_l2, without `l2`. None if both lambdas are 0."""
    terms = []
    if lambdas["l1"]:
        terms.append(lambdas["l1"] * l1(parameters))
    if lambdas["group_l2"]:
        terms.append(lambdas["group_l2"] * group_l2(parameters))
    return torch.stack(terms).sum() if terms else None


@functools.cache
def uncompiled(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """The same optimizer without the decorators that only `torch.compile` needs. It gives the same bits.

    They import PyTorch's compiler when an optimizer is made: 1 s of processor time a job.
    """
    names = "add_param_group", "load_state_dict", "state_dict", "zero_grad"
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), {**methods, "step": torch.no_grad()(inspect.unwrap(kind.step))})


def make_optimizer(model: nn.Module, optimizer: Optimizer, weight_decay: float, scope: str) -> torch.optim.Optimizer:
    """PyTorch's SGD, Adam or AdamW. The parameters in scope have this weight decay. All others have none."""
    inside, outside = scoped_parameters(model, scope)
    groups = [{"params": inside, "weight_decay": weight_decay}]
    if outside:
        groups.append({"params": outside, "weight_decay": 0.0})  # AdamW's default is not 0
    lr = optimizer["lr"]
    if optimizer["name"] == "sgd":
        own: dict[str, Any] = {"momentum": optimizer["momentum"], "nesterov": optimizer["nesterov"]}
    else:
        own = {"betas": (optimizer["beta1"], optimizer["beta2"])}
    return uncompiled(_KINDS[optimizer["name"]])(groups, lr=lr, **own)
