"""The one table of settings: what a new row changes, that every row has an effect, and the tables of the documents."""

import copy
import dataclasses
import importlib.util
from typing import Any

import pytest
import torch
import yaml

from normreg.config import identity, schema, studies, study_files
from normreg.config.factors import NORMS
from normreg.engines import contract, select
from normreg.engines.contract import DataFacts
from normreg.engines.numba_cpu import contract as numba_cpu
from normreg.engines.pytorch import TorchTrainer
from normreg.errors import ConfigError
from normreg.settings import kinds, table
from normreg.settings.kinds import Setting
from normreg.utils.code import NUMBERS, Sources

MNIST = DataFacts(60_000)
NEW = Setting("new", kinds.number(least=0, most=1), default=0.0, neutral=0.0)


def grown(kind: Any, path: list[str], new: Any) -> Any:
    """A kind with a new nested setting, or a new name, at `path`."""
    if isinstance(kind, kinds.Group):
        return kinds.group(*grown_settings(kind.settings, path, new), text=kind.text)
    if isinstance(kind, kinds.ListOf):
        return kinds.list_of("a list", grown(kind.kind, path, new))
    if not isinstance(kind, kinds.OneOf | kinds.Named):
        return kinds.choice(dict.fromkeys([*kind.schema["enum"], new], ""))
    make = kinds.one_of if isinstance(kind, kinds.OneOf) else kinds.named
    change = {path[0]: grown(kind.groups[path[0]], path[1:], new)} if path else {new: kinds.group()}
    return make({**kind.groups, **change})


def grown_settings(settings: tuple[Setting, ...], path: list[str], new: Any) -> tuple[Setting, ...]:
    if not path:
        return (*settings, new)
    return tuple(
        dataclasses.replace(each, kind=grown(each.kind, path[1:], new)) if each.key == path[0] else each
        for each in settings
    )


@pytest.fixture
def grow(monkeypatch):
    """A function that adds a setting or a name to the table at a dotted key, until the test ends."""

    def add(path: str, new: Any) -> None:
        found = grown_settings(table.SETTINGS, path.split(".") if path else [], new)
        monkeypatch.setattr(table, "SETTINGS", found)
        for module in (table, study_files):
            monkeypatch.setattr(module, "KINDS", {each.key: each.kind for each in found})
        monkeypatch.setattr("normreg.config.resolve.SETTINGS", found)
        monkeypatch.setattr("normreg.config.resolve.KINDS", table.KINDS)
        schema._validator.cache_clear()

    yield add
    schema._validator.cache_clear()


@pytest.fixture
def load(root, tmp_path, monkeypatch):
    """A function that loads a condition of the controlled study with some of the study's settings changed."""
    content = yaml.safe_load((root / "config/studies/controlled.yaml").read_text(encoding="utf-8"))
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)
    monkeypatch.setattr(numba_cpu, "lacking", lambda: None)

    def get(path: str = "", value: Any = None, condition: str = "l1l2-gbn") -> Any:
        changed = copy.deepcopy(content)
        inside: Any = changed
        *parents, last = path.split(".")
        for part in parents:
            inside = inside[int(part) if part.isdigit() else part]
        if path:
            inside[last] = value
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
        return studies.load_run({"study": "mine", "network": None, "epochs": None}).conditions[condition]

    return get


def outcome(condition: Any) -> tuple[str, str]:
    """The identity of a run, and the engine that trains it on a CPU."""
    try:
        engine = select.choose("numba", condition, MNIST, "cpu").engine
    except ConfigError as error:
        engine = str(error)
    return identity.identify("mnist", "mine", "l1l2-gbn", condition, 0), engine


# Where a setting is added, where a study file says it, and what trains if it is not neutral.
NEW_SETTINGS = [
    ("", "new", "no engine can train this condition: new 0.5 is not implemented. Correct it where the condition is "),
    ("lambdas", None, "torch"),  # PyTorch implements all lambdas: who adds one to the table implements it there first
    ("optimizer.sgd", "optimizer.new", "torch"),
    ("augmentation.rotation", "augmentation.0.rotation.new", "torch"),
    ("schedule.onecycle", "schedule.onecycle.new", "numba"),  # every engine takes its rates from PyTorch's scheduler
]


@pytest.mark.parametrize(("place", "key", "engine"), NEW_SETTINGS, ids=lambda value: value)
def test_a_new_setting_with_its_neutral_value_changes_no_identity_and_no_engine(load, grow, place, key, engine):
    before = outcome(load())
    assert before[1] == "numba"
    grow(place, NEW)
    left_out = load()
    assert "'new': 0.0" in repr(left_out)
    assert outcome(left_out) == before
    assert "new" not in repr(table.essential(left_out))  # the param of training
    assert repr(table.whole(table.essential(left_out))) == repr(left_out)
    if key is not None:
        assert outcome(load(key, 0)) == before
        digest, found = outcome(load(key, 0.5))
        assert digest != before[0]
        assert found.startswith(engine)
    with pytest.raises(ConfigError, match=r"new': found 2; expected a number from 0 to 1"):
        load(key or "lambdas.new", 2)


@pytest.mark.parametrize(
    ("place", "key", "value", "said"),
    [
        ("norm", "conditions.l1l2-gbn.norm", "new", "norm.new"),
        ("optimizer", "optimizer", {"name": "new"}, "optimizer.name.new"),
        ("augmentation", "augmentation", [{"flip": {"probability": 1}}, {"new": {}}], "augmentation.2.new"),
    ],
)
def test_an_engine_leaves_a_new_name_to_pytorch(load, grow, monkeypatch, place, key, value, said):
    with pytest.raises(ConfigError, match="new"):
        load(key, value)
    grow(place, "new")
    monkeypatch.setitem(NORMS, "new", NORMS["gbn"])
    found = select.choose("numba", load(key, value), MNIST, "cpu")
    assert found == ("torch", f"not numba: {said} is not implemented")


