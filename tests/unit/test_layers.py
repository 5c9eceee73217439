"""Ghost batch norms against PyTorch's batch norms, and Dropout against its own probabilities."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from normreg.models.layers import Dropout, GhostBatchNorm1d, GhostBatchNorm2d, GhostBatchNorm3d
from normreg.models.shapes import usable_splits

CHANNELS = 3


def randomise(norm: nn.BatchNorm2d) -> None:
    """Scale, shift and running statistics away from their initial ones and zeros."""
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.normal_()
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)


def gbn(num_splits: int, state: dict[str, Tensor] | None = None, channels: int = CHANNELS) -> GhostBatchNorm2d:
    layer = GhostBatchNorm2d(channels, num_splits)
    if state is not None:
        layer.load_state_dict(state)
    return layer


def make_state(channels: int = CHANNELS) -> dict[str, Tensor]:
    layer = nn.BatchNorm2d(channels)
    randomise(layer)
    return {name: value.clone() for name, value in layer.state_dict().items()}


def plain(state: dict[str, Tensor], channels: int = CHANNELS) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(channels)
    layer.load_state_dict(state)
    return layer


def parts_output(state: dict[str, Tensor], x: Tensor, splits: int) -> Tensor:
    """What `splits` separate BatchNorm2d give on the parts x[s::splits], put back in order."""
    expected = torch.empty_like(x)
    for s in range(splits):
        expected[s::splits] = plain(state, x.shape[1])(x[s::splits])
    return expected.detach()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def steps_of(layer: nn.Module, batches: list[Tensor], upstream: list[Tensor]) -> list[Tensor]:
    """Outputs and gradients of several training steps, with a parameter update after each."""
    seen = []
    for x, grad in zip(batches, upstream, strict=True):
        x = x.clone().requires_grad_()
        layer.zero_grad()
        y = layer(x)
        y.backward(grad)
        seen += [y.detach().clone(), x.grad.clone(), layer.weight.grad.clone(), layer.bias.grad.clone()]
        with torch.no_grad():
            layer.weight -= 0.1 * layer.weight.grad
            layer.bias -= 0.1 * layer.bias.grad
    return seen


def test_one_split_is_batch_norm_over_training_and_evaluation() -> None:
    state = make_state()
    ours, theirs = gbn(1, state), plain(state)
    batches = [torch.randn(6, CHANNELS, 4, 5) * k for k in (1, 2, 3)]
    upstream = [torch.randn(6, CHANNELS, 4, 5) for _ in batches]
    for a, b in zip(steps_of(ours, batches, upstream), steps_of(theirs, batches, upstream), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name
    assert torch.equal(ours.eval()(batches[0]), theirs.eval()(batches[0]))


@pytest.mark.parametrize("splits", [2, 4, 8])
def test_splits_are_separate_batch_norms_with_shared_scale_and_shift(splits: int) -> None:
    state = make_state()
    ours, parts = gbn(splits, state), [plain(state) for _ in range(splits)]
    for step in range(3):
        x, grad = torch.randn(16, CHANNELS, 4, 5) * (step + 1) + step, torch.randn(16, CHANNELS, 4, 5)
        ours.zero_grad()
        xo = x.clone().requires_grad_()
        y = ours(xo)
        y.backward(grad)
        xp, expected = x.clone().requires_grad_(), torch.empty_like(x)
        for s, part in enumerate(parts):
            part.zero_grad()
            out = part(xp[s::splits])
            out.backward(grad[s::splits])
            expected[s::splits] = out.detach()
        torch.testing.assert_close(y.detach(), expected)
        torch.testing.assert_close(xo.grad, xp.grad)
        torch.testing.assert_close(ours.weight.grad, sum(p.weight.grad for p in parts))
        torch.testing.assert_close(ours.bias.grad, sum(p.bias.grad for p in parts))
        torch.testing.assert_close(ours.running_mean, torch.stack([p.running_mean for p in parts]).mean(0))
        torch.testing.assert_close(ours.running_var, torch.stack([p.running_var for p in parts]).mean(0))
        with torch.no_grad():
            for name in ("weight", "bias"):
                shared = getattr(ours, name)
                shared -= 0.1 * shared.grad
                for part in parts:
                    getattr(part, name).copy_(shared)


KINDS = {
    "features": (GhostBatchNorm1d, nn.BatchNorm1d, ()),
    "sequences": (GhostBatchNorm1d, nn.BatchNorm1d, (5,)),
    "images": (GhostBatchNorm2d, nn.BatchNorm2d, (4, 5)),
    "volumes": (GhostBatchNorm3d, nn.BatchNorm3d, (2, 4, 3)),
}
SETTINGS = [
    {},
    {"eps": 0.1, "momentum": 0.3},
    {"momentum": None},
    {"affine": False},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False, "momentum": None},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_pytorchs_own_on_each_part_with_all_its_settings(kind: str, settings: dict[str, Any]) -> None:
    """Outputs, gradients and running statistics of three steps, and then evaluation."""
    ghost, theirs, places = KINDS[kind]
    ours = ghost(CHANNELS, 4, **settings)
    parts = [theirs(CHANNELS, **settings) for _ in range(4)]
    assert list(ours.state_dict()) == list(parts[0].state_dict())
    for step in range(3):
        x, grad = torch.randn(16, CHANNELS, *places) * (step + 1) + step, torch.randn(16, CHANNELS, *places)
        xo, xp = x.clone().requires_grad_(), x.clone().requires_grad_()
        y = ours(xo)
        y.backward(grad)
        for s, part in enumerate(parts):
            out = part(xp[s::4])
            out.backward(grad[s::4])
            torch.testing.assert_close(y[s::4], out)
        torch.testing.assert_close(xo.grad, xp.grad)
        for name, parameter in ours.named_parameters():
            torch.testing.assert_close(parameter.grad, sum(part.get_parameter(name).grad for part in parts))
        for name, buffer in ours.named_buffers():
            of_parts = torch.stack([part.get_buffer(name).float() for part in parts])
            torch.testing.assert_close(buffer.float(), of_parts.mean(0))
    whole = theirs(CHANNELS, **settings).eval()
    whole.load_state_dict(ours.state_dict())
    assert torch.equal(ours.eval()(x), whole(x))  # without running statistics, of the whole batch


def test_statistics_that_are_switched_off_later_stay_as_they_are() -> None:
    ours, theirs, x = GhostBatchNorm1d(CHANNELS, 2), nn.BatchNorm1d(CHANNELS), torch.randn(8, CHANNELS)
    ours.track_running_stats = theirs.track_running_stats = False
    torch.testing.assert_close(ours(x)[::2], theirs(x[::2]))
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())


def test_running_statistics_of_one_step_by_hand() -> None:
    layer = GhostBatchNorm2d(1, 2, momentum=0.25)
    layer(torch.tensor([0.0, 10.0, 2.0, 16.0]).view(4, 1, 1, 1))  # ghost batches (0, 2) and (10, 16)
    assert layer.running_mean.item() == pytest.approx(0.75 * 0 + 0.25 * (1 + 13) / 2)
    assert layer.running_var.item() == pytest.approx(0.75 * 1 + 0.25 * (2 + 18) / 2)


@pytest.mark.parametrize("splits", [1, 2, 4])
def test_without_momentum_running_statistics_are_the_average_of_all_batches(splits: int) -> None:
    """As of `torch.nn.BatchNorm2d(momentum=None)` on each ghost batch; evaluation in between changes nothing."""
    ours = GhostBatchNorm2d(CHANNELS, splits, momentum=None)
    parts = [nn.BatchNorm2d(CHANNELS, momentum=None) for _ in range(splits)]
    for step in range(5):
        x = torch.randn(8, CHANNELS, 4, 5) * (step + 1) + step
        ours.train()(x)
        ours.eval()(x)
        for s, part in enumerate(parts):
            part(x[s::splits])
        torch.testing.assert_close(ours.running_mean, torch.stack([p.running_mean for p in parts]).mean(0))
        torch.testing.assert_close(ours.running_var, torch.stack([p.running_var for p in parts]).mean(0))
        assert ours.num_batches_tracked == parts[0].num_batches_tracked == step + 1


def test_momentum_zero_keeps_running_statistics() -> None:
    layer = GhostBatchNorm2d(CHANNELS, 2, momentum=0.0)
    layer(torch.randn(8, CHANNELS, 2, 2))
    assert layer.running_mean.tolist() == [0.0] * CHANNELS
    assert layer.running_var.tolist() == [1.0] * CHANNELS


def test_eps_and_momentum_default_to_those_of_batch_norm() -> None:
    layer, theirs = GhostBatchNorm2d(1, 2), nn.BatchNorm2d(1)
    assert (layer.eps, layer.momentum) == (theirs.eps, theirs.momentum) == (1e-5, 0.1)


def test_eps_is_added_to_the_variance_of_each_ghost_batch() -> None:
    layer = GhostBatchNorm2d(1, 2, eps=3.0)
    y = layer(torch.tensor([0.0, 10.0, 2.0, 16.0]).view(4, 1, 1, 1)).flatten().tolist()
    assert y == pytest.approx([-1 / 2, -3 / math.sqrt(12), 1 / 2, 3 / math.sqrt(12)])


@pytest.mark.parametrize("num_splits", [0, -2])
def test_num_splits_below_one_is_an_error(num_splits: int) -> None:
    with pytest.raises(ValueError, match="num_splits"):
        GhostBatchNorm2d(CHANNELS, num_splits)


def test_scale_and_shift_start_at_one_and_zero() -> None:
    layer = GhostBatchNorm2d(CHANNELS, 4)
    assert layer.weight.tolist() == [1.0] * CHANNELS
    assert layer.bias.tolist() == [0.0] * CHANNELS


# State dict --------------------------------------------------------------------------------------------------------


def test_state_dict_has_the_keys_and_shapes_of_batch_norm() -> None:
    ours, theirs = gbn(4).state_dict(), nn.BatchNorm2d(CHANNELS).state_dict()
    assert {k: (v.shape, v.dtype) for k, v in ours.items()} == {k: (v.shape, v.dtype) for k, v in theirs.items()}


def test_batch_norm_state_loads_and_evaluates_the_same() -> None:
    state, x = make_state(), torch.randn(4, CHANNELS, 2, 2)
    assert torch.equal(gbn(4, state).eval()(x), plain(state).eval()(x))


def test_ghost_state_loads_into_batch_norm_and_evaluates_the_same() -> None:
    ours, theirs, x = gbn(4, make_state()), nn.BatchNorm2d(CHANNELS), torch.randn(8, CHANNELS, 2, 2)
    ours(x)
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


def test_loaded_state_trains_on_from_its_running_statistics() -> None:
    state, x = make_state(), torch.randn(8, CHANNELS, 2, 2)
    ours = gbn(2, state)
    ours.eval()(x)
    ours.train()(x)
    parts = [plain(state) for _ in range(2)]
    for s, part in enumerate(parts):
        part(x[s::2])
    torch.testing.assert_close(ours.running_mean, (parts[0].running_mean + parts[1].running_mean) / 2)
    torch.testing.assert_close(ours.running_var, (parts[0].running_var + parts[1].running_var) / 2)


@pytest.mark.parametrize("num_splits", [1, 2, 4])
def test_num_batches_tracked_counts_training_batches_only(num_splits: int) -> None:
    layer = GhostBatchNorm2d(CHANNELS, num_splits)
    for _ in range(3):
        layer(torch.randn(8, CHANNELS, 2, 2))
    layer.eval()(torch.randn(8, CHANNELS, 2, 2))
    assert layer.num_batches_tracked.item() == 3


def test_running_statistics_carry_no_gradient() -> None:
    layer = gbn(2)
    layer(torch.randn(8, CHANNELS, 2, 2, requires_grad=True))
    assert not layer.running_mean.requires_grad
    assert not layer.running_var.requires_grad


# Evaluation --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3, 8, 10])
def test_evaluation_is_plain_batch_norm_at_any_batch_size_and_changes_nothing(batch: int) -> None:
    state, x = make_state(), torch.randn(batch, CHANNELS, 4, 5)
    ours = gbn(4, state).eval()
    assert torch.equal(ours(x), plain(state).eval()(x))
    assert all(torch.equal(value, state[name]) for name, value in ours.state_dict().items())


# Batches that num_splits does not divide ---------------------------------------------------------------------------

# The largest s <= S with s dividing N and N/s >= 2, worked out by hand.
USABLE = {
    2: {1: 1, 2: 1, 3: 1, 4: 2, 5: 1, 6: 2, 7: 1, 9: 1, 10: 2, 32: 2, 96: 2},
    4: {1: 1, 2: 1, 3: 1, 4: 2, 5: 1, 6: 3, 7: 1, 8: 4, 9: 3, 10: 2, 32: 4, 96: 4},
    8: {1: 1, 2: 1, 3: 1, 5: 1, 7: 1, 8: 4, 9: 3, 10: 5, 12: 6, 14: 7, 16: 8, 32: 8, 96: 8},
    3: {96: 3, 8: 2, 10: 2, 6: 3, 35: 1},
}
USABLE_CASES = [(S, n, s) for S, table in USABLE.items() for n, s in table.items()]


@pytest.mark.parametrize(("num_splits", "batch", "splits"), USABLE_CASES)
def test_usable_splits(num_splits: int, batch: int, splits: int) -> None:
    assert usable_splits(batch, num_splits) == splits


@pytest.mark.parametrize(("num_splits", "batch", "splits"), USABLE_CASES)
def test_output_uses_the_usable_number_of_ghost_batches(num_splits: int, batch: int, splits: int) -> None:
    state, x = make_state(), torch.randn(batch, CHANNELS, 3, 3)
    torch.testing.assert_close(gbn(num_splits, state)(x).detach(), parts_output(state, x, splits))


@pytest.mark.parametrize("num_splits", [1, 2, 4])
def test_a_single_value_per_channel_is_the_error_of_pytorch(num_splits: int) -> None:
    x = torch.randn(1, CHANNELS, 1, 1)
    with pytest.raises(ValueError, match="more than 1 value") as theirs:
        nn.BatchNorm2d(CHANNELS)(x)
    with pytest.raises(ValueError, match="more than 1 value") as ours:
        GhostBatchNorm2d(CHANNELS, num_splits)(x)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("shape", [(8, CHANNELS), (8, CHANNELS, 4), (8, CHANNELS, 2, 2, 2)])
def test_other_than_four_dimensions_is_the_error_of_pytorch(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="4D"):
        gbn(2)(torch.randn(shape))


# Gradients and memory layouts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_splits", "batch"), [(1, 4), (2, 4), (4, 6)])
def test_gradcheck(num_splits: int, batch: int) -> None:
    layer = gbn(num_splits, make_state(2), channels=2).double()
    x = torch.randn(batch, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    weight, bias = (p.detach().clone().requires_grad_() for p in (layer.weight, layer.bias))

    def call(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(call, (x, weight, bias))


@pytest.mark.parametrize("shape", [(8, CHANNELS, 4, 5), (8, CHANNELS, 1, 1), (8, 1, 4, 5), (8, CHANNELS, 1, 5)])
@pytest.mark.parametrize("layout", ["channels_last", "transposed", "strided", "expanded"])
def test_memory_layout_does_not_matter(shape: tuple[int, ...], layout: str) -> None:
    state, (n, c, h, w) = make_state(shape[1]), shape
    x = {
        "channels_last": lambda: torch.randn(shape).to(memory_format=torch.channels_last),
        "transposed": lambda: torch.randn(c, n, h, w).transpose(0, 1),
        "strided": lambda: torch.randn(2 * n, c, h, 2 * w)[::2, :, :, ::2],
        "expanded": lambda: torch.randn(n, 1, h, w).expand(shape),
    }[layout]()
    y = gbn(4, state, c)(x)
    assert y.shape == x.shape
    torch.testing.assert_close(y.detach(), parts_output(state, x.contiguous(), 4))


def test_ghost_batches_do_not_influence_each_other() -> None:
    state, x = make_state(), torch.randn(8, CHANNELS, 2, 2)
    before = gbn(4, state)(x)
    x[1::4] *= 5
    after = gbn(4, state)(x)
    changed = [not torch.equal(before[i], after[i]) for i in range(8)]
    assert changed == [False, True, False, False] * 2


# Dropout -----------------------------------------------------------------------------------------------------------

PROBABILITIES = [0.001, 0.04, 0.08, 0.5]
COUNT = 1 << 20


def scale_of(p: float) -> float:
    return 65536 / (65536 - round(p * 65536))


@pytest.mark.parametrize("p", PROBABILITIES)
def test_dropout_drops_with_its_probability(p: float) -> None:
    dropped = (Dropout(p)(torch.ones(COUNT)) == 0).double().mean().item()
    assert abs(dropped - p) < 4 * math.sqrt(p * (1 - p) / COUNT)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_dropout_resolves_probabilities_of_a_few_65536ths(step: int) -> None:
    p, count = step / 65536, 1 << 22
    dropped = int((Dropout(p)(torch.ones(count)) == 0).sum())
    assert abs(dropped - p * count) < 4 * math.sqrt(p * count)


@pytest.mark.parametrize("p", PROBABILITIES)
def test_dropout_preserves_the_expectation(p: float) -> None:
    mean = Dropout(p)(torch.ones(COUNT)).double().mean().item()
    assert abs(mean - 1) < 4 * math.sqrt(p / (1 - p) / COUNT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("p", PROBABILITIES)
def test_dropout_scales_survivors_exactly_and_keeps_the_type(p: float, dtype: torch.dtype) -> None:
    x = torch.randn(4096, dtype=dtype)
    y = Dropout(p)(x)
    assert y.dtype == dtype
    expected = x * torch.tensor(scale_of(p), dtype=dtype)
    assert torch.equal(y[y != 0], expected[y != 0])
    assert 0 < int((y != 0).sum()) <= 4096


@pytest.mark.parametrize("p", PROBABILITIES)
def test_dropout_gradient_is_zero_where_dropped_and_the_scale_elsewhere(p: float) -> None:
    x = (torch.rand(64, 64) + 0.5).requires_grad_()
    y = Dropout(p)(x)
    y.sum().backward()
    assert torch.equal(x.grad, torch.where(y == 0, 0.0, scale_of(p)))


@pytest.mark.parametrize(("p", "training"), [(0.5, False), (0.08, False), (0.0, True), (0.0, False)])
def test_dropout_is_the_identity_in_evaluation_and_at_zero(p: float, training: bool) -> None:
    x = torch.randn(10, 3)
    assert torch.equal(Dropout(p).train(training)(x), x)


def test_dropout_repeats_with_the_seed_and_differs_between_calls() -> None:
    layer, x = Dropout(0.5), torch.ones(1000)
    torch.manual_seed(1)
    first, second = layer(x), layer(x)
    torch.manual_seed(1)
    assert torch.equal(layer(x), first)
    assert torch.equal(layer(x), second)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("p", [0.08, 0.5])
def test_dropout_of_neighbours_is_independent(p: float) -> None:
    kept = (Dropout(p)(torch.ones(COUNT)) != 0).double()
    centred = (kept - kept.mean()) / kept.std()
    for lag in (1, 2, 3, 4, 5, 7, 8, 16, 784):
        correlation = (centred[:-lag] * centred[lag:]).mean().item()
        assert abs(correlation) < 4 / math.sqrt(COUNT), lag


@pytest.mark.parametrize("p", [0.08, 0.5])
def test_dropout_rate_is_the_same_at_all_four_places_of_a_word(p: float) -> None:
    dropped = (Dropout(p)(torch.ones(COUNT)) == 0).double().view(-1, 4).mean(0)
    assert (dropped - p).abs().max().item() < 4 * math.sqrt(p * (1 - p) * 4 / COUNT)


@pytest.mark.parametrize("shape", [(0,), (1,), (3,), (5,), (7, 3), (2, 3, 5, 7), (1, 1, 1, 1)])
def test_dropout_takes_any_number_of_elements(shape: tuple[int, ...]) -> None:
    y = Dropout(0.5)(torch.ones(shape))
    assert y.shape == shape
    assert set(y.flatten().tolist()) <= {0.0, 2.0}


def test_dropout_does_not_change_its_input() -> None:
    x = torch.ones(100)
    Dropout(0.5)(x)
    assert torch.equal(x, torch.ones(100))


def test_dropout_drops_single_elements_not_channels() -> None:
    y = Dropout(0.5)(torch.ones(4, 8, 16, 16))
    means = (y == 0).double().mean(dim=(2, 3))
    assert ((means > 0.3) & (means < 0.7)).all()


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, math.nan])
def test_dropout_probability_out_of_range_is_an_error(p: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        Dropout(p)


def test_dropout_just_below_one_still_has_survivors() -> None:
    y = Dropout(0.999999)(torch.ones(1 << 20))
    assert set(y.tolist()) == {0.0, 65536.0}
