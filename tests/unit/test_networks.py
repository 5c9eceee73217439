"""Networks as files: against PyTorch's own layers, and every wrong file with its message."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from normreg.config import networks
from normreg.errors import ConfigError
from normreg.models import norms, python_file, shapes
from normreg.models.build import build
from normreg.models.description import BASELINE, DataShape, Network, PythonNetwork, as_data, from_data
from normreg.models.layers import Dropout, GhostBatchNorm1d, GhostBatchNorm2d, GhostBatchNorm3d
from normreg.models.networks import BUILT_IN, built_in
from normreg.models.shapes import count_parameters
from normreg.report.layers import layer_table
from normreg.training import draws
from normreg.workflow import trials

COLOUR = DataShape(3, 32, 32, 10)


def made(network, data, norm="bn", splits=1, dropout=0.0):
    counts = {"num_splits": splits, "num_groups": 2}
    return build({"network": "own", "norm": norm, "dropout": dropout, **counts}, data, network)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config/networks").mkdir(parents=True)
    return tmp_path / "config/networks"


# --- the layers against PyTorch's


def residual(channels):
    """The residual block of a ResNet-9, in PyTorch's words."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.long = nn.Sequential(*(part for _ in "12" for part in unit(channels, channels)))

        def forward(self, x):
            return x + self.long(x)

    return Block()


def unit(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()


def resnet9():
    """Page's ResNet-9: widths 64, 128, 256, 512; blocks after the second and the fourth; max pooling at the end."""
    parts = [*unit(3, 64), *unit(64, 128), nn.MaxPool2d(2), residual(128), *unit(128, 256), nn.MaxPool2d(2)]
    parts += [*unit(256, 512), nn.MaxPool2d(2), residual(512), nn.AdaptiveMaxPool2d(1), nn.Flatten()]
    return nn.Sequential(*parts, nn.Linear(512, 10, bias=False))


def test_resnet9_is_that_of_page():
    torch.manual_seed(0)
    theirs = resnet9()
    torch.manual_seed(0)
    ours, images = made(built_in("resnet9"), COLOUR), torch.randn(4, 3, 32, 32)
    assert sum(p.numel() for p in ours.parameters()) == 6_573_120
    assert torch.equal(ours(images), theirs(images))
    assert torch.equal(ours.eval()(images), theirs.eval()(images))


def test_every_kind_of_layer_is_pytorchs():
    network = from_data(
        {
            "dropout": 0.3,
            "layers": [
                {"conv": {"channels": 8, "kernel": 5, "stride": 2, "padding": 2, "groups": 1, "bias": True}},
                "norm",
                "gelu",
                {"max_pool": {"size": 3, "stride": 2, "padding": 1}},
                {"conv": {"channels": 12, "groups": 4, "padding": 1}},
                "silu",
                {"avg_pool": {"size": 2, "stride": 1}},
                {"residual": {"layers": [{"conv": {"channels": 6}}], "shortcut": [{"conv": {"channels": 6}}, "relu"]}},
                "dropout",
                "global_avg_pool",
                "flatten",
                {"linear": {"features": 7}},
                {"linear": {"features": "classes", "bias": False}},
            ],
        }
    )
    data, images = DataShape(3, 20, 33, 4), torch.randn(5, 3, 20, 33)
    torch.manual_seed(1)
    ours = made(network, data, dropout=None)
    torch.manual_seed(1)
    first = nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2), nn.BatchNorm2d(8), nn.GELU(), nn.MaxPool2d(3, 2, 1))
    second = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1, groups=4, bias=False), nn.SiLU(), nn.AvgPool2d(2, 1))
    long, short = nn.Conv2d(12, 6, 3, bias=False), nn.Conv2d(12, 6, 3, bias=False)
    last = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 7), nn.Linear(7, 4, bias=False))
    for module in (ours, first, second, last):
        module.eval()
    x = second(first(images))
    assert torch.equal(ours(images), last(long(x) + short(x).relu()))
    assert {m.p for m in ours.modules() if isinstance(m, Dropout)} == {0.3}


