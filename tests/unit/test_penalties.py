"""Penalties, SGD and AdamW against numbers worked out by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from normreg.models.build import build
from normreg.models.networks import PUBLISHED
from normreg.training import objective
from normreg.training.objective import make_optimizer

OPTIMIZER = {"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": False}
ADAMW = {"name": "adamw", "lr": 0.1, "beta1": 0.9, "beta2": 0.999}


def tensors(*values: list[float]) -> list[Tensor]:
    return [torch.tensor(v, requires_grad=True) for v in values]


class Tiny(nn.Module):
    """One weight of each kind: convolution, norm scale and shift, linear weight and bias. loss() pulls each by 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(1)
        self.linear = nn.Linear(1, 1)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.fill_(2.0)

    def loss(self) -> Tensor:
        return torch.stack([p.sum() for p in self.parameters()]).sum()

    def values(self) -> dict[str, float]:
        return {name: p.item() for name, p in self.named_parameters()}


NAMES = ["conv.weight", "norm.weight", "norm.bias", "linear.weight", "linear.bias"]


def test_l1_is_the_sum_of_absolute_values_and_its_gradient_the_sign() -> None:
    parameters = tensors([1.0, -2.0, 0.0], [[-3.0], [0.5]])
    value = objective.l1(parameters)
    value.backward()
    assert value.item() == 6.5
    assert [p.grad.tolist() for p in parameters] == [[1, -1, 0], [[-1], [1]]]


def test_group_l2_is_the_sum_of_norms_and_its_gradient_the_unit_vector() -> None:
    parameters = tensors([3.0, -4.0], [[0.0], [-2.0]])
    value = objective.group_l2(parameters)
    value.backward()
    assert value.item() == 5 + 2
    assert [p.grad.flatten().tolist() for p in parameters] == [pytest.approx([0.6, -0.8]), pytest.approx([0, -1])]


@pytest.mark.parametrize("function", [objective.l1, objective.group_l2])
def test_gradient_of_a_tensor_of_zeros_is_zero(function: object) -> None:
    parameters = tensors([0.0, 0.0], [3.0, 4.0])
    function(parameters).backward()
    assert parameters[0].grad.tolist() == [0.0, 0.0]
    assert parameters[1].grad.isfinite().all()


def names_of(model: nn.Module, chosen: list[nn.Parameter]) -> list[str]:
    names = {id(p): name for name, p in model.named_parameters()}
    return [names[id(p)] for p in chosen]


@pytest.mark.parametrize(
    ("scope", "inside", "outside"),
    [
        ("all", NAMES, []),
        ("weights", ["conv.weight", "linear.weight"], ["norm.weight", "norm.bias", "linear.bias"]),
        ("no-norm", ["conv.weight", "linear.weight", "linear.bias"], ["norm.weight", "norm.bias"]),
    ],
)
def test_scope_picks_exactly_these_tensors(scope: str, inside: list[str], outside: list[str]) -> None:
    model = Tiny()
    chosen, rest = objective.scoped_parameters(model, scope)
    assert names_of(model, chosen) == inside
    assert names_of(model, rest) == outside


def test_scope_weights_of_a_network_is_its_convolutions() -> None:
    chosen, rest = objective.scoped_parameters(
        build({"network": "ashxjain", "norm": "gbn", "num_splits": 2, "dropout": 0.1}), "weights"
    )
    assert [tuple(p.shape)[:2] for p in chosen] == [(10, 1), (10, 10), (11, 10), (11, 11), (12, 11), (12, 12), (10, 12)]
    assert [p.numel() for p in rest] == [10, 10, 10, 10, 11, 11, 11, 11, 12, 12, 12, 12]


