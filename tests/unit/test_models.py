"""The five networks against the published layer tables, typed out here."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from normreg.errors import ConfigError
from normreg.models.build import build
from normreg.models.layers import Dropout, GhostBatchNorm2d
from normreg.report.layers import layer_table

# conv IN OUT KERNEL PADDING, what follows (R ReLU, N norm, D dropout), output shape, parameters of conv and norm
TABLES = {
    "gilf641": """
        conv 1 8 3 0    | RND | 8x26x26  | 72+16
        conv 8 10 3 0   | RND | 10x24x24 | 720+20
        max 2           | -   | 10x12x12 | 0
        conv 10 16 3 0  | RND | 16x10x10 | 1440+32
        conv 16 16 3 0  | RND | 16x8x8   | 2304+32
        conv 16 16 3 0  | RN  | 16x6x6   | 2304+32
        conv 16 16 3 0  | -   | 16x4x4   | 2304
        avg 4           | -   | 16x1x1   | 0
        conv 16 10 1 0  | -   | 10x1x1   | 160
    """,
    "hardayaleva5": """
        conv 1 10 3 1   | RND | 10x28x28 | 90+20
        conv 10 10 3 1  | RND | 10x28x28 | 900+20
        max 2           | -   | 10x14x14 | 0
        conv 10 10 3 0  | RND | 10x12x12 | 900+20
        conv 10 12 3 0  | RND | 12x10x10 | 1080+24
        conv 12 16 3 0  | RND | 16x8x8   | 1728+32
        conv 16 16 3 0  | RND | 16x6x6   | 2304+32
        conv 16 16 3 0  | RN  | 16x4x4   | 2304+32
        avg 4           | -   | 16x1x1   | 0
        conv 16 10 1 0  | -   | 10x1x1   | 160
    """,
    "satyajitghana": """
        conv 1 14 3 0   | NRD | 14x26x26 | 126+28
        conv 14 30 3 0  | NRD | 30x24x24 | 3780+60
        conv 30 10 1 0  | -   | 10x24x24 | 300
        max 2           | -   | 10x12x12 | 0
        conv 10 14 3 0  | NRD | 14x10x10 | 1260+28
        conv 14 15 3 0  | NRD | 15x8x8   | 1890+30
        conv 15 15 3 0  | NRD | 15x6x6   | 2025+30
        avg 6           | -   | 15x1x1   | 0
        conv 15 15 1 0  | RND | 15x1x1   | 225+30
        conv 15 10 1 0  | -   | 10x1x1   | 150
    """,
    "noopuragr": """
        conv 1 10 3 1   | RND | 10x28x28 | 90+20
        conv 10 16 3 1  | RND | 16x28x28 | 1440+32
        conv 16 10 1 0  | -   | 10x28x28 | 160
        max 2           | -   | 10x14x14 | 0
        conv 10 16 3 1  | RN  | 16x14x14 | 1440+32
        conv 16 16 3 1  | RND | 16x14x14 | 2304+32
        conv 16 16 1 0  | -   | 16x14x14 | 256
        max 2           | -   | 16x7x7   | 0
        conv 16 10 3 1  | RND | 10x7x7   | 1440+20
        conv 10 10 3 1  | RND | 10x7x7   | 900+20
        avg 7           | -   | 10x1x1   | 0
        conv 10 10 1 0  | -   | 10x1x1   | 100
    """,
    "ashxjain": """
        conv 1 10 3 1   | RND | 10x28x28 | 90+20
        conv 10 10 3 0  | RND | 10x26x26 | 900+20
        max 2           | -   | 10x13x13 | 0
        conv 10 11 3 1  | RND | 11x13x13 | 990+22
        conv 11 11 3 0  | RND | 11x11x11 | 1089+22
        max 2           | -   | 11x5x5   | 0
        conv 11 12 3 1  | RND | 12x5x5   | 1188+24
        conv 12 12 3 0  | RND | 12x3x3   | 1296+24
        conv 12 10 3 0  | -   | 10x1x1   | 1080
    """,
}
PARAMETERS = {"gilf641": 9436, "hardayaleva5": 9646, "satyajitghana": 9962, "noopuragr": 8286, "ashxjain": 6765}
DROPOUTS = {"gilf641": 0.08, "hardayaleva5": 0.04, "satyajitghana": 0.08, "noopuragr": 0.001, "ashxjain": 0.01}
NAMES = list(PARAMETERS)


def made(name: str, norm: str, num_splits: int, dropout: float | None = None) -> nn.Sequential:
    return build({"network": name, "norm": norm, "num_splits": num_splits, "dropout": dropout})


# What a module shows of itself: its type and the arguments that matter.
Description = tuple[str, ...]
Row = tuple[Description, tuple[int, ...], int]


def expected_rows(name: str) -> Iterator[Row]:
    """Every module of the table: description, output shape, parameters."""
    for line in TABLES[name].strip().splitlines():
        layer, after, shape, parameters = (cell.strip() for cell in line.split("|"))
        sizes = tuple(int(n) for n in shape.split("x"))
        conv, *norm = (int(n) for n in parameters.split("+"))
        yield tuple(layer.split()), sizes, conv
        for step in after.strip("-"):
            yield (step,), sizes, norm[0] if step == "N" else 0


def describe(module: nn.Module) -> Description:
    if isinstance(module, nn.Conv2d):
        assert module.stride == module.dilation == (1, 1)
        assert module.groups == 1
        assert module.bias is None
        (kernel, same), (padding, also) = module.kernel_size, module.padding
        assert (kernel, padding) == (same, also)
        return ("conv", *(str(n) for n in (module.in_channels, module.out_channels, kernel, padding)))
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        assert module.stride == module.kernel_size
        assert module.padding == 0
        assert not module.ceil_mode
        return ("max" if isinstance(module, nn.MaxPool2d) else "avg", str(module.kernel_size))
    kinds = {nn.ReLU: "R", nn.BatchNorm2d: "N", GhostBatchNorm2d: "N", Dropout: "D"}
    return (kinds[type(module)],)


def trained(name: str, norm: str) -> nn.Sequential:
    """A network after a few forward passes in training, with scale and shift away from one and zero."""
    torch.manual_seed(1)
    model = made(name, norm, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
        for _ in range(2):
            model(torch.randn(4, 1, 28, 28))
    return model


@pytest.mark.parametrize("norm", ["bn", "gbn"])
@pytest.mark.parametrize("name", NAMES)
def test_parameter_count_is_the_published_one(name: str, norm: str) -> None:
    assert sum(p.numel() for p in made(name, norm, 4).parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_typed_tables_add_up_to_the_published_count(name: str) -> None:
    assert sum(parameters for _, _, parameters in expected_rows(name)) == PARAMETERS[name]


@pytest.mark.parametrize("norm", ["bn", "gbn"])
@pytest.mark.parametrize("name", NAMES)
def test_layers_shapes_and_parameters_follow_the_published_table(name: str, norm: str) -> None:
    rows: list[Row] = []
    *layers, last = made(name, norm, 2)
    x = torch.randn(4, 1, 28, 28)
    for module in layers:
        x = module(x)
        rows.append((describe(module), tuple(x.shape[1:]), sum(p.numel() for p in module.parameters())))
    assert rows == list(expected_rows(name))
    assert isinstance(last, nn.Flatten)


@pytest.mark.parametrize(("norm", "kind"), [("bn", nn.BatchNorm2d), ("gbn", GhostBatchNorm2d)])
@pytest.mark.parametrize("name", NAMES)
def test_every_norm_is_of_the_kind_asked_for(name: str, norm: str, kind: type) -> None:
    norms = [m for m in made(name, norm, 8).modules() if isinstance(m, nn.BatchNorm2d)]
    assert {type(m) for m in norms} == {kind}
    assert {(m.eps, m.momentum, m.affine, m.track_running_stats) for m in norms} == {(1e-5, 0.1, True, True)}
    if norm == "gbn":
        assert {m.num_splits for m in norms} == {8}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("override", [None, 0.0, 0.3])
def test_dropout_is_the_published_one_unless_overridden(name: str, override: float | None) -> None:
    found = {m.p for m in made(name, "bn", 1, dropout=override).modules() if isinstance(m, Dropout)}
    assert found == {DROPOUTS[name] if override is None else override}


@pytest.mark.parametrize("norm", ["bn", "gbn"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [1, 6])
def test_evaluation_gives_ten_logits_an_image(name: str, norm: str, batch: int) -> None:
    logits = made(name, norm, 2).eval()(torch.randn(batch, 1, 28, 28))
    assert logits.shape == (batch, 10)
    assert not torch.allclose(logits.exp().sum(1), torch.ones(batch))  # not already a softmax


@pytest.mark.parametrize("name", NAMES)
def test_state_dicts_of_both_norms_have_the_same_keys_and_shapes(name: str) -> None:
    plain, ghost = ({k: v.shape for k, v in made(name, norm, 4).state_dict().items()} for norm in ("bn", "gbn"))
    assert list(plain.items()) == list(ghost.items())


@pytest.mark.parametrize(("source", "target"), [("bn", "gbn"), ("gbn", "bn")])
@pytest.mark.parametrize("name", NAMES)
def test_weights_of_one_norm_evaluate_the_same_in_the_other(name: str, source: str, target: str) -> None:
    first, second, x = trained(name, source).eval(), made(name, target, 4).eval(), torch.randn(3, 1, 28, 28)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x), second(x))


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_gives_both_norms_the_same_initial_weights(name: str) -> None:
    states: list[dict[str, Tensor]] = []
    for norm in ("bn", "gbn"):
        torch.manual_seed(3)
        states.append(made(name, norm, 2).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("name", NAMES)
def test_convolutions_keep_the_default_initial_weights(name: str) -> None:
    torch.manual_seed(3)
    model = made(name, "gbn", 2)
    torch.manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.in_channels * module.kernel_size[0] ** 2
            bound = math.sqrt(6 / ((1 + 5) * fan_in))  # kaiming uniform with a = sqrt(5): gain sqrt(2 / (1 + a^2))
            assert 0.9 * bound < module.weight.abs().max().item() <= bound
            fresh = torch.empty_like(module.weight).uniform_(-bound, bound)
            torch.testing.assert_close(module.weight.detach(), fresh)


def test_unknown_network_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"'network': found 'lenet'.*gilf641, hardayaleva5, satyajitghana, noopuragr, ashxjain"
    ):
        made("lenet", "bn", 1)


@pytest.mark.parametrize("norm", ["BN", "layer", ""])
def test_unknown_norm_is_an_error(norm: str) -> None:
    with pytest.raises(ConfigError, match=f"'norm': found {norm!r}; expected one of bn, gbn"):
        made("gilf641", norm, 1)


@pytest.mark.parametrize("missing", ["network", "norm", "num_splits", "dropout"])
def test_a_missing_key_is_named(missing: str) -> None:
    condition = {"network": "gilf641", "norm": "bn", "num_splits": 1, "dropout": 0.1, "epochs": 3}
    build(condition)
    del condition[missing]
    with pytest.raises(ConfigError, match=f"'{missing}' is missing"):
        build(condition)


def test_batch_norm_ignores_the_number_of_splits() -> None:
    assert sum(p.numel() for p in made("ashxjain", "bn", 0).parameters()) == 6765


@pytest.mark.parametrize("norm", ["bn", "gbn"])
@pytest.mark.parametrize("name", NAMES)
def test_layer_table_is_the_published_table(name: str, norm: str) -> None:
    kinds = {"conv": "Conv2d", "max": "MaxPool2d", "avg": "AvgPool2d", "R": "ReLU", "D": "Dropout"}
    kinds["N"] = "BatchNorm2d" if norm == "bn" else "GhostBatchNorm2d"
    expected = [(kinds[what[0]], shape, count) for what, shape, count in expected_rows(name)]
    rows = layer_table(made(name, norm, 2))
    assert [(r.kind, r.output_shape, r.parameters) for r in rows] == [*expected, ("Flatten", (10,), 0)]
    assert len({r.name for r in rows}) == len(rows)


@pytest.mark.parametrize("training", [True, False])
def test_layer_table_leaves_the_model_as_it_was(training: bool) -> None:
    model = made("ashxjain", "bn", 1).train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    layer_table(model)
    assert {m.training for m in model.modules()} == {training}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
