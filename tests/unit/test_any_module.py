"""Networks as people have them: recurrent layers, attention, parameters of their own, shared and unused ones.

The layer table, the penalties and the sizes of weights against counts worked out by hand.
"""

import pandas as pd
import pytest
import torch
from test_figures import assert_readable
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from normreg.analysis import weights
from normreg.config.condition import Condition
from normreg.errors import ConfigError
from normreg.models.description import DataShape
from normreg.report import layers
from normreg.report import weights as page
from normreg.training import evaluation, objective
from normreg.utils import tables

DATA = DataShape(3, 32, 32, 10)
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")  # says that it is slower


class Vit(nn.Module):
    """A vision transformer of 16 patches, width 32, two blocks: 24,170 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 8, 8)
        self.token = nn.Parameter(torch.zeros(1, 1, 32))
        self.places = nn.Parameter(torch.zeros(1, 17, 32))
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True) for _ in "12")
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])


class Rows(nn.Module):
    """Reads an image row by row, rows first, with an LSTM and a GRU, and a cell that is called for each of 4 rows."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(96, 8, proj_size=5)
        self.gru = nn.GRU(5, 4, bidirectional=True)
        self.cell = nn.LSTMCell(8, 6)
        self.head = nn.Bilinear(6, 6, 10)

    def forward(self, x: Tensor) -> Tensor:
        rows, _ = self.gru(self.lstm(x.permute(2, 0, 1, 3).flatten(2))[0])
        state = None
        for row in rows[:4]:
            state = self.cell(row, state)
        return self.head(*state)


class Shared(nn.Module):
    """A convolution that runs at two sizes, a tied weight, a layer that is never called, and names that mean others."""

    def __init__(self) -> None:
        super().__init__()
        self.all = nn.Conv2d(3, 3, 3, padding=1, groups=3)
        self.weights = nn.ModuleDict({"weight": nn.Linear(3, 10), "spare": nn.Linear(4, 7), "tied": nn.Linear(3, 10)})
        self.weights["tied"].weight = self.weights["weight"].weight
        self.scales = nn.ParameterList([torch.ones(3, 1, 1), torch.ones(0)])
        self.names = nn.Embedding(5, 3)
        self.frozen = nn.BatchNorm2d(3).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.avg_pool2d(self.all(x), 2)
        x = self.frozen(self.all(x)) * self.scales[0]
        x = x.mean((2, 3)) + self.names(torch.zeros(len(x), dtype=torch.long))
        return self.weights["weight"](x) + self.weights["tied"](x)