@pytest.mark.parametrize(
    "norm", [nn.InstanceNorm2d(4, affine=True), nn.GroupNorm(2, 4), nn.LayerNorm(4), nn.RMSNorm(4)], ids=str
)
def test_scope_no_norm_spares_every_kind_of_norm(norm: nn.Module) -> None:
    chosen, rest = objective.scoped_parameters(nn.Sequential(nn.Conv2d(1, 4, 1), norm), "no-norm")
    assert [p.numel() for p in chosen] == [4, 4]
    assert [id(p) for p in rest] == [id(p) for p in norm.parameters()]


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("norm", ["bn", "gbn"])
def test_scope_no_norm_is_scope_weights_where_there_are_no_biases(name: str, norm: str) -> None:
    """The five published networks have none."""
    model = build({"network": name, "norm": norm, "num_splits": 2, "dropout": 0.1})
    weights, no_norm = (objective.scoped_parameters(model, scope) for scope in ("weights", "no-norm"))
    assert [names_of(model, each) for each in weights] == [names_of(model, each) for each in no_norm]
    assert all(name.endswith("weight") for name in names_of(model, no_norm[0]))


@pytest.mark.parametrize(
    ("lambda_l1", "lambda_group_l2", "expected"),
    [(0.5, 0.0, 0.5 * 7), (0.0, 0.25, 0.25 * 5), (0.5, 0.25, 0.5 * 7 + 0.25 * 5)],
)
def test_penalty_adds_the_terms_times_their_lambdas(lambda_l1: float, lambda_group_l2: float, expected: float) -> None:
    parameters = tensors([3.0, -4.0])
    value = objective.penalty(parameters, {"l1": lambda_l1, "l2": 7.0, "group_l2": lambda_group_l2})
    assert value.item() == expected
    assert value.shape == ()
    value.backward()
    gradient = [lambda_l1 + 0.6 * lambda_group_l2, -lambda_l1 - 0.8 * lambda_group_l2]
    assert parameters[0].grad.tolist() == pytest.approx(gradient)


@pytest.mark.parametrize("l2", [0.0, 1e-4])
def test_penalty_is_none_without_l1_and_group_l2_whatever_l2_is(l2: float) -> None:
    assert objective.penalty(tensors([3.0, -4.0]), {"l1": 0.0, "l2": l2, "group_l2": 0.0}) is None


def hand_sgd(start: float, steps: int, decay: float, momentum: float, nesterov: bool) -> float:
    """Scalar SGD at rate 0.1 on a loss of gradient 1, as in PyTorch's documentation."""
    weight, velocity = start, 0.0
    for step in range(steps):
        gradient = 1 + decay * weight
        velocity = gradient if step == 0 else momentum * velocity + gradient
        weight -= 0.1 * (gradient + momentum * velocity if nesterov else velocity)
    return weight


def after_steps(steps: int, decay: float, scope: str, **settings: float) -> dict[str, float]:
    model = Tiny()
    optimizer = make_optimizer(model, OPTIMIZER | settings, decay, scope)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss().backward()
        optimizer.step()
    return model.values()


def test_two_steps_of_sgd_worked_out_digit_by_digit() -> None:
    # w0 = 2, gradient 1 + 0.5 * 2 = 2, velocity 2, w1 = 1.8; gradient 1.9, velocity 1.8 + 1.9 = 3.7, w2 = 1.43
    assert after_steps(2, 0.5, "all") == pytest.approx(dict.fromkeys(NAMES, 1.43))


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_sgd_decays_everything_in_scope_all(momentum: float, nesterov: bool) -> None:
    expected = hand_sgd(2.0, 3, 0.5, momentum, nesterov)
    assert after_steps(3, 0.5, "all", momentum=momentum, nesterov=nesterov) == pytest.approx(
        dict.fromkeys(NAMES, expected)
    )


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_leaves_norms_and_biases_undecayed_in_scope_weights(nesterov: bool) -> None:
    decayed, free = (hand_sgd(2.0, 3, decay, 0.9, nesterov) for decay in (0.5, 0.0))
    expected = {name: decayed if name in ("conv.weight", "linear.weight") else free for name in NAMES}
    assert decayed != pytest.approx(free)
    assert after_steps(3, 0.5, "weights", nesterov=nesterov) == pytest.approx(expected)


