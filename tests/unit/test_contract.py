"""No engine ignores a setting: an unknown key or value, at any level, goes to PyTorch or is an error that names it."""

import copy
import logging
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from normreg.config import datasets, networks
from normreg.engines import contract, select
from normreg.engines.contract import DataFacts
from normreg.engines.numba_cpu import contract as numba_cpu
from normreg.engines.numba_cpu import stages
from normreg.engines.numba_cpu.errors import UnsupportedError
from normreg.engines.numba_cpu.stages import make_stages
from normreg.engines.numba_cpu.trainer import EngineTrainer
from normreg.engines.pytorch import TorchTrainer
from normreg.engines.select import Choice
from normreg.errors import ConfigError
from normreg.models.description import MNIST_LIKE, AvgPool, Conv, DataShape, Network, Norm
from normreg.models.networks import PUBLISHED, built_in
from normreg.models.shapes import batch_bounds
from normreg.workflow import trials
from normreg.workflow.study import Study

CPU = torch.device("cpu")
CONTRACTS = {"torch": contract, "numba": numba_cpu}
DATA = DataFacts(train_images=60_000)
SCHEDULES = [
    {"constant": {}},
    {"step": {"step_size": 3, "gamma": 0.1}},
    {"cosine": {"warmup_epochs": 1, "min_lr": 0.0}},
    {
        "onecycle": {
            "max_lr": 0.1,
            "pct_start": 0.3,
            "div_factor": 25,
            "final_div_factor": 1e4,
            "base_momentum": 0.85,
            "max_momentum": 0.95,
        }
    },
]
FULL = {
    "norm": "gbn",
    "num_splits": 2,
    "augmentation": [
        {"rotation": {"degrees": 7, "fill": 1}},
        {"affine": {"degrees": 7, "translate": 0.1, "scale": [0.9, 1.1], "fill": 0}},
        {"jitter": {"brightness": 0.1, "contrast": 0.1}},
    ],
    "lambdas": {"l1": 1e-4, "l2": 1e-4},
}
# What is not SGD or not one of the published recipes; only PyTorch has AdamW.
NEW_STEPS: list[dict[str, Any]] = [
    {"flip": {"probability": 0.5}},
    {"crop": {"padding": 4, "fill": 0}},
    {"cutout": {"size": 8, "fill": 0}},
]
ADAMW = {"name": "adamw", "lr": 1e-3, "beta1": 0.9, "beta2": 0.999}
Path = tuple[str | int, ...]


@pytest.fixture(params=SCHEDULES, ids=lambda spec: next(iter(spec)))
def full(condition, request):
    """A condition in which every key that there is has a value; one for each schedule."""
    return condition(schedule=request.param, **copy.deepcopy(FULL))


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where something stands in nested maps and lists."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def with_key(value: dict[str, Any], path: Path) -> dict[str, Any]:
    changed = copy.deepcopy(value)
    at(changed, path)["new"] = 1
    return changed


def with_value(value: dict[str, Any], path: Path, new: Any) -> dict[str, Any]:
    changed = copy.deepcopy(value)
    at(changed, path[:-1])[path[-1]] = new
    return changed


@pytest.fixture(autouse=True)
def able(monkeypatch):
    monkeypatch.setattr(numba_cpu, "lacking", lambda: None)


@pytest.mark.parametrize("module", CONTRACTS.values(), ids=CONTRACTS)
def test_everything_that_is_implemented_is_supported(full, module):
    assert module.supports(full, DATA) is None


@pytest.mark.parametrize("module", CONTRACTS.values(), ids=CONTRACTS)
def test_an_unknown_key_is_found_at_every_level(full, module):
    levels = [path for path in places(full) if isinstance(at(full, path), dict)]
    assert len(levels) >= 11  # itself, optimizer, schedule and its kind, three augmentations of two levels, lambdas
    for path in levels:
        reason = module.supports(with_key(full, path), DATA)
        assert reason is not None, path
        assert "new" in reason, path