class Alone(nn.Module):
    """All parameters are of the network itself."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(3072, 10))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.matrix


def block(number: int) -> list[tuple[str, str, tuple[int, ...] | None, int, int]]:
    name = f"blocks.{number}"
    return [
        (f"{name}.self_attn", "MultiheadAttention", (17, 32), 1, 3 * 32 * 32 + 3 * 32),
        (f"{name}.self_attn.out_proj", "NonDynamicallyQuantizableLinear", None, 0, 32 * 32 + 32),
        (f"{name}.dropout1", "Dropout", (17, 32), 1, 0),
        (f"{name}.norm1", "LayerNorm", (17, 32), 1, 64),
        (f"{name}.linear1", "Linear", (17, 64), 1, 32 * 64 + 64),
        (f"{name}.dropout", "Dropout", (17, 64), 1, 0),
        (f"{name}.linear2", "Linear", (17, 32), 1, 64 * 32 + 32),
        (f"{name}.dropout2", "Dropout", (17, 32), 1, 0),
        (f"{name}.norm2", "LayerNorm", (17, 32), 1, 64),
    ]


LSTM = 4 * 8 * (96 + 5 + 2) + 5 * 8
GRU = 2 * 3 * 4 * (5 + 4 + 2)
CELL = 4 * 6 * (8 + 6 + 2)
TABLES = {
    Vit: [
        ("patches", "Conv2d", (32, 4, 4), 1, 32 * 3 * 64 + 32),
        *block(0),
        *block(1),
        ("head", "Linear", (10,), 1, 330),
        ("(network)", "Vit", (10,), 1, 18 * 32),
    ],
    Rows: [
        ("lstm", "LSTM", (32, 5), 1, LSTM),
        ("gru", "GRU", (32, 8), 1, GRU),
        ("cell", "LSTMCell", (6,), 4, CELL),
        ("head", "Bilinear", (10,), 1, 10 * 36 + 10),
    ],
    Shared: [
        ("all", "Conv2d", (3, 32, 32), 1, 3 * 9 + 3),
        ("all", "Conv2d", (3, 16, 16), 1, 0),
        ("frozen", "BatchNorm2d", (3, 16, 16), 1, 6),
        ("names", "Embedding", (3,), 1, 15),
        ("weights.weight", "Linear", (10,), 1, 40),
        ("weights.tied", "Linear", (10,), 1, 10),
        ("weights.spare", "Linear", None, 0, 35),
        ("scales", "ParameterList", None, 0, 3),
    ],
    Alone: [("(network)", "Alone", (10,), 1, 30720)],
}


@pytest.mark.parametrize("kind", TABLES)
def test_the_layer_table_counts_every_parameter_once(kind: type[nn.Module]) -> None:
    model = kind()
    assert [tuple(row) for row in layers.layer_table(model, DATA)] == TABLES[kind]
    assert sum(row[-1] for row in TABLES[kind]) == sum(p.numel() for p in model.parameters())


def test_what_a_layer_returns_is_measured_whatever_it_is() -> None:
    class Odd(nn.Module):
        def __init__(self, result: object) -> None:
            super().__init__()
            self.result = result

        def forward(self, x: Tensor) -> object:
            return self.result(x)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dictionary, self.nothing = Odd(lambda x: {"a": None, "b": [x.flatten(1)]}), Odd(lambda _: None)
            self.number, self.folded = Odd(lambda x: x.mean((1, 2, 3))), Odd(lambda x: x.reshape(-1, 4))

        def forward(self, x: Tensor) -> Tensor:
            self.nothing(x), self.number(x), self.folded(x)
            return self.dictionary(x)["b"][0][:, :10]

    shapes = {row.name: row.output_shape for row in layers.layer_table(Net(), DATA)}
    assert shapes == {"nothing": None, "number": (), "folded": (768, 4), "dictionary": (3072,)}


ROLES = {
    Vit: {"weight": 22_848, "norm": 256, "bias": 490, "other": 576},
    Rows: {
        "weight": LSTM - 64 + GRU - 48 + CELL - 48 + 360,
        "norm": 0,
        "bias": 64 + 48 + 48 + 10,
        "other": 0,
    },
    Shared: {"weight": 27 + 30 + 28, "norm": 6, "bias": 3 + 10 + 7 + 10, "other": 15 + 3},
}


@pytest.mark.parametrize("kind", ROLES)
def test_each_parameter_has_a_role_and_scopes_go_by_it(kind: type[nn.Module]) -> None:
    model = kind()
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    roles = objective.roles(model)
    assert {role: sum(sizes[name] for name in sizes if roles[name] == role) for role in ROLES[kind]} == ROLES[kind]
    for scope, taken in (("all", ROLES[kind]), ("weights", ["weight"]), ("no-norm", ["weight", "bias", "other"])):
        inside, outside = objective.scoped_parameters(model, scope)
        assert sum(p.numel() for p in inside) == sum(ROLES[kind][role] for role in taken)
        assert {*map(id, inside), *map(id, outside)} == set(map(id, model.parameters()))


def test_attention_with_keys_of_another_width_has_three_matrices() -> None:
    roles = objective.roles(nn.MultiheadAttention(8, 2, kdim=4, vdim=6, add_bias_kv=True))
    assert [name for name in roles if roles[name] == "weight"] == [
        "q_proj_weight",
        "k_proj_weight",
        "v_proj_weight",
        "out_proj.weight",
    ]


def test_weights_that_are_computed_from_others_are_no_weights() -> None:
    roles = objective.roles(nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 3)), nn.PReLU()))
    assert roles == {
        "0.bias": "bias",
        "0.parametrizations.weight.original0": "other",
        "0.parametrizations.weight.original1": "other",
        "1.weight": "other",
    }


def test_a_scope_without_parameters_is_one_message() -> None:
    with pytest.raises(ConfigError, match="none of the network's parameters is in the scope weights; take all"):
        objective.scoped_parameters(Alone(), "weights")


@pytest.fixture
def summarised(condition, tmp_path):
    """A function: the sizes of a network's weights, by way of their files, and the conditions of the study."""

    def summarise(model: nn.Module) -> tuple[pd.DataFrame, dict[str, Condition]]:
        evaluation.write_weights(model, tmp_path / "weights.csv", "x")
        run = {"condition": "a", "penalty": "none", "norm": "bn", "seed": 0, "epochs": 2, "identity": "x"}
        table = weights.summarise([run], [tmp_path / "weights.csv"], {"a": condition()})
        tables.write_frame(tmp_path / "sizes.csv", page.TABLE, table, "digits/x 0123456789abcdef")
        return tables.read_frame(tmp_path / "sizes.csv", page.TABLE), {"a": condition()}

    return summarise


