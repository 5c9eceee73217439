"""No engine ignores a setting: an unknown key or value, at any level, goes to PyTorch or is an error that names it."""

import copy
import logging
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
import yaml

from normreg.config import networks
from normreg.engines import contract, select
from normreg.engines.contract import DataFacts
from normreg.engines.numba_cpu import contract as numba_cpu
from normreg.engines.numba_cpu import stages
from normreg.engines.numba_cpu.errors import UnsupportedError
from normreg.engines.numba_cpu.stages import make_stages
from normreg.engines.numba_cpu.trainer import EngineTrainer
from normreg.engines.pytorch import TorchTrainer
from normreg.errors import ConfigError
from normreg.models.batches import batch_bounds
from normreg.models.description import MNIST_LIKE, AvgPool, Conv, DataShape, Network, Norm
from normreg.models.networks import PUBLISHED, built_in

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
# One of each kind that no setting takes, and those that only some take: zeros, negative and large numbers.
ODD = ["new", None, math.nan, math.inf, -1, 1e3, 0.5, True, [], {}, {"new": 1}, [0.9, 1.1, 1.2]]
LARGE = {
    "epochs",
    "batch_size",
    "num_splits",
    "lr",
    "max_lr",
    "step_size",
    "gamma",
    "div_factor",
    "final_div_factor",
    "min_lr",
}
LARGE |= {"brightness", "contrast", "l1", "l2", "group_l2"}
# What of ODD is a right value of a setting; everything else is none.
RIGHT: dict[str, list[Any]] = {
    "dropout": [0.5],
    "nesterov": [True],
    "momentum": [0.5],
    "base_momentum": [0.5],
    "max_momentum": [0.5],
    "pct_start": [0.5],
    "beta1": [0.5],
    "beta2": [0.5],
    "probability": [0.5],
    "translate": [0.5],
    "degrees": [0.5],
    "augmentation": [[]],
    "constant": [{}],
    "train_images": [None],
    "holdout_images": [],
    **{key: [1e3, 0.5] for key in LARGE - {"epochs", "batch_size", "num_splits", "step_size"}},
}


@pytest.fixture(params=SCHEDULES, ids=lambda spec: next(iter(spec)))
def full(condition, request):
    """A condition in which every key that there is has a value; one for each schedule."""
    return condition(schedule=request.param, **copy.deepcopy(FULL))


@pytest.fixture
def modern(condition):
    """A condition with every key that only PyTorch implements."""
    steps = copy.deepcopy(FULL["augmentation"] + NEW_STEPS)
    return condition(
        **(copy.deepcopy(FULL) | {"augmentation": steps, "optimizer": dict(ADAMW), "schedule": SCHEDULES[2]})
    )


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


def is_right(path: Path, value: Any) -> bool:
    if path and isinstance(path[-1], int) and "scale" in path:
        return value in (0.5,) and not isinstance(value, bool)
    return any(value == right and type(value) is type(right) for right in RIGHT.get(str(path[-1]), []))


def outcomes(changed: dict[str, Any], engine: str, device: str) -> str:
    """The engine that would train, or the error; numba is taken to be at hand."""
    try:
        return select.choose(engine, changed, DATA, device).engine
    except ConfigError as error:
        return str(error)


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
def test_an_unknown_value_is_found_at_every_level(full, module):
    for path in list(places(full))[1:]:
        for value in ODD:
            reason = module.supports(with_value(full, path, value), DATA)
            if is_right(path, value):
                assert reason is None, (path, value)
            else:
                assert reason is not None, (path, value)
                assert str(next(key for key in path[::-1] if isinstance(key, str))) in reason, (path, value, reason)


def test_unknown_keys_and_values_of_adamw_and_of_the_new_steps_are_found(modern):
    assert contract.supports(modern, DATA) is None
    for path in list(places(modern))[1:]:
        for value in ODD:
            reason = contract.supports(with_value(modern, path, value), DATA)
            assert (reason is None) == is_right(path, value), (path, value, reason)
            if reason is not None:
                assert str(next(key for key in path[::-1] if isinstance(key, str))) in reason, (path, value, reason)
        if isinstance(at(modern, path), dict):
            assert "new" in (contract.supports(with_key(modern, path), DATA) or ""), path