@pytest.mark.parametrize("module", CONTRACTS.values(), ids=CONTRACTS)
@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("norm",), "key 'norm': found 'new'; known are bn, gbn, gn, ln, in, none."),
        (("optimizer", "name"), "key 'optimizer': found 'new'; known are sgd, adam, adamw."),
        (("optimizer", "nesterov"), "key 'optimizer.nesterov': found 'new'; known are True, False."),
    ],
)
def test_an_unknown_name_is_found(full, module, path, said):
    assert module.supports(with_value(full, path, "new"), DATA) == said


@pytest.mark.parametrize(
    ("change", "engines"),
    [
        ({"optimizer": ADAMW}, ["torch"]),
        *(({"augmentation": [step]}, ["torch", "numba"]) for step in NEW_STEPS),
        ({"schedule": SCHEDULES[2]}, ["torch", "numba"]),
        ({"penalty_scope": "no-norm"}, ["torch", "numba"]),
        ({"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.0, "nesterov": False}}, ["torch", "numba"]),
    ],
    ids=str,
)
def test_what_each_engine_takes(condition, change, engines):
    chosen = condition(**change)
    assert [name for name, module in CONTRACTS.items() if module.supports(chosen, DATA) is None] == engines
    assert select.choose("numba", chosen, DATA, "cpu").engine == ("numba" if "numba" in engines else "torch")


@pytest.mark.parametrize("engine", ["numba", "torch"])
def test_what_no_engine_knows_is_an_error_whatever_engine_is_asked_for(full, engine):
    for path in places(full):
        if isinstance(at(full, path), dict):
            with pytest.raises(ConfigError, match=r"no engine can train this condition: .*new.*(known|its keys) are "):
                select.choose(engine, with_key(full, path), DATA, "cpu")


def test_pytorch_trains_in_place_of_an_engine_with_one_line_in_the_log(condition, blobs, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("normreg.engines.pytorch.TorchTrainer", lambda *_: "PyTorch")
    with caplog.at_level(logging.INFO, logger="normreg"):
        made = select.make_trainer("numba", condition(optimizer=ADAMW), 0, blobs, CPU, tmp_path)
    assert made == ("PyTorch", "torch")
    assert caplog.messages == ["engine torch (not numba: optimizer.name.adamw is not implemented)"]


@pytest.mark.parametrize("change", [{"norm": "new"}, {"lambdas": {"new": 0.1}}, {"new": 1}], ids=str)
def test_no_trainer_itself_takes_what_it_does_not_know(condition, blobs, tmp_path, change):
    """Also where nobody asked the choice first."""
    with pytest.raises(ConfigError, match="new"):
        TorchTrainer(condition(**change), 0, blobs, CPU)
    with pytest.raises(UnsupportedError, match="new"):
        EngineTrainer(condition(**change), 0, blobs, tmp_path)


@pytest.mark.parametrize("module", CONTRACTS.values(), ids=CONTRACTS)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"shape": DataShape(1, 8, 8, 10)}, "network gilf641: layer 10 (conv 3x3) gets 2 x 2 pixels; expected 3"),
        ({"shape": DataShape(1, 40, 40, 10)}, "network gilf641: from images of 1 x 40 x 40 its last layer gives"),
    ],
    ids=str,
)
def test_data_that_the_network_does_not_fit_is_not_supported(condition, module, change, reason):
    assert module.supports(condition(), DATA._replace(**change)).startswith(reason)


@pytest.mark.parametrize("module", CONTRACTS.values(), ids=CONTRACTS)
@pytest.mark.parametrize("shape", [DataShape(3, 28, 28, 10), DataShape(1, 28, 28, 100)], ids=str)
def test_colour_and_any_number_of_classes_are_supported(condition, module, shape):
    assert module.supports(condition(), DATA._replace(shape=shape)) is None