LAYERS = st.one_of(
    st.fixed_dictionaries(
        {
            "conv": st.fixed_dictionaries(
                {"channels": st.sampled_from([4, 8])},
                optional={
                    "kernel": st.integers(1, 4),
                    "stride": st.integers(1, 3),
                    "padding": st.integers(0, 2),
                    "groups": st.sampled_from([1, 2, 4]),
                    "bias": st.booleans(),
                },
            )
        }
    ),
    st.fixed_dictionaries(
        {"max_pool": st.fixed_dictionaries({"size": st.integers(2, 3), "padding": st.integers(0, 1)})}
    ),
    st.fixed_dictionaries(
        {"avg_pool": st.fixed_dictionaries({"size": st.integers(2, 3), "stride": st.integers(1, 3)})}
    ),
    st.sampled_from(["norm", "relu", "gelu", "silu", "dropout", "global_max_pool", "global_avg_pool", "flatten"]),
    st.just(
        {
            "residual": {
                "layers": ["relu", {"conv": {"channels": 4, "padding": 1}}],
                "shortcut": [{"conv": {"channels": 4, "padding": 1}}, "norm"],
            }
        }
    ),
    st.just({"linear": {"features": 5}}),
)


@given(
    layers=st.lists(LAYERS, min_size=1, max_size=8),
    data=st.tuples(st.sampled_from([1, 3, 4]), st.integers(8, 20), st.integers(8, 20)).map(lambda s: DataShape(*s, 3)),
)
def test_shapes_and_sizes_are_pytorchs_or_the_network_is_refused(layers, data):
    """Whatever the check lets pass, PyTorch computes, with the shapes and numbers of parameters that were foreseen."""
    network = from_data({"layers": [*layers, "global_avg_pool", "flatten", {"linear": {"features": "classes"}}]})
    try:
        shapes.check(network, data, "own")
    except ConfigError:  # a global pooling cannot follow a flat layer
        network = from_data({"layers": [*layers, "flatten", {"linear": {"features": "classes"}}]})
        try:
            shapes.check(network, data, "own")
        except ConfigError:
            return
    model = made(network, data)
    assert model(torch.randn(2, *data[:3])).shape == (2, 3)
    assert count_parameters(network, data) == sum(p.numel() for p in model.parameters())
    assert sum(row.parameters for row in layer_table(model, data)) == count_parameters(network, data)
    assert from_data(json.loads(json.dumps(as_data(network)))) == network


# --- wrong files