@pytest.mark.parametrize(
    ("change", "engines"),
    [
        ({"optimizer": ADAMW}, ["torch"]),
        *(({"augmentation": [step]}, ["torch", "numba"]) for step in NEW_STEPS),
        ({"schedule": SCHEDULES[2]}, ["torch", "numba"]),
        ({"penalty_scope": "no-norm"}, ["torch", "numba"]),
    ],
    ids=str,
)
def test_what_each_engine_takes(condition, change, engines):
    chosen = condition(**change)
    assert [name for name, module in CONTRACTS.items() if module.supports(chosen, DATA) is None] == engines
    assert select.choose("numba", chosen, DATA, "cpu").engine == ("numba" if "numba" in engines else "torch")


def test_a_warm_up_leaves_an_epoch_for_the_cosine(condition, blobs):
    chosen = condition(epochs=2, schedule={"cosine": {"warmup_epochs": 2, "min_lr": 0.0}})
    with pytest.raises(
        ConfigError, match=r"'schedule\.cosine\.warmup_epochs': found 2, expected fewer than the epochs"
    ):
        TorchTrainer(chosen, 0, blobs, CPU)


@pytest.mark.parametrize("module", CONTRACTS.values(), ids=CONTRACTS)
def test_a_missing_key_is_found(condition, module):
    whole = condition()
    for key in whole:
        assert f"'{key}' is missing" in module.supports({k: v for k, v in whole.items() if k != key}, DATA)
    for group in ("optimizer", "lambdas"):
        for key in whole[group]:
            changed = copy.deepcopy(whole)
            del changed[group][key]
            assert f"'{group}.{key}' is missing" in module.supports(changed, DATA)


@pytest.mark.parametrize(("engine", "device"), [("auto", "cpu"), ("numba", "cpu"), ("torch", "cpu")])
def test_what_no_engine_knows_is_an_error_whatever_engine_is_asked_for(full, engine, device):
    for path in list(places(full))[1:]:
        said = outcomes(with_value(full, path, "new"), engine, device)
        assert said.startswith("no engine can train this condition: key '"), (path, said)


@pytest.mark.parametrize("engine", ["numba", "auto"])
def test_what_only_pytorch_knows_goes_to_pytorch(full, engine, monkeypatch):
    """As if the reference had learned every new key and value."""
    monkeypatch.setattr(select, "refuse_unknown", lambda *_: None)
    assert outcomes(full, engine, "cpu") == "numba"
    for path in list(places(full))[1:]:
        if path not in {("epochs",)}:  # which the choice itself reads
            assert outcomes(with_value(full, path, "new"), engine, "cpu") == "torch", path
        if isinstance(at(full, path), dict):
            assert outcomes(with_key(full, path), engine, "cpu") == "torch", path


@pytest.mark.parametrize("change", [{"norm": "new"}, {"lambdas": {"new": 0.1}}, {"new": 1}], ids=str)
def test_pytorch_trains_in_place_of_an_engine_with_one_line_in_the_log(
    condition, blobs, tmp_path, caplog, monkeypatch, change
):
    monkeypatch.setattr(select, "refuse_unknown", lambda *_: None)
    monkeypatch.setattr("normreg.engines.pytorch.TorchTrainer", lambda *_: "PyTorch")
    with caplog.at_level(logging.INFO, logger="normreg"):
        made = select.make_trainer("numba", condition(**change), 0, blobs, CPU, tmp_path)
    assert made == ("PyTorch", "torch")
    (line,) = caplog.messages
    assert line.startswith("engine torch (not numba: key '")
    assert "new" in line


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
        ({"shape": DataShape(1, 28, 28, 0)}, "the data has no classes"),
        ({"train_images": 0}, "there is no training image"),
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


def test_nesterov_needs_momentum(condition, blobs):
    """PyTorch's SGD refuses it; here the message names the key."""
    chosen = condition(optimizer={"lr": 0.1, "momentum": 0.0, "nesterov": True})
    with pytest.raises(ConfigError, match=r"'optimizer\.nesterov': true needs an optimizer\.momentum above 0"):
        TorchTrainer(chosen, 0, blobs, CPU)
    assert contract.supports(condition(optimizer={"lr": 0.1, "momentum": 0.0, "nesterov": False}), DATA) is None


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


# --- the contract and the study schema


