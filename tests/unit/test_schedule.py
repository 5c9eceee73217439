"""Learning rates and momenta of the schedules against formulas written out here."""

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


def test_onecycle_and_cosine_step_after_batches() -> None:
    specs = [{"constant": {}}, {"step": {"step_size": 1, "gamma": 0.1}}, {"onecycle": {"max_lr": 0.1}}, COSINE]
    assert [make_schedule(optimizer(), spec, 2, 2).per_batch for spec in specs] == [False, False, True, True]


def test_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="sine"):
        make_schedule(optimizer(), {"sine": {}}, 1, 1)


# --- cosine with warm-up


COSINE = {"cosine": {"warmup_epochs": 1, "min_lr": 0.001}}


@pytest.mark.parametrize(("epochs", "batches"), [(5, 4), (2, 1), (3, 7), (40, 25)])
@pytest.mark.parametrize("warm_up", [0, 1])
@pytest.mark.parametrize("min_lr", [0.0, 0.001, 0.01])
def test_cosine_follows_the_formula_batch_by_batch(epochs: int, batches: int, warm_up: int, min_lr: float) -> None:
    seen = run({"cosine": {"warmup_epochs": warm_up, "min_lr": min_lr}}, epochs, batches)
    rise, fall = warm_up * batches, (epochs - warm_up) * batches
    rates = [0.01 * (0.01 + 0.99 * t / rise) for t in range(rise)]
    rates += [min_lr + (0.01 - min_lr) * (1 + math.cos(math.pi * t / fall)) / 2 for t in range(fall)]
    assert [pytest.approx((rate, 0.9), rel=1e-6, abs=1e-12) for rate in rates] == seen


def test_cosine_of_the_readable_numbers() -> None:
    """Two epochs of warm-up from 1 %, then four of descent: full, 85 %, half, 15 %."""
    seen = run({"cosine": {"warmup_epochs": 2, "min_lr": 0.0}}, 6, 1)
    assert [lr for lr, _ in seen] == pytest.approx([1e-4, 0.00505, 0.01, 0.0085355, 0.005, 0.0014645], rel=1e-4)


def test_cosine_is_pytorchs_own_schedulers_one_after_the_other() -> None:
    """As LinearLR alone, and then as CosineAnnealingLR alone."""
    seen = [lr for lr, _ in run(COSINE, 5, 3)]
    alone = []
    for make, steps in (
        (lambda own: torch.optim.lr_scheduler.LinearLR(own, start_factor=0.01, total_iters=3), 3),
        (lambda own: torch.optim.lr_scheduler.CosineAnnealingLR(own, T_max=12, eta_min=0.001), 12),
    ):
        own = optimizer()
        scheduler = make(own)
        for _ in range(steps):
            alone.append(own.param_groups[0]["lr"])
            own.step()
            scheduler.step()
    assert seen == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("spec", [COSINE, {"cosine": {"warmup_epochs": 0, "min_lr": 0.0}}])
@pytest.mark.parametrize("done", [1, 3, 4, 9])
def test_cosine_goes_on_from_its_state_with_the_same_bits(spec: dict[str, Any], done: int) -> None:
    whole = [lr for lr, _ in run(spec, 5, 3)]
    first, second = (make_schedule(optimizer(groups=2), spec, 5, 3) for _ in range(2))
    for _ in range(done):
        first.scheduler.optimizer.step()
        first.after_batch()
    second.restore(first.state())
    rest = []
    for _ in range(15 - done):
        rest.append(second.lr)
        second.scheduler.optimizer.step()
        second.after_batch()
    assert rest == whole[done:]


def test_no_schedule_makes_pytorch_warn(recwarn) -> None:
    for spec in (COSINE, {"onecycle": {"max_lr": 0.1}}, {"constant": {}}):
        run(spec, 3, 2)
    assert [str(warning.message) for warning in recwarn] == []


# --- AdamW


def test_onecycle_drives_beta1_of_adamw_as_it_drives_momentum() -> None:
    adamw = torch.optim.AdamW([torch.ones(1, requires_grad=True)], lr=1e-3, betas=(0.9, 0.98))
    schedule = make_schedule(adamw, {"onecycle": {"max_lr": 0.1}}, 5, 4)
    for step in range(20):
        lr, beta1 = hand_onecycle(step, 20, 0.1)
        assert adamw.param_groups[0]["lr"] == pytest.approx(lr, rel=1e-9)
        assert adamw.param_groups[0]["betas"] == pytest.approx((beta1, 0.98), rel=1e-9)
        adamw.step()
        schedule.after_batch()


def test_a_rise_of_exactly_one_step_is_a_clear_error():
    """PyTorch's OneCycleLR divides by zero there."""
    with pytest.raises(ConfigError, match=r"schedule\.onecycle\.pct_start.*found 0\.1"):
        make_schedule(torch.optim.SGD([torch.zeros(1)], lr=0.1), {"onecycle": {"max_lr": 0.1, "pct_start": 0.1}}, 2, 5)