def test_numbers_have_one_text_however_a_file_writes_them(load):
    for key, spellings in {
        "dropout": (0, 0.0),
        "optimizer.lr": (1, 1.0),
        "augmentation.0.rotation.degrees": (7, 7.0),
    }.items():
        one, other = (load(key, value, "none-bn") for value in spellings)
        assert repr(one) == repr(other)
        assert outcome(one) == outcome(other)


# --- every setting has an effect

EVERY = {
    "norm": "gbn",
    "num_splits": 2,
    "lambdas": {"l1": 1e-3, "l2": 1e-2, "group_l2": 1e-2},
    "augmentation": [
        {"affine": {"degrees": 20.0, "translate": 0.2, "scale": [0.8, 1.2], "fill": 1}},
        {"rotation": {"degrees": 20.0, "fill": 1}},
        {"jitter": {"brightness": 0.3, "contrast": 0.3}},
        {"flip": {"probability": 0.5}},
        {"crop": {"padding": 2, "fill": 1}},
        {"cutout": {"size": 4, "fill": 1}},
    ],
}
PLAIN = {"augmentation": [], "dropout": 0.0, "epochs": 3}
ADAMW = {"name": "adamw", "lr": 0.01, "beta1": 0.9, "beta2": 0.9}
CYCLE = {"max_lr": 0.1, "pct_start": 0.5, "div_factor": 5.0, "final_div_factor": 5.0}
CYCLE |= {"base_momentum": 0.5, "max_momentum": 0.9}
RECIPES: dict[str, dict[str, Any]] = {
    "": EVERY | {"epochs": 1},
    "optimizer": PLAIN | {"optimizer": ADAMW},
    "optimizer.name": PLAIN | {"optimizer": ADAMW | {"name": "adam"}, "lambdas": {"l2": 0.01}},
    "num_groups": PLAIN | {"network": "small3", "norm": "gn", "num_groups": 2},
    "label_smoothing": PLAIN | {"label_smoothing": 0.1},
    "class_weights": PLAIN | {"class_weights": "balanced"},
    "schedule.step": PLAIN | {"schedule": {"step": {"step_size": 1, "gamma": 0.5}}},
    "schedule.cosine": PLAIN | {"schedule": {"cosine": {"warmup_epochs": 1, "min_lr": 0.01}}},
    "schedule.onecycle": PLAIN | {"schedule": {"onecycle": CYCLE}},
}
NAMES = {"network": "small3", "norm": "bn", "penalty_scope": "weights", "name": "adamw", "class_weights": "none"}
# A name, and what is no engine's: the loop counts the epochs, and subsets and hold-outs are made before.
NOT_OF_TRAINERS = ("penalty", *(contract.SHARED - {"schedule"}))


def changes(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """Every value in nested maps and lists, with another one in its place."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from changes(inner, (*path, key))
    elif isinstance(value, bool):
        yield path, not value
    else:
        yield path, NAMES.get(path[-1]) if isinstance(value, str) else value * (2 if isinstance(value, int) else 0.9)


def trained(condition: Any, blobs: Any) -> list[torch.Tensor]:
    trainer = TorchTrainer(condition, 0, blobs, torch.device("cpu"))
    for epoch in range(condition["epochs"]):
        trainer.run_epoch(epoch + 1)
    return [weight.detach() for weight in trainer.model.parameters()]


@pytest.mark.parametrize("part", RECIPES)
def test_every_setting_changes_what_pytorch_trains(condition, blobs, part):
    base = condition(**copy.deepcopy(RECIPES[part]))
    weights = trained(base, blobs)
    for path, value in changes(base):
        dotted = ".".join(map(str, path))
        if not dotted.startswith(part) or path[-1] in NOT_OF_TRAINERS or (dotted in RECIPES and dotted != part):
            continue
        other = copy.deepcopy(base)
        inside: Any = other
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = value
        found = trained(other, blobs)
        same = len(found) == len(weights) and all(map(torch.equal, found, weights))
        assert not same, f"{dotted} {value} trains as before"


def keys_of(found: Any) -> set[str]:
    """All keys of a condition, at every level."""
    if isinstance(found, list):
        return {key for each in found for key in keys_of(each)}
    if not isinstance(found, dict):
        return set()
    return {str(key) for key in found} | keys_of(list(found.values()))


def keys_allowed(schema: Any) -> set[str]:
    """All keys that a JSON Schema allows, at every level."""
    own = schema.get("properties", {})
    inside = [*own.values(), *([schema["items"]] if "items" in schema else [])]
    return {*own, *(key for each in inside for key in keys_allowed(each))}


def test_the_recipes_have_every_key_of_the_table(condition):
    tried = keys_of([condition(**recipe) for recipe in RECIPES.values()])
    assert {key for each in table.SETTINGS for key in (each.key, *keys_allowed(each.kind.schema))} <= tried


def test_who_reads_no_study_does_not_depend_on_the_table(root):
    """A new setting prepares no data again, and trains nothing again, see `table.essential`."""
    sources = Sources(root / "workflow/scripts")
    assert "normreg/settings/table.py" not in sources.closure("prepare_data.py")
    assert not any("settings/" in place for deciding in NUMBERS.values() for place in deciding)


# --- documents


def test_the_documents_have_the_tables_of_settings(root):
    spec = importlib.util.spec_from_file_location("tables", root / "docs/tables.py")
    documents = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(documents)
    for name, found in documents.tables().items():
        text = (root / name).read_text(encoding="utf-8")
        assert all(lines in text for lines in found.values()), f"{name}: run `make tables`"
        assert documents.written(text, found) == text