def test_the_numba_engine_leaves_images_that_are_not_square_to_pytorch(condition):
    data = DATA._replace(shape=DataShape(1, 20, 28, 10))
    choice = select.choose("numba", condition(network="small3"), data, "cpu")
    assert choice == ("torch", "not numba: images of 20 x 28 pixels, which are not square")


def test_facts_are_those_of_the_data(blobs):
    assert DataFacts.of(blobs) == DataFacts(50, DataShape(1, 28, 28, 10))
    wide = replace(blobs, train_images=blobs.train_images[:, :, :20], class_names=blobs.class_names[:4])
    assert DataFacts.of(wide) == DataFacts(50, DataShape(1, 28, 20, 4))


# --- the counter of dropout masks


@pytest.mark.parametrize(
    ("batch_size", "dropout", "reason"),
    [
        (2, 0.1, "key 'batch_size': 2 makes dropout masks repeat within an epoch"),
        (3, 0.1, "key 'batch_size': 3 makes dropout masks repeat within an epoch"),
        (4, 0.1, None),
        (64, 0.1, None),
        (2, 0.0, None),
    ],
)
def test_masks_that_would_repeat_within_an_epoch_go_to_pytorch(condition, batch_size, dropout, reason):
    """The counter has 32 bits. By hand: a block of satyajitghana takes 14,830 words of 16 numbers each. 20,000 steps of
    three images take 1.10 times 2**32, 15,000 steps of four images take 0.83 times."""
    chosen = condition(network="satyajitghana", batch_size=batch_size, dropout=dropout)
    choice = select.choose("numba", chosen, DATA, "cpu")
    assert choice == (("torch", f"not numba: {reason}") if reason else ("numba", ""))


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize(("images", "batch_size"), [(50, 16), (49, 16), (33, 16), (50, 7), (50, 2), (3, 2), (37, 18)])
def test_an_epoch_takes_no_more_numbers_than_is_said(name, images, batch_size):
    """Step by step, with a last batch of one image in the batch before it."""
    network_stages, taken = make_stages(built_in(name), MNIST_LIKE), 0
    for start, stop in batch_bounds(images, batch_size):
        blocks = math.ceil((stop - start) / 16)
        taken += sum(16 * math.ceil(blocks * s.outputs * s.size**2 / 2) for s in network_stages if s.dropout)
    assert taken <= numba_cpu.mask_numbers(network_stages, images, batch_size) <= 2 * taken


# --- networks


def test_a_network_without_kernels_goes_to_pytorch(condition, monkeypatch):
    network = Network((Conv(10, kernel=5), Norm(), AvgPool(24)), 0.1)
    monkeypatch.setattr(networks, "find", lambda name: network)
    choice = select.choose("numba", condition(), DATA, "cpu")
    assert choice == ("torch", "not numba: a convolution of 5 x 5 with padding 0")


@dataclass(frozen=True)
class Strided(Conv):
    dilation: int = 2


@dataclass(frozen=True)
class MinPool:
    size: int


@pytest.mark.parametrize("layers", [(Strided(10), AvgPool(26)), (Conv(10), MinPool(26))], ids=["conv", "pooling"])
def test_a_new_kind_of_layer_has_no_kernels(layers):
    with pytest.raises(UnsupportedError, match=r"a layer of kind (Strided|MinPool)"):
        make_stages(Network(layers, 0.1), MNIST_LIKE)


def test_a_new_setting_of_a_known_kind_has_no_kernels(monkeypatch):
    monkeypatch.setitem(stages.KNOWN, Strided, stages.KNOWN[Conv])
    with pytest.raises(UnsupportedError, match="Strided with dilation"):
        make_stages(Network((Strided(10), AvgPool(26)), 0.1), MNIST_LIKE)


# --- the choice


@pytest.mark.parametrize(
    ("engine", "device", "expected"),
    [
        ("numba", "cpu", Choice("numba")),
        ("numba", "cuda", Choice("torch", "not numba: it computes on the CPU, not on cuda")),
        ("torch", "cpu", Choice("torch")),
        ("torch", "cuda", Choice("torch")),
    ],
)
def test_choice_of_a_run(condition, engine, device, expected):
    assert select.choose(engine, condition(), DATA, device) == expected


