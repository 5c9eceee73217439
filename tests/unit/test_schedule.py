"""Learning rates and momenta of the three schedules against formulas written out here."""

import math
from typing import Any

import pytest
import torch

from normreg.errors import ConfigError
from normreg.training.schedule import make_schedule

Steps = list[tuple[float, float]]


def optimizer(lr: float = 0.01, momentum: float = 0.9, groups: int = 1) -> torch.optim.SGD:
    weights = [{"params": [torch.ones(1, requires_grad=True)]} for _ in range(groups)]
    return torch.optim.SGD(weights, lr=lr, momentum=momentum)


def run(spec: dict[str, Any], epochs: int, batches: int, sgd: torch.optim.SGD | None = None) -> Steps:
    """(learning rate, momentum) each batch is trained with, in order."""
    sgd = sgd or optimizer()
    schedule = make_schedule(sgd, spec, epochs, batches)
    seen = []
    for _ in range(epochs):
        for _ in range(batches):
            groups = {(group["lr"], group["momentum"]) for group in sgd.param_groups}
            assert len(groups) == 1
            seen.append(groups.pop())
            sgd.step()
            schedule.after_batch()
        schedule.after_epoch()
    return seen


def cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def hand_onecycle(step: int, steps: int, max_lr: float) -> tuple[float, float]:
    """Up for 30 % of the steps from max_lr / 25, then down to max_lr / 250,000; momentum the other way."""
    peak, last = 0.3 * steps - 1, steps - 1
    if step <= peak:
        share = step / peak
        return cosine(max_lr / 25, max_lr, share), cosine(0.95, 0.85, share)
    share = (step - peak) / (last - peak)
    return cosine(max_lr, max_lr / 25e4, share), cosine(0.85, 0.95, share)


@pytest.mark.parametrize(("epochs", "batches"), [(10, 10), (25, 4), (1, 7), (7, 1)])
@pytest.mark.parametrize("max_lr", [0.1, 0.01])
def test_onecycle_follows_the_formula_batch_by_batch(epochs: int, batches: int, max_lr: float) -> None:
    steps = epochs * batches
    seen = run({"onecycle": {"max_lr": max_lr}}, epochs, batches)
    expected = [hand_onecycle(step, steps, max_lr) for step in range(steps)]
    assert [pytest.approx(e, rel=1e-9) for e in expected] == seen


def test_onecycle_starts_peaks_and_ends_as_published() -> None:
    seen = run({"onecycle": {"max_lr": 0.1}}, 10, 10)
    assert seen[0] == pytest.approx((0.004, 0.95))
    assert seen[29] == pytest.approx((0.1, 0.85))
    assert seen[-1] == pytest.approx((4e-7, 0.95))
    assert max(lr for lr, _ in seen) == seen[29][0]


def test_onecycle_overrides_the_optimizers_rate_and_momentum() -> None:
    assert run({"onecycle": {"max_lr": 0.1}}, 2, 3, optimizer(lr=7.0, momentum=0.1)) == run(
        {"onecycle": {"max_lr": 0.1}}, 2, 3
    )


def test_onecycle_of_a_single_step_runs() -> None:
    ((lr, momentum),) = run({"onecycle": {"max_lr": 0.1}}, 1, 1)
    assert 0 < lr <= 0.1
    assert 0.85 <= momentum <= 0.95


def test_step_of_the_published_recipe() -> None:
    seen = run({"step": {"step_size": 6, "gamma": 0.1}}, 25, 2)
    rates = [0.01] * 6 + [1e-3] * 6 + [1e-4] * 6 + [1e-5] * 6 + [1e-6]
    assert seen == [pytest.approx((rate, 0.9)) for rate in rates for _ in range(2)]


def test_step_halves_every_five_epochs() -> None:
    seen = run({"step": {"step_size": 5, "gamma": 0.5}}, 12, 1, optimizer(lr=0.1))
    assert [lr for lr, _ in seen] == pytest.approx([0.1] * 5 + [0.05] * 5 + [0.025] * 2)


def test_constant_changes_nothing() -> None:
    assert run({"constant": {}}, 5, 3) == [(0.01, 0.9)] * 15


@pytest.mark.parametrize("spec", [{"onecycle": {"max_lr": 0.1}}, {"step": {"step_size": 2, "gamma": 0.1}}])
def test_every_parameter_group_is_driven_alike(spec: dict[str, Any]) -> None:
    assert run(spec, 3, 2, optimizer(groups=2)) == run(spec, 3, 2, optimizer(groups=1))


def test_only_onecycle_steps_after_batches() -> None:
    specs = [{"constant": {}}, {"step": {"step_size": 1, "gamma": 0.1}}, {"onecycle": {"max_lr": 0.1}}]
    assert [make_schedule(optimizer(), spec, 2, 2).per_batch for spec in specs] == [False, False, True]


def test_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="cosine"):
        make_schedule(optimizer(), {"cosine": {}}, 1, 1)


def test_a_rise_of_exactly_one_step_is_a_clear_error():
    """PyTorch's OneCycleLR divides by zero there."""
    with pytest.raises(ConfigError, match=r"schedule\.onecycle\.pct_start.*found 0\.1"):
        make_schedule(torch.optim.SGD([torch.zeros(1)], lr=0.1), {"onecycle": {"max_lr": 0.1, "pct_start": 0.1}}, 2, 5)