@pytest.mark.parametrize("kind", TABLES)
def test_sizes_of_weights_are_those_of_the_parameters(kind, summarised, tmp_path, html_tables):
    model = kind()
    table, conditions = summarised(model)
    l1 = table[table["size"] == "l1_norm"].set_index(["role", "part"])["mean"]
    assert l1["all"].tolist() == pytest.approx([sum(p.abs().sum().item() for p in model.parameters())], rel=1e-5)
    parts = {name.rpartition(".")[0] or "(network)" for name, p in model.named_parameters() if p.numel()}
    assert set(l1.drop(["all", "weights"], level="role", errors="ignore").index.get_level_values("part")) == parts
    page.write(tmp_path / "w.html", "T", table, conditions)
    assert len(html_tables((tmp_path / "w.html").read_text())) == (1 if kind is Alone else 2)
    drawn = page.sizes_of(table)
    assert set(drawn[0].layers) <= parts
    assert_readable(page.draw(drawn, "Sizes"))


def test_a_layer_may_be_called_as_a_part_of_the_table(summarised):
    table, _ = summarised(Shared())
    found = table[table["size"] == "l1_norm"].set_index(["part", "role"])["elements"]
    assert found.to_dict() == {
        ("all", "all"): 139,
        ("weights", "weights"): 85,
        ("all", "weight"): 30,
        ("weights.weight", "weight"): 40,
        ("weights.spare", "weight"): 35,
        ("weights.tied", "bias"): 10,
        ("scales", "other"): 3,
        ("names", "other"): 15,
        ("frozen", "norm"): 6,
    }


def test_the_page_and_the_table_of_layers_say_what_is_not_called_or_trained(tmp_path, monkeypatch, html_tables):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config/networks").mkdir(parents=True)
    (tmp_path / "config/networks/mine.py").write_text(
        "from test_any_module import Shared\n\ndef build(spec):\n    return Shared()\n"
    )
    models = layers.build_all(["small3", "mine"], DATA)
    table = layers.tabulate(models, DATA)
    tables.write_frame("layers.csv", layers.TABLE, table)
    layers.write("layers.html", table, models)
    text = (tmp_path / "layers.html").read_text()
    assert "mine: 139 parameters, 6 of them are not trained" in text
    assert "A layer with 0 calls is not run by itself" in text
    small, mine = html_tables(text)
    assert small[0] == ["layer", "type", "output shape", "parameters"]
    assert mine[-1] == ["scales", "ParameterList", "–", "0", "3"]
    table = tables.read_frame(tmp_path / "layers.csv", layers.TABLE)
    assert table[table["network"] == "mine"]["parameters"].sum() == 139