def test_sgd_without_momentum_and_decay_is_plain_gradient_descent() -> None:
    assert after_steps(3, 0.0, "all", momentum=0.0) == pytest.approx(dict.fromkeys(NAMES, 2 - 3 * 0.1))


def test_sgd_takes_its_learning_rate() -> None:
    assert after_steps(1, 0.0, "weights", lr=0.25) == pytest.approx(dict.fromkeys(NAMES, 1.75))


@pytest.mark.parametrize("scope", ["all", "weights", "no-norm"])
@pytest.mark.parametrize("optimizer", [OPTIMIZER, ADAMW], ids=["sgd", "adamw"])
def test_an_optimizer_holds_every_parameter_once(scope: str, optimizer: dict[str, float]) -> None:
    model = Tiny()
    held = [p for group in make_optimizer(model, optimizer, 0.1, scope).param_groups for p in group["params"]]
    assert sorted(names_of(model, held)) == sorted(NAMES)


# --- AdamW


def hand_adamw(start: float, steps: int, decay: float, beta1: float, beta2: float) -> float:
    """Scalar AdamW at rate 0.1 on a loss of gradient 1 + w: algorithm 2 of Loshchilov & Hutter, eps 1e-8.

    As PyTorch does, the decay is multiplied by the rate.
    """
    weight, first, second = start, 0.0, 0.0
    for step in range(1, steps + 1):
        gradient = 1 + weight
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient**2
        unbiased = first / (1 - beta1**step), second / (1 - beta2**step)
        weight -= 0.1 * (unbiased[0] / (math.sqrt(unbiased[1]) + 1e-8) + decay * weight)
    return weight


def after_adamw(steps: int, decay: float, scope: str, **settings: float) -> dict[str, float]:
    model = Tiny()
    optimizer = make_optimizer(model, ADAMW | settings, decay, scope)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.stack([(p + p.square() / 2).sum() for p in model.parameters()]).sum().backward()
        optimizer.step()
    return model.values()


def test_the_first_step_of_adamw_worked_out_digit_by_digit() -> None:
    """m / sqrt(v) is 1 in the first step whatever the gradient. So w = 2 - 0.1 * 1 - 0.1 * 0.5 * 2 = 1.8."""
    assert after_adamw(1, 0.5, "all") == pytest.approx(dict.fromkeys(NAMES, 1.8))


@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.5, 0.9), (0.0, 0.0)])
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_adamw_follows_the_paper(beta1: float, beta2: float, decay: float) -> None:
    expected = hand_adamw(2.0, 4, decay, beta1, beta2)
    assert after_adamw(4, decay, "all", beta1=beta1, beta2=beta2) == pytest.approx(dict.fromkeys(NAMES, expected))


@pytest.mark.parametrize("scope", ["weights", "no-norm"])
def test_adamw_decays_only_what_is_in_scope(scope: str) -> None:
    """Also no 0.01, which is PyTorch's default for AdamW."""
    decayed, free = (hand_adamw(2.0, 3, decay, 0.9, 0.999) for decay in (0.5, 0.0))
    spared = ["norm.weight", "norm.bias"] + (["linear.bias"] if scope == "weights" else [])
    expected = {name: free if name in spared else decayed for name in NAMES}
    assert decayed != pytest.approx(free)
    assert after_adamw(3, 0.5, scope) == pytest.approx(expected)


def test_decoupled_decay_is_another_thing_than_a_gradient_of_l2() -> None:
    """Adam with coupled decay: the gradient of decay / 2 * w ** 2 goes through the moments."""
    model = Tiny()
    coupled = torch.optim.Adam(model.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(3):
        coupled.zero_grad()
        torch.stack([(p + p.square() / 2).sum() for p in model.parameters()]).sum().backward()
        coupled.step()
    assert model.values()["conv.weight"] != pytest.approx(after_adamw(3, 0.5, "all")["conv.weight"], rel=0.01)