@pytest.mark.parametrize(
    ("epochs", "images", "expected"),
    [
        ([25], 60_000, "numba"),
        ([25], 906, "torch"),  # of 50,000 images, 22,650
        ([25, 25, 25], 906, "numba"),  # 67,950
        ([27, 27], 906, "torch"),  # 48,924
        ([27, 29], 906, "numba"),  # 50,736
    ],
)
def test_the_work_of_all_conditions_decides_whether_kernels_are_worth_compiling(condition, epochs, images, expected):
    conditions = {str(place): condition(epochs=each) for place, each in enumerate(epochs)}
    for order in (conditions, dict(reversed(conditions.items()))):
        assert select.of_study("auto", order, DataFacts(images)) == Choice(expected)
    for engine in ("torch", "numba"):
        assert select.of_study(engine, conditions, DataFacts(images)) == Choice(engine)


def test_each_network_has_kernels_to_compile(condition):
    """Four times 906 images in 25 epochs are 90,600: enough for one network and not for two."""
    chosen = {name: condition(epochs=25) for name in "abcd"}
    assert select.of_study("auto", chosen, DataFacts(906)).engine == "numba"
    chosen["d"] = condition(epochs=25, network="noopuragr")
    assert select.of_study("auto", chosen, DataFacts(906)).engine == "torch"


def test_the_images_that_a_condition_trains_on_are_counted(condition):
    few = {"a": condition(epochs=25, train_images=1_000)}
    assert select.of_study("auto", few, DATA).engine == "torch"
    assert select.of_study("auto", {"a": condition(epochs=25, holdout_images=10_000)}, DATA).engine == "numba"


@pytest.mark.parametrize("place", ["first", "last"])
def test_one_condition_that_numba_cannot_train_sends_the_study_to_pytorch(condition, place):
    chosen = {"plain": condition(), "adaptive": condition(optimizer=ADAMW)}
    if place == "first":
        chosen = dict(reversed(chosen.items()))
    reason = "optimizer.name.adamw is not implemented"
    assert select.of_study("auto", chosen, DATA) == Choice("torch", f"adaptive: {reason}")
    assert select.of_study("numba", chosen, DATA) == Choice("numba")
    assert select.not_in_numba(chosen, DATA) == {"adaptive": reason}
    assert [select.choose("numba", one, DATA, "cpu").engine for one in chosen.values()].count("numba") == 1


@pytest.mark.parametrize(
    ("engine", "kinds", "expected"),
    [
        ("auto", ["sgd", "adamw"], "engine auto: the numba engine cannot train 1 (optimizer.name.adamw is not"),
        ("numba", ["sgd", "adamw", "adamw"], "engine numba: the numba engine cannot train 1, 2 (optimizer.name.adamw"),
        ("torch", ["sgd", "adamw"], None),
        ("auto", ["sgd", "sgd"], None),
        ("auto", ["adamw", "adamw"], None),  # nothing is lost
    ],
)
def test_a_study_that_numba_can_train_in_part_is_said(condition, engine, kinds, expected):
    conditions = {
        str(place): condition(**({"optimizer": ADAMW} if kind == "adamw" else {})) for place, kind in enumerate(kinds)
    }
    run = SimpleNamespace(conditions=conditions)
    said = trials.engine_remarks(Study(run, datasets.find("mnist"), [0], wanted_engine=engine))
    assert len(said) == (expected is not None)
    assert all(line.startswith(expected) for line in said)


def test_the_question_needs_neither_numba_nor_pytorch():
    code = (
        "import sys\n"
        "from normreg.engines import select\n"
        "assert not {'torch', 'numba', 'llvmlite'} & set(sys.modules), sorted(sys.modules)\n"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