GOOD = [{"conv": {"channels": 4}}, "norm", "global_avg_pool", "flatten", {"linear": {"features": "classes"}}]
BAD_LAYERS = [
    ([{"conv": {}}], r"key 'layers\.1\.conv\.channels' is missing"),
    ([{"conv": {"channels": 0}}], r"'layers\.1\.conv\.channels': found 0; expected a whole number from 1 to 8192"),
    ([{"conv": {"channels": "many"}}], r"found 'many'; expected a whole number from 1 to 8192, or the word classes"),
    ([{"conv": {"channels": 4, "kernel": 0}}], r"kernel': found 0; expected a whole number of pixels from 1 to 31"),
    ([{"conv": {"channels": 4, "strid": 2}}], r"unknown key 'layers\.1\.conv\.strid'\. Did you mean 'stride'"),
    ([{"cnv": {"channels": 4}}], r"unknown key 'layers\.1\.cnv'\. Did you mean 'conv'"),
    (["rellu"], r"'layers\.1': found 'rellu'; expected one of norm, relu, gelu"),
    (["conv"], r"found 'conv'; expected one of norm, .* or one of conv, linear, .* with its settings"),
    ([4], r"'layers\.1': found 4; expected a word such as `relu`"),
    ([], r"'layers': found \[\]; expected a list of 1 to 500 layers"),
    ([{"conv": {"channels": 4}, "linear": {"features": 3}}], r"expected a word such as `relu`, or one key"),
    ([{"residual": {"layers": []}}], r"'layers\.1\.residual\.layers': found \[\]; expected a list of 1 to 500"),
]
BAD_SHAPES = [
    ([{"conv": {"channels": 4}}, {"max_pool": {"size": 2}}, {"conv": {"channels": 4, "kernel": 5}}, *GOOD],
     r"layer 3 \(conv 5x5\) gets 3 x 3 pixels; expected 5 or more a side"),
    ([{"max_pool": {"size": 9}}, *GOOD], r"layer 1 \(max_pool 9x9\) gets 8 x 8 pixels; expected 9 or more"),
    ([{"avg_pool": {"size": 9}}, *GOOD], r"layer 1 \(avg_pool 9x9\) gets 8 x 8 pixels; expected 9 or more"),
    ([{"max_pool": {"size": 3, "padding": 2}}, *GOOD], r"layer 1 \(max_pool 3x3\) has padding 2; expected 1 at most"),
    ([{"conv": {"channels": 4, "groups": 2}}, *GOOD], r"layer 1 \(conv 3x3\) has 2 groups; expected a divisor"),
    (["flatten", *GOOD], r"layer 2 \(conv 3x3\) gets 64 values without pixels; put it before `flatten`"),
    (["flatten", "norm", {"linear": {"features": 2}}], r"layer 2 \(norm\) gets 64 values without pixels"),
    ([{"linear": {"features": 3}}, *GOOD], r"layer 1 \(linear\) gets 1 x 8 x 8 values; put `flatten` before it"),
    ([{"residual": {"layers": ["relu", {"conv": {"channels": 4}}]}}, *GOOD],
     r"layer 1 \(residual\) adds 4 x 6 x 6 values of its layers and 1 x 8 x 8 of its shortcut"),
    ([{"residual": {"layers": ["relu", {"conv": {"channels": 4, "kernel": 9}}]}}, *GOOD],
     r"layer 1\.2 \(conv 9x9\) gets 8 x 8 pixels"),
    ([{"conv": {"channels": 4}}, "norm"], r"from images of 1 x 8 x 8 its last layer gives 4 x 6 x 6 values"),
    (GOOD[:1] + GOOD[2:], r"has no layer `norm`, so norm gbn would change nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "message"), BAD_LAYERS, ids=str)
def test_a_wrong_file_is_one_message(folder, layers, message):
    (folder / "own.yaml").write_text(json.dumps({"layers": layers}))
    with pytest.raises(ConfigError, match=rf"^config/networks/own\.yaml: .*{message}"):
        networks.find("own")


@pytest.mark.parametrize(("layers", "message"), BAD_SHAPES, ids=str)
def test_a_layer_that_does_not_fit_is_named(folder, layers, message):
    (folder / "own.yaml").write_text(json.dumps({"layers": layers}))
    with pytest.raises(ConfigError, match=rf"^config/networks/own\.yaml: {message}"):
        networks.check("own", DataShape(1, 8, 8, 2), {"norm": "gbn", "num_splits": 2})


def test_a_network_without_norm_is_fine_without_ghost_batch_norm(folder):
    (folder / "own.yaml").write_text(json.dumps({"layers": GOOD[:1] + GOOD[2:]}))
    networks.check("own", DataShape(1, 8, 8, 2), {"norm": "bn"})


def test_names_are_those_of_files_and_none_is_there_twice(folder):
    assert networks.names() == list(BUILT_IN)
    (folder / "own.yaml").write_text(json.dumps({"layers": GOOD, "dropout": 0.2}))
    (folder / "code.py").write_text("def build(spec): pass")
    assert networks.names() == [*BUILT_IN, "code", "own"]
    assert isinstance(networks.find("own"), Network)
    assert isinstance(networks.find("code"), PythonNetwork)
    with pytest.raises(
        ConfigError, match=r"'network': found 'lenet', but there is no config/networks/lenet\.yaml.*small3"
    ):
        networks.find("lenet")
    (folder / "own.py").write_text("def build(spec): pass")
    with pytest.raises(ConfigError, match=r"own\.yaml: its name is also that of config/networks/own\.py; rename"):
        networks.find("own")
    (folder / "gilf641.yaml").write_text(json.dumps({"layers": GOOD}))
    with pytest.raises(ConfigError, match=r"gilf641\.yaml: its name is also that of a network that comes with normreg"):
        networks.find("gilf641")


# --- networks in Python

HEAD = "import torch\nfrom torch import nn\n\ndef build(spec):\n"
PLAIN = HEAD + (
    "    norm = nn.BatchNorm2d(6)\n"
    "    block = nn.ModuleDict({'inner': nn.Sequential(nn.Conv2d(spec.channels, 6, 3), norm, nn.GELU())})\n"
    "    class Net(nn.Module):\n"
    "        def __init__(self):\n"
    "            super().__init__()\n"
    "            self.block, self.again, self.drop = block, norm, nn.Dropout(spec.dropout)\n"
    "            self.head = nn.Linear(6, spec.classes)\n"
    "        def forward(self, x):\n"
    "            return self.head(self.drop(self.again(self.block['inner'](x))).mean((2, 3)))\n"
    "    return Net()\n"
)


def python(folder, text, norm="gbn", splits=2):
    (folder / "code.py").write_text(text)
    torch.manual_seed(0)
    return made(networks.find("code"), COLOUR, norm, splits)


def test_batch_norms_anywhere_become_ghost_batch_norms(folder):
    plain, ghost = python(folder, PLAIN, "bn"), python(folder, PLAIN)
    assert not [m for m in plain.modules() if isinstance(m, GhostBatchNorm2d)]
    (norm,) = {m for m in ghost.modules() if isinstance(m, nn.BatchNorm2d)}
    assert isinstance(norm, GhostBatchNorm2d)
    assert norm is ghost.again is ghost.block["inner"][1]  # it is used twice, before and after
    assert norm.num_splits == 2
    assert list(plain.state_dict()) == list(ghost.state_dict())
    assert all(torch.equal(plain.state_dict()[name], value) for name, value in ghost.state_dict().items())
    assert ghost.training
    images = torch.randn(8, 3, 32, 32)
    plain.eval()
    assert torch.equal(plain(images), ghost.eval()(images))


def test_training_normalises_each_ghost_batch(folder):
    text = HEAD + "    return nn.Sequential(nn.Conv2d(3, 10, 32), nn.BatchNorm2d(10), nn.Flatten())\n"
    ghost, images = python(folder, text), torch.randn(8, 3, 32, 32)
    found = ghost(images).detach()
    values = ghost[0](images).detach()
    for part in (values[0::2], values[1::2]):
        part -= part.mean(0)
        part /= (part.square().mean(0) + 1e-5).sqrt()
    torch.testing.assert_close(found, values.flatten(1), atol=1e-5, rtol=1e-4)


def test_lazy_layers_are_filled_in(folder):
    text = (
        HEAD + "    return nn.Sequential(nn.LazyConv2d(4, 32), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(10))\n"
    )
    assert python(folder, text)(torch.randn(4, 3, 32, 32)).shape == (4, 10)


BAD_CODE = [
    ("def build(spec:\n", r"cannot be read as Python"),
    ("x = 1\n", r"defines no function `build`"),
    (HEAD + "    return 1 / 0\n", r"it fails in line 5 with ZeroDivisionError: division by zero\. Correct this file"),
    (HEAD + "    raise SystemExit(3)\n", r"it fails in line 5 with SystemExit: 3"),
    (HEAD + "    class Net(nn.Linear):\n        def forward(self, x):\n            y = super().forward(x.flatten(1))\n"
     "            return (y, y) if self.training else y\n    return Net(3072, 10)\n", r"gives tuple in training mode"),
    (HEAD + "    class Net(nn.Linear):\n        def forward(self, x):\n"
     "            self.scale = nn.Parameter(torch.ones(1)) if self.training else 1\n"
     "            return super().forward(x.flatten(1)) * self.scale\n    return Net(3072, 10)\n",
     r"scale: made in a training step, too late for the optimizer"),
    (HEAD + "    return 3\n", r"build\(spec\) returned int; expected an nn\.Module"),
    (HEAD + "    return nn.Conv2d(1, 2, 3)\n", r"on images of 3 x 32 x 32, it fails with RuntimeError"),
    (HEAD + "    return nn.Conv2d(3, 2, 3)\n", r"gives \(5, 2, 30, 30\) in evaluation mode; expected logits \(5, 10\)"),
    (HEAD + "    return nn.Sequential(nn.Flatten(), nn.AvgPool1d(300), nn.Identity())\n",
     r"in a training step, it fails with RuntimeError: element 0 of tensors does not require grad"),
    (HEAD + "    net = nn.Linear(3072, 10)\n    net.spare = nn.LazyLinear(3)\n"
     "    return nn.Sequential(nn.Flatten(), net)\n", r"its layer '1\.spare' is lazy and never called; remove it"),
    (HEAD + "    net = nn.Linear(3072, 10)\n    net.register_buffer('\\x1b[2J', net.bias)\n    return net\n",
     r"a layer has the name '\\x1b\[2J'; expected one without control characters"),
    (HEAD + "    return type('\\u2028', (nn.Linear,), {})(3072, 10)\n", r"a layer has the name '\\u2028'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD_CODE, ids=[message[:30] for _, message in BAD_CODE])
def test_wrong_code_is_one_message(folder, text, message):
    with pytest.raises(ConfigError, match=rf"^config/networks/code\.py: .*{message}"):
        python(folder, text, "bn")


def module(parts, forward):
    """The text of a file whose network has these parts and this result for images x."""
    return HEAD + (
        "    class Net(nn.Module):\n"
        "        def __init__(self):\n"
        "            super().__init__()\n"
        "            self.conv, self.head = nn.Conv2d(3, 10, 32), nn.Linear(192, 10)\n"
        f"            {parts}\n"
        "        def forward(self, x):\n"
        f"            {forward}\n"
        "    return Net()\n"
    )


PATCHES = "x.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).reshape(-1, 192)"
# With batch norm these networks train. No norm can take its place.
NO_PLACE = {
    "none": (
        "pass",
        "return self.conv(x).flatten(1)",
        r"has no BatchNorm1d, 2d or 3d, so norm gbn would change nothing",
    ),
    "of the user": (
        "self.norm = type('Mine', (nn.BatchNorm2d,), {})(10)",
        "return self.norm(self.conv(x)).flatten(1)",
        r"its layer 'norm' is .*Mine\. Norm gbn takes the place of BatchNorm1d, BatchNorm2d and BatchNorm3d, but not",
    ),
    "synchronised": (
        "self.norm = nn.SyncBatchNorm(10)",
        "return self.norm(self.conv(x)).flatten(1)",
        r"its layer 'norm' is SyncBatchNorm\. Norm gbn takes",
    ),
    "scripted": (
        "self.norm = torch.jit.script(nn.BatchNorm2d(10))",
        "return self.norm(self.conv(x)).flatten(1)",
        r"its layer 'norm' is .*ScriptModule\. Norm gbn takes",
    ),
    "with a forward of its own": (
        "self.norm = nn.BatchNorm2d(10); self.norm.forward = self.norm.forward",
        "return self.norm(self.conv(x)).flatten(1)",
        r"its layer 'norm' is BatchNorm2d with a `forward` of its own\. Norm gbn takes",
    ),
    "of patches": (
        "self.norm = nn.BatchNorm1d(192)",
        f"return self.head(self.norm({PATCHES})).view(len(x), 16, 10).mean(1)",
        r"for 5 images its layer 'norm' gets a tensor of shape \(80, 192\); norm gbn needs the images in the first dim",
    ),
    "places first": (
        "self.norm = nn.BatchNorm1d(10)",
        "return self.norm(self.conv(x).flatten(2).permute(2, 1, 0))[0].T",
        r"gets a tensor of shape \(1, 10, 5\)",
    ),
    "in a plain list": (
        "self.norm, self.norms = nn.BatchNorm2d(3), [nn.BatchNorm2d(10)]",
        "return self.norms[0](self.conv(self.norm(x))).flatten(1)",
        r"calls a batch norm that is not one of its modules, so norm gbn cannot take its place; keep",
    ),
    "unused": (
        "self.norm = nn.BatchNorm2d(10)",
        "return self.conv(x).flatten(1)",
        r"calls none of its batch norms, so norm gbn would change nothing",
    ),
}


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.parametrize("kind", NO_PLACE)
def test_a_norm_that_cannot_take_the_place_of_batch_norms_is_one_message(folder, kind):
    parts, forward, message = NO_PLACE[kind]
    text = module(parts, forward)
    assert python(folder, text, "bn")(torch.randn(4, 3, 32, 32)).shape == (4, 10)
    with pytest.raises(ConfigError, match=rf"^config/networks/code\.py: .*{message}"):
        python(folder, text)


OF_PYTORCH = {nn.BatchNorm1d: GhostBatchNorm1d, nn.BatchNorm2d: GhostBatchNorm2d, nn.BatchNorm3d: GhostBatchNorm3d}


@pytest.mark.parametrize("kind", OF_PYTORCH)
@pytest.mark.parametrize(
    "settings",
    [
        {"eps": 0.5, "momentum": None, "dtype": torch.float64},
        {"affine": False, "device": "meta"},
        {"bias": False, "track_running_stats": False},
    ],
    ids=str,
)
def test_a_replaced_norm_keeps_settings_tensors_mode_and_hooks(kind, settings):
    norm, called = kind(6, **settings).eval(), []
    norm.register_forward_hook(lambda *_: called.append(1))
    tensors = {**norm._parameters, **norm._buffers}
    model, text = nn.Sequential(norm), norm.extra_repr()
    assert norms.replace(model, "gbn", 3, "here") == ["0"]
    assert type(norm) is OF_PYTORCH[kind]
    assert norm.extra_repr() == f"{text}, num_splits=3"
    assert list(tensors) == list({**norm._parameters, **norm._buffers})
    assert all({**norm._parameters, **norm._buffers}[name] is tensor for name, tensor in tensors.items())
    assert not norm.training
    kind_of_tensor = {"dtype": settings.get("dtype"), "device": settings.get("device")}
    model(torch.zeros(4, 6, *[2] * int(kind.__name__[-2]), **kind_of_tensor))
    assert called == [1]


def test_a_norm_is_replaced_wherever_the_code_holds_it(folder):
    """In a list, and in a function that was made before."""
    parts = "self.one, self.two = nn.BatchNorm2d(3), nn.BatchNorm1d(10); self.steps = [self.one, self.conv]; "
    parts += "two = self.two; self.last = lambda x: two(x.flatten(1))"
    ghost = python(folder, module(parts, "return self.last(self.steps[1](self.steps[0](x)))"))
    assert [type(ghost.one), type(ghost.two)] == [GhostBatchNorm2d, GhostBatchNorm1d]
    assert ghost.steps[0] is ghost.one
    images = torch.randn(8, 3, 32, 32)
    inner = nn.functional.batch_norm(images[::2], None, None, training=True)
    expected = nn.functional.batch_norm(ghost.conv(inner).flatten(1), None, None, training=True)
    torch.testing.assert_close(ghost(images)[::2], expected)


# PyTorch's own layers in the place of BatchNorm2d(channels, eps=0.25).
THEIRS = {
    "gn": lambda channels, eps: nn.GroupNorm(2, channels, eps),
    "ln": lambda channels, eps: nn.GroupNorm(1, channels, eps),
    "in": lambda channels, eps: nn.InstanceNorm2d(channels, eps, affine=True),
    "none": lambda *_: nn.Identity(),
}


@pytest.mark.parametrize("norm", THEIRS)
def test_other_norms_are_pytorchs_layers_in_networks_of_both_kinds(folder, norm):
    theirs = THEIRS[norm](4, 1e-5)
    assert repr(made(from_data({"layers": GOOD}), COLOUR, norm).norm1) == repr(theirs)
    text = HEAD + "    return nn.Sequential(nn.Conv2d(3, 4, 30), nn.BatchNorm2d(4, 0.25, 0.3), nn.Flatten(), "
    coded, images = python(folder, text + "nn.Linear(36, 10))\n", norm), torch.randn(4, 3, 32, 32)
    theirs = THEIRS[norm](4, 0.25)
    assert repr(coded[1]) == repr(theirs)
    for scale in coded[1].parameters():
        nn.init.uniform_(scale, 0.5, 2)
    theirs.load_state_dict(coded[1].state_dict())
    assert torch.equal(coded[1](coded[0](images)), theirs(coded[0](images)))
    for mode in (True, False):
        assert torch.equal(coded.train(mode)(images), coded(images))  # nothing of batch norm is left


def test_layer_norm_is_over_channels_and_pixels(folder):
    images = torch.randn(4, 6, 5, 5)
    text = HEAD + "    return nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3072, 10))\n"
    norm = python(folder, text, "ln")[0]
    norm.num_channels, norm.weight, norm.bias = 6, None, None
    torch.testing.assert_close(norm(images), nn.functional.layer_norm(images, (6, 5, 5)))


@pytest.mark.parametrize(
    ("norm", "layers", "said"),
    [
        ("gn", [{"conv": {"channels": 5}}, *GOOD[1:]], r"layer 2 \(norm\) has 5 channels; .* multiple of num_groups 2"),
        ("in", [*GOOD[:1], "global_avg_pool", *GOOD[1:]], r"layer 3 \(norm\) gets one pixel of each channel"),
        ("gn", [{"residual": {"layers": ["norm"]}}, *GOOD], r"layer 1\.1 \(norm\) has 3 channels"),
    ],
)
def test_a_norm_that_does_not_fit_a_list_of_layers_is_named(folder, norm, layers, said):
    (folder / "own.yaml").write_text(yaml.safe_dump({"layers": layers}))
    condition = {"norm": norm, "num_groups": 2}
    with pytest.raises(ConfigError, match=said):
        networks.check("own", COLOUR, condition)
    networks.check("own", COLOUR, condition | {"norm": "ln"})


@pytest.mark.parametrize(
    ("norm", "layer", "said"),
    [
        ("gn", "nn.BatchNorm2d(3)", r"code\.py: its layer '0': num_groups 2 does not divide the 3 channels"),
        ("in", "nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3072))", r"layer '0\.1' .* more than one pixel"),
        ("in", "nn.Sequential(nn.AvgPool2d(32), nn.BatchNorm2d(3))", r"layer '0\.1' .* more than one pixel"),
    ],
)
def test_a_norm_that_does_not_fit_a_network_in_python_is_named(folder, norm, layer, said):
    with pytest.raises(ConfigError, match=said):
        python(folder, HEAD + f"    return nn.Sequential({layer}, nn.Flatten(), nn.LazyLinear(10))\n", norm)


@pytest.mark.parametrize("norm", [name for name in norms.NORMS if name != BASELINE])
def test_no_norm_of_the_table_leaves_a_batch_norm(folder, norm):
    text = module("self.norm = nn.BatchNorm2d(3)", "return self.conv(self.norm(x)).flatten(1)")
    text = text.replace("BatchNorm2d(3)", "BatchNorm2d(4)").replace("Conv2d(3,", "Conv2d(4,")
    text = text.replace("self.norm(x)", "self.norm(torch.cat((x, x[:, :1]), 1))")
    assert {type(part) for part in python(folder, text, norm).modules()}.isdisjoint(OF_PYTORCH)


def test_who_reads_the_dropout_is_noticed(folder):
    for head, read in (
        ("nn.Dropout(spec.dropout)", True),
        ("nn.Dropout(vars(spec)['dropout'])", True),
        ("nn.ReLU()", False),
    ):
        (folder / "code.py").write_text(
            HEAD + f"    return nn.Sequential(nn.Conv2d(3, 10, 32), nn.Flatten(), {head})\n"
        )
        assert python_file.build(networks.find("code"), "bn", 1, 0.25, COLOUR)[1] is read


def test_only_a_change_of_the_code_changes_the_digest(folder):
    def digest(text):
        (folder / "code.py").write_text(text)
        return networks.described("code")["python"]

    assert digest(PLAIN) == digest('"""A docstring."""\n# and a comment\n' + PLAIN)
    assert digest(PLAIN) != digest(PLAIN.replace("GELU", "ReLU"))


def test_the_digest_covers_the_files_beside_it_that_are_imported(folder):
    imports = "import numpy, parts\nimport missing.module\nfrom package.inner import layer\n"
    files = {
        "code.py": imports + PLAIN,
        "parts.py": "import more as m\nimport code\n",
        "more.py": "x = 1\n",
        "package/__init__.py": "",
        "package/inner.py": "from . import other\nfrom ..package.other import y\n",
        "package/other.py": "from .inner import layer\ny = 1\n",
        "aside.py": "z = 1\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    before = networks.described("code")
    for name, text in files.items():
        (folder / name).write_text(text + "new = 1\n")
        assert (networks.described("code") != before) == (name != "aside.py"), name
        (folder / name).write_text(text)
    (folder / "more.py").write_text("x =")
    with pytest.raises(ConfigError, match=r"more\.py: cannot be read as Python"):
        networks.find("code")


def test_finding_a_network_runs_none_of_its_code(folder):
    (folder / "code.py").write_text("raise SystemExit\ndef build(spec): pass")
    assert networks.find("code").path == "config/networks/code.py"


def test_a_file_that_was_edited_while_the_workflow_ran_is_noticed(folder):
    (folder / "code.py").write_text(PLAIN)
    before = {name: networks.described(name) for name in ("code", "gilf641")}
    networks.check_unchanged(before)
    (folder / "code.py").write_text(PLAIN.replace("GELU", "ReLU"))
    with pytest.raises(ConfigError, match="network code was edited while the workflow ran"):
        networks.check_unchanged(before)


def test_a_norm_that_stands_twice_in_one_module_stays_one(folder):
    text = HEAD + (
        "    norm = nn.BatchNorm2d(8)\n"
        "    norm.weight.requires_grad_(False)\n"
        "    parts = [nn.Conv2d(3, 8, 3), norm, nn.Conv2d(8, 8, 3), norm, nn.AdaptiveAvgPool2d(1), nn.Flatten()]\n"
        "    return nn.Sequential(*parts, nn.Linear(8, 10))\n"
    )
    plain, ghost = python(folder, text, "bn"), python(folder, text)
    assert ghost[1] is ghost[3]
    assert isinstance(ghost[1], GhostBatchNorm2d)
    assert sum(p.numel() for p in ghost.parameters()) == sum(p.numel() for p in plain.parameters())
    assert [p.requires_grad for p in ghost.parameters()] == [p.requires_grad for p in plain.parameters()]


def test_one_seed_gives_the_same_weights_whatever_draws_them(folder, condition, monkeypatch):
    text = (
        "import random\nimport numpy as np\n"
        + HEAD
        + (
            "    head = nn.Linear(4, spec.classes)\n"
            "    head.weight.data = torch.tensor(np.random.rand(spec.classes, 4) + random.random()).float()\n"
            "    return nn.Sequential(nn.Conv2d(3, 4, spec.height), nn.BatchNorm2d(4), nn.Flatten(), head)\n"
        )
    )
    (folder / "code.py").write_text(text)
    first, second, third = (
        draws.initial_model(condition(network="code", norm=norm, num_splits=2), seed, COLOUR).state_dict()
        for norm, seed in (("bn", 0), ("gbn", 0), ("bn", 1))
    )
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert not torch.equal(first["3.weight"], third["3.weight"])


def test_a_network_imports_what_lies_beside_it(folder):
    (folder / "parts_of_mine.py").write_text("from torch import nn\nlast = nn.Flatten")
    text = (
        HEAD
        + "    from parts_of_mine import last\n"
        + "    return nn.Sequential(nn.Conv2d(3, 10, 32), nn.BatchNorm2d(10), last())\n"
    )
    assert python(folder, text)(torch.randn(4, 3, 32, 32)).shape == (4, 10)


@pytest.mark.parametrize("name", ["e3", "wide-e10", "confirm", "my-confirm"])
def test_a_name_that_a_run_could_end_in_is_refused(folder, name):
    (folder / f"{name}.yaml").write_text(json.dumps({"layers": GOOD}))
    with pytest.raises(ConfigError, match=rf"{name}\.yaml: names of runs can end in -e and a number, or in -confirm"):
        networks.find(name)


# --- what is said before anything is trained

L1 = {"penalty": "l1", "lambdas": {"l1": 1e-4}}
QUIET = "    return nn.Sequential(nn.Conv2d(3, 10, 32), nn.BatchNorm2d(10), nn.Flatten(), nn.Dropout(spec.dropout))\n"


def remarks(condition, **networks_of):
    """The remarks on conditions a, b, ... with l1, of the networks of these names and with these settings."""
    conditions = {}
    for name, (network, settings) in networks_of.items():
        conditions[name] = condition(network=network, **{**L1, "dropout": 0.0, **settings})
    return trials.remarks(conditions, COLOUR)


def test_a_dropout_that_nothing_reads_and_a_scope_that_leaves_much_out_are_said(folder, condition):
    (folder / "quiet.py").write_text(HEAD + "    print('this is no answer')\n" + QUIET)
    (folder / "own.py").write_text(module("self.scale = nn.Parameter(torch.ones(5))", "return self.conv(x).flatten(1)"))
    (folder / "bare.yaml").write_text(json.dumps({"layers": GOOD}))
    drops, weights = {"dropout": 0.1}, {"penalty_scope": "weights"}
    assert (
        remarks(
            condition,
            a=("quiet", drops | weights),
            b=("quiet", {"norm": "gbn", "num_splits": 2, **drops}),
            c=("gilf641", drops | weights),
            d=("bare", {}),
            e=("own", weights | {"lambdas": {}, "penalty": "none"}),
        )
        == []
    )
    assert remarks(
        condition,
        **dict.fromkeys("abcde", ("bare", drops)),
        f=("own", drops | weights),
        g=("own", weights | {"batch_size": 8}),
        h=("own", drops),
    ) == [
        "network own: besides biases and norms, penalty_scope weights leaves out 5 of 32,665 parameters: scale.",
        "network bare: nothing in it reads `dropout`, so that of conditions a, b, c and 2 more has no effect.",
        "network own: nothing in it reads `dropout`, so that of conditions f, h has no effect.",
    ]


def test_code_that_fails_or_ends_python_is_one_message_before_anything_is_trained(folder, condition):
    (folder / "code.py").write_text(module(*NO_PLACE["synchronised"][:2]))
    with pytest.raises(ConfigError, match=r"^config/networks/code\.py: its layer 'norm' is SyncBatchNorm"):
        remarks(condition, a=("code", {}), b=("code", {"norm": "gbn", "num_splits": 2}))
    (folder / "code.py").write_text("import os\n" + HEAD + "    print('stopped'); os._exit(7)\n")
    with pytest.raises(
        ConfigError, match=r"networks/code\.py: Python ended with status 7 when it tried.*line: stopped$"
    ):
        remarks(condition, a=("code", {}))


def test_where_pytorch_is_missing_networks_in_python_are_tried_later(folder, condition, monkeypatch):
    (folder / "code.py").write_text(HEAD + "    return 1 / 0\n")
    (folder / "bare.yaml").write_text(json.dumps({"layers": GOOD}))
    monkeypatch.setattr(trials.importlib.util, "find_spec", lambda _: None)
    said = remarks(condition, a=("code", {}), b=("bare", {"dropout": 0.1}))
    assert [text.partition(",")[0] for text in said] == [
        "network code: is tried when its training starts",
        "network bare: nothing in it reads `dropout`",
    ]


def test_a_network_without_parameters_is_refused(folder):
    (folder / "own.yaml").write_text(json.dumps({"layers": ["relu", "global_avg_pool"]}))
    with pytest.raises(ConfigError, match=r"^config/networks/own\.yaml: has no layer with parameters, so there is not"):
        networks.check("own", DataShape(3, 8, 8, 3), {"norm": "bn"})