def schema_levels(schema: dict[str, Any], known: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Pairs of the schema of a setting and what the contract says of it."""
    if "then" in known:  # AdamW, or else SGD
        known = {"properties": known["else"]["properties"] | known["then"]["properties"] | {"name": {}}}
        schema = {**schema, "properties": {**schema["properties"], "name": {}}}
    yield path, schema, known
    for key, inner in schema.get("properties", {}).items():
        yield from schema_levels(inner, known["properties"][key], f"{path}.{key}")
    if "items" in schema:
        yield from schema_levels(schema["items"], known["items"], f"{path}[]")


def test_pytorch_implements_what_a_study_may_say(root):
    """Every key and value that the schema of studies allows for a condition is in the reference's contract."""
    study = yaml.safe_load((root / "workflow/scripts/normreg/config/study.schema.yaml").read_text(encoding="utf-8"))
    allowed = study["properties"]["conditions"]["additionalProperties"]["properties"]
    reference = contract.REFERENCE["properties"]
    # Validation and the size of the hold-out are those of the whole study.
    assert allowed.keys() | {"holdout_images"} == reference.keys()
    for key in allowed:
        for path, schema, known in schema_levels(allowed[key], reference[key], key):
            assert set(schema.get("properties", {})) == set(known.get("properties", {})), path
            assert set(schema.get("enum", [])) <= set(known.get("enum", [])), path
            if schema.get("type") in ("number", "integer", ["integer", "string"]):
                same = ["integer", "null"] if "pattern" in schema else schema["type"]  # the text is "all", here null
                assert known["type"] == same, path
                low = schema.get("minimum", schema.get("exclusiveMinimum"))
                assert known.get("minimum", known.get("exclusiveMinimum")) <= low, path
                top = schema.get("maximum", schema.get("exclusiveMaximum"))
                assert known.get("maximum", known.get("exclusiveMaximum", math.inf)) >= top, path


# --- the contract and the documentation


def in_words(known: dict[str, Any]) -> str:
    """A part of a contract as docs/engine.md tells it."""
    if "enum" in known:
        return ", ".join(f"`{str(value).lower()}`" for value in known["enum"])
    if known["type"] == "array":
        return f"{known['minItems']} of: {in_words(known['items'])}"
    if known["type"] == "object":
        return ", ".join(f"`{key}` ({in_words(own)})" for key, own in known["properties"].items()) or "nothing"
    if known["type"] == "string":
        return "a name; what its layers may be is said above"
    bounds = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "to below"}
    found = [f"{word} {known[key]}" for key, word in bounds.items() if key in known]
    kind = {"integer": "whole number", "number": "number"}.get(str(known["type"]), "all, or a whole number")
    return " ".join([kind, *found])


def table_rows(key: str, known: dict[str, Any]) -> Iterator[str]:
    """A row a key, or one for each kind of schedule and augmentation."""
    kinds = known.get("items", known)
    if "maxProperties" in kinds:
        yield from (f"| `{key}`: `{kind}` | {in_words(own)} |" for kind, own in kinds["properties"].items())
    else:
        yield f"| `{key}` | {in_words(known)} |"


def test_the_documentation_tells_what_the_numba_engine_implements(root):
    text = (root / "docs/engine.md").read_text(encoding="utf-8")
    expected = [row for key, known in numba_cpu.CONTRACT["properties"].items() for row in table_rows(key, known)]
    section = text.partition("## What it implements\n")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("| `")] == expected, "\n".join(expected)


# --- the choice


@pytest.mark.parametrize(
    ("engine", "device", "images", "epochs", "expected"),
    [
        ("auto", "cpu", 60_000, 1, "numba"),
        ("auto", "cpu", 906, 25, "torch"),
        ("auto", "cpu", 906, 60, "numba"),
        ("auto", "cuda", 60_000, 25, "torch"),
        ("numba", "cpu", 906, 1, "numba"),
        ("numba", "cuda", 60_000, 25, "torch"),
        ("torch", "cpu", 60_000, 25, "torch"),
    ],
)
def test_choice(condition, engine, device, images, epochs, expected):
    choice = select.choose(engine, condition(epochs=epochs), DataFacts(images), device)
    assert choice.engine == expected
    assert bool(choice.reason) == (engine not in ("auto", expected))


def test_an_unknown_engine_is_an_error(condition):
    with pytest.raises(ConfigError, match=r"'engine': found 'jax'; expected one of auto, torch, numba"):
        select.choose("jax", condition(), DATA, "cpu")


@pytest.mark.parametrize(("epochs", "engine"), [(1, "torch"), (55, "torch"), (56, "numba"), (60, "numba")])
def test_a_conditions_own_epochs_decide_whether_kernels_are_worth_compiling(condition, epochs, engine):
    """On digits 50,000 images are seen in the 56th epoch."""
    assert select.choose("auto", condition(epochs=epochs), DataFacts(906), "cpu").engine == engine


def test_the_question_needs_neither_numba_nor_pytorch():
    code = (
        "import sys\n"
        "from normreg.engines import select\n"
        "assert not {'torch', 'numba', 'llvmlite'} & set(sys.modules), sorted(sys.modules)\n"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
