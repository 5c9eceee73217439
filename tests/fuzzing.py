"""Configurations and studies, right and wrong, for the fuzz tests and `benchmarks/fuzz_config.py`."""

import contextlib
import copy
import math
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import warm
import yaml
from hypothesis import strategies as st

from normreg.config import schema, sizes
from normreg.config import studies as configuration
from normreg.data.dataset import Dataset
from normreg.data.specs import DATASETS
from normreg.engines import pytorch
from normreg.errors import ConfigError

FEWEST = min(spec.train_images for spec in DATASETS.values())  # training images of a data set
NETWORKS = ("gilf641", "hardayaleva5", "satyajitghana", "noopuragr", "ashxjain")
STUDY = "fuzzed"
LONGEST = 700  # characters of a message: the longest lists every key of a study


@dataclass
class Case:
    """What is written to config.yaml and to the study's file; `names` are keys of which a refusal has to name one."""

    kind: str
    config: Any
    study: Any
    study_text: bytes | None = None
    config_text: bytes | None = None
    names: tuple[str, ...] = ()
    must_refuse: bool = False

    def write(self, config_file: Path, studies: Path) -> None:
        """Writes both files as a person would have them."""
        studies.mkdir(parents=True, exist_ok=True)
        for path, text, content in (
            (config_file, self.config_text, self.config),
            (studies / f"{STUDY}.yaml", self.study_text, self.study),
        ):
            path.write_bytes(text if text is not None else dump(content))


class _Dumper(yaml.CSafeDumper):
    """Writes no anchors: they are a mutation of their own."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write_integer(dumper: Any, value: int) -> yaml.ScalarNode:
    """As hexadecimal if large: Python does not print whole numbers of more than 4,300 digits."""
    text = hex(value) if abs(value) > 2**64 else str(value)
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:int", text)
    return node


_Dumper.add_representer(int, _write_integer)
# As texts, names like 1e5 need quotes: YAML 1.2 and the reader of studies take them for numbers, PyYAML does not.
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile("[0-9]+[eE][-+]?[0-9]+$"), list("0123456789"))


def dump(content: Any) -> bytes:
    """As YAML."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")


# --- right ones


def number(low: float, high: float, **arguments: Any) -> st.SearchStrategy[float]:
    """A float, or a whole number where one lies between."""
    floats = st.floats(low, high, allow_nan=False, **arguments)
    whole = st.integers(math.ceil(low + (1e-9 if arguments.get("exclude_min") else 0)), int(min(high, 10**6)))
    return floats if math.ceil(low) + 1 > high else st.one_of(floats, whole)


RATE = number(0, 1e30, exclude_min=True)
LAMBDA = number(0, 1e30)
SHARE = st.one_of(st.just(0), st.floats(0, 1, exclude_max=True))
GRAY = st.integers(0, 255)
SCHEDULES = st.one_of(
    st.just({"constant": {}}),
    st.fixed_dictionaries(
        {"step_size": st.integers(1, 10000), "gamma": st.floats(0, 1, exclude_min=True)},
    ).map(lambda step: {"step": step}),
    st.fixed_dictionaries(
        {"max_lr": RATE},
        optional={
            # a share that gives exactly one step to the rise depends on the data's size and is refused by training
            "pct_start": st.floats(0.05, 0.95),
            "div_factor": number(1, 1e30),
            "final_div_factor": number(1, 1e30),
            "base_momentum": st.floats(0, 0.9999),  # which is beta1 with AdamW
            "max_momentum": st.floats(0.01, 0.9999),  # 0 is refused with nesterov and a base of 0
        },
    ).map(lambda cycle: {"onecycle": cycle}),
)
# Alone among the schedules it limits other settings: the warm-up the epochs, and the lowest rate the highest.
COSINE = st.fixed_dictionaries({}, optional={"warmup_epochs": st.just(0), "min_lr": st.just(0)})
SCHEDULES = st.one_of(SCHEDULES, COSINE.map(lambda cosine: {"cosine": cosine}))
STEPS = st.one_of(
    st.fixed_dictionaries({"degrees": number(0, 180), "fill": GRAY}).map(lambda a: {"rotation": a}),
    st.fixed_dictionaries(
        {
            "degrees": number(0, 180),
            "translate": st.floats(0, 1),
            "scale": st.lists(st.floats(0.01, 100), min_size=2, max_size=2),
            "fill": GRAY,
        }
    ).map(lambda a: {"affine": a}),
    st.fixed_dictionaries({"brightness": number(0, 1000), "contrast": number(0, 1000)}).map(lambda a: {"jitter": a}),
    st.fixed_dictionaries({"probability": number(0, 1)}).map(lambda a: {"flip": a}),
    st.fixed_dictionaries({"padding": st.integers(1, 96), "fill": GRAY}).map(lambda a: {"crop": a}),
    st.fixed_dictionaries({"size": st.integers(1, 192), "fill": GRAY}).map(lambda a: {"cutout": a}),
)
OPTIMIZER = {"lr": RATE, "momentum": st.floats(0.01, 1, exclude_max=True), "nesterov": st.booleans()}
BETAS = {"beta1": st.floats(0, 0.9999), "beta2": st.floats(0, 0.9999)}
ADAMW = st.fixed_dictionaries({"name": st.sampled_from(["adam", "adamw"]), "lr": RATE}, optional=BETAS)
SETTINGS = {
    "network": st.sampled_from(NETWORKS),
    "epochs": st.integers(1, 10000),
    "dropout": SHARE,
    "label_smoothing": SHARE,
    "class_weights": st.sampled_from(["none", "balanced"]),
    "schedule": SCHEDULES,
    "augmentation": st.lists(STEPS, max_size=3),
    "penalty_scope": st.sampled_from(["all", "weights", "no-norm"]),
    "train_images": st.one_of(st.just("all"), st.integers(2, 10_000_000)),
    "validate_every": st.integers(1, 10000),
}
NAMES = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}", fullmatch=True)
CONFIGS = st.fixed_dictionaries(
    {
        "dataset": st.sampled_from(["mnist", "fashion-mnist", "kmnist", "digits"]),
        "study": st.just(STUDY),
        "seeds": st.one_of(st.integers(1, 3), st.lists(st.integers(0, 999999), min_size=1, max_size=3, unique=True)),
        "epochs": st.none() | st.integers(1, 10000),
        "network": st.none() | st.sampled_from(NETWORKS),
        "device": st.sampled_from(["auto", "cpu", "cuda"]),
        "engine": st.sampled_from(["auto", "torch", "numba"]),
        "jobs_per_gpu": st.integers(1, 4),
        "mnist_dir": st.none() | st.sampled_from(["/data/mnist", "a b/'c' \"d\"", "$(touch x);`y`", "ö/数", "-x", "~"]),
    }
)


@st.composite
def conditions(draw: Any, splits: int, l2: str, name: str) -> dict[str, Any]:
    """Overrides that fit together: a batch its splits divide."""
    own = draw(st.fixed_dictionaries({}, optional=SETTINGS))
    own["penalty"] = draw(st.sampled_from(["none", "l1", "l2", "l1l2"]))
    own["norm"] = draw(st.sampled_from(["bn", "gbn"]))
    if draw(st.booleans()):
        own["num_splits"] = splits = draw(st.integers(1, 16))
        own["batch_size"] = splits * draw(st.integers(2, 300))
    if draw(st.booleans()):
        merged = OPTIMIZER | {"name": st.just("sgd")} if name == "sgd" else {"lr": RATE} | BETAS
        others = ADAMW if name == "sgd" else st.fixed_dictionaries({"name": st.just("sgd"), **OPTIMIZER})
        own["optimizer"] = draw(st.one_of(st.fixed_dictionaries({}, optional=merged), others))
    if draw(st.booleans()):
        own["lambdas"] = draw(st.fixed_dictionaries({}, optional={"l1": LAMBDA, l2: LAMBDA}))
    return own


@st.composite
def studies(draw: Any) -> dict[str, Any]:
    """A study every key of which is right, and which fits together."""
    study = draw(st.fixed_dictionaries(SETTINGS))
    study["optimizer"] = draw(st.one_of(st.fixed_dictionaries(OPTIMIZER, optional={"name": st.just("sgd")}), ADAMW))
    study["num_splits"] = draw(st.integers(1, 16))
    study["batch_size"] = study["num_splits"] * draw(st.integers(2, 300))
    l2 = draw(st.sampled_from(["l2", "group_l2"]))
    study["lambdas"] = draw(st.fixed_dictionaries({"l1": LAMBDA, l2: LAMBDA}))
    study["conditions"] = draw(
        st.dictionaries(
            NAMES, conditions(study["num_splits"], l2, study["optimizer"].get("name", "sgd")), min_size=1, max_size=3
        )
    )
    study["galleries"] = draw(st.lists(st.sampled_from(sorted(study["conditions"])), unique=True))
    return study


# --- wrong ones

ODD: list[Any] = [
    *(None, True, False, "", " ", "no", "1e-5", "010", "0x10", "ſ", "数", "a\nb", "../x", "$(touch x)", "\0"),
    *(-1, 0, 1, 0.5, 1.0, 2.0, -0.0, 1e-320, 1e30, 1e31, 1e308, -1e308, 2**31, 2**63, 10**400, 1 << 20000, 9999999),
    *(float("nan"), float("inf"), float("-inf"), [], {}, [[]], [None], [1, 1], {"a": 1}, {1: 2}, {"": {}}, "x" * 5000),
]
ODD_KEYS: list[Any] = [1, None, True, 0.5, "", " ", "a\nb", "ö", "x" * 3000, "0", "default", "l 1"]
TEXTS = [
    *(b"1e-5", b"010", b"1:30", b"0x1F", b"2024-02-30", b"2024-01-01", b"yes", b"off", b"~", b"!!int x", b"!!bool x"),
    *(
        b"!!timestamp x",
        b"!!python/object/apply:os.system [touch x]",
        b"&a [*a]",
        b"*nowhere",
        b"[" * 3000,
        b"\t",
        b"'",
    ),
    *(
        b"\x00",
        b"\xff\xfe",
        b"{a: 1, a: 2}",
        b"? [1] : 2",
        b"<<: 3",
        b".nan",
        b"- .inf",
        b"| x",
        b"\xef\xbb\xbf",
        b"1_0",
    ),
    *(b"9" * 5000, b"!!float x", b"!!binary x", b"!!set {a}", b"2024-01-01T99:99:99Z", b"%YAML 9.9", b"0b2", b"0o7"),
]


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value below the root."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, value in items for place in ((*path, key), *places(value, (*path, key)))]


def parent(content: Any, path: tuple[Any, ...]) -> Any:
    """What holds the value at `path`."""
    for key in path[:-1]:
        content = content[key]
    return content


def misspelt(draw: Any, word: str, taken: Any) -> str:
    """`word` with one letter lost, doubled, in another case, or two swapped."""
    i = draw(st.integers(0, len(word) - 1))
    ways = [word[:i] + word[i + 1 :], word[:i] + word[i] + word[i:], word[:i] + word[i].upper() + word[i + 1 :]]
    ways += [word[:i] + word[i : i + 2][::-1] + word[i + 2 :], word + "s", word.replace("_", "-")]
    fresh = [way for way in ways if way not in taken and way not in ("l1", "l2", "", word)]
    return draw(st.sampled_from(fresh or [word + "_"]))


@st.composite
def mutated(draw: Any) -> Case:
    """A right pair of files with one thing wrong, or at least odd."""
    case = Case("", draw(CONFIGS), copy.deepcopy(draw(studies())))
    root = draw(st.sampled_from(["config", "study", "study"]))
    content = getattr(case, root)
    found = places(content)
    case.kind = draw(
        st.sampled_from(["misspelt", "misspelt", "value", "value", "value", "lost", "odd key", "yaml", "root"])
    )
    if case.kind == "root":
        setattr(case, root, draw(st.sampled_from([*ODD[:1], 3, "text", [], [1], {}, True, 0.5])))
        case.must_refuse = True
    elif case.kind == "yaml":
        _mutate_text(draw, case, root)
    elif case.kind == "odd key":
        maps = [(), *(p for p in found if isinstance(parent(content, p)[p[-1]], dict))]
        place = draw(st.sampled_from(maps))
        key = draw(st.sampled_from(ODD_KEYS))
        (parent(content, place)[place[-1]] if place else content)[key] = draw(st.sampled_from([1, {}, None]))
        case.must_refuse = not (place == ("conditions",) and key == "0") and not (
            place == ("conditions",) and key == "default"
        )
    else:
        _mutate_value(draw, case, content, found)
    return case


def _mutate_value(draw: Any, case: Case, content: Any, found: list[tuple[Any, ...]]) -> None:
    if case.kind == "misspelt":
        free = [p for p in found if isinstance(p[-1], str) and p[:-1] != ("conditions",)]
        path = draw(st.sampled_from(free))
        holder = parent(content, path)
        wrong = misspelt(draw, path[-1], holder)
        holder[wrong] = holder.pop(path[-1])
        case.names, case.must_refuse = (path[-1], wrong), True
        return
    whole = [p for p in found if type(parent(content, p)[p[-1]]) is int]
    path = draw(st.sampled_from(whole if whole and draw(st.booleans()) else found))
    holder = parent(content, path)
    if case.kind == "lost":
        del holder[path[-1]]
        case.names = tuple(str(key) for key in path)
    else:
        near = _near(holder[path[-1]])
        holder[path[-1]] = draw(st.sampled_from(near if near and draw(st.booleans()) else ODD))
        case.names = tuple(str(key) for key in path)


def _near(value: Any) -> list[Any]:
    """The same in another type, or the opposite: what a person might write."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return []
    changed: list[Any] = [[value], {"value": value}, str(value) + " "]
    return changed if isinstance(value, str) else [*changed, float(value), float(value), str(value), -value]


def _mutate_text(draw: Any, case: Case, root: str) -> None:
    """Text YAML reads in a way of its own, in place of a value, a line, or the file's end."""
    lines = dump(getattr(case, root)).split(b"\n")
    i = draw(st.integers(0, len(lines) - 2))
    way = draw(st.sampled_from(["value", "value", "twice", "cut", "append"]))
    if way == "value":
        lines[i] = lines[i].split(b":")[0] + b": " + draw(st.sampled_from(TEXTS))
    elif way == "twice":
        lines[i:i] = [lines[i]]
    elif way == "cut":
        lines = [b"\n".join(lines)[: draw(st.integers(0, 400))]]
    else:
        lines.append(draw(st.sampled_from(TEXTS)))
    setattr(case, f"{root}_text", b"\n".join(lines))


# --- the check

_RANDOM = np.random.default_rng(0)
_IMAGES = _RANDOM.integers(0, 256, (8, 28, 28), dtype=np.uint8)
_CLASS_NAMES = np.array(DATASETS["mnist"].class_names)
_EIGHT = Dataset(_IMAGES, np.arange(8, dtype=np.uint8), _IMAGES, np.arange(8, dtype=np.uint8), _CLASS_NAMES)


def expected(study: dict[str, Any], own: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """What config/README.md promises of a condition, written without the code that does it."""
    both = {**study, **own, **{k: settings[k] for k in ("network", "epochs") if settings[k] is not None}}
    names = [each.get("name", "sgd") for each in (study["optimizer"], own.get("optimizer", study["optimizer"]))]
    replaced = "name" in own.get("optimizer", {}) and names[0] != names[1]
    both["optimizer"] = {**({} if replaced else study["optimizer"]), **own.get("optimizer", {})}
    both["optimizer"].setdefault("name", "sgd")
    if both["optimizer"]["name"] in ("adam", "adamw"):
        both["optimizer"] = {"beta1": 0.9, "beta2": 0.999, **both["optimizer"]}
    if "cosine" in both["schedule"]:
        both["schedule"] = {"cosine": {"warmup_epochs": 0, "min_lr": 0, **both["schedule"]["cosine"]}}
    lambdas = {**study["lambdas"], **own.get("lambdas", {})}
    penalty = both["penalty"]
    acts = {"l1": "l1" in penalty.replace("l1l2", "l1 l2").split(), "l2": penalty.endswith("l2")}
    both["lambdas"] = {k: lambdas.get(k, 0) if acts[k[-2:]] else 0 for k in ("l1", "l2", "group_l2")}
    if "onecycle" in both["schedule"]:  # what the README says of those left out
        rest = {"pct_start": 0.3, "div_factor": 25, "final_div_factor": 10000, "base_momentum": 0.85}
        both["schedule"] = {"onecycle": {**rest, "max_momentum": 0.95, **both["schedule"]["onecycle"]}}
    both |= {"holdout_images": 0, "num_groups": 1}
    both = {"label_smoothing": 0, "class_weights": "none", **both}
    both["num_splits"] = 1 if both["norm"] == "bn" else both["num_splits"]
    return {key: value for key, value in both.items() if key not in ("conditions", "galleries")}


def load(case: Case, folder: Path) -> tuple[dict[str, Any], configuration.Run]:
    """The case as the Snakefile loads it: both files read, checked, resolved. `config.STUDIES` is `folder`."""
    case.write(folder / "config.txt", folder)
    content = schema.read_yaml(folder / "config.txt", strict=False)
    if not isinstance(content, dict):
        raise ConfigError("config.txt: Snakemake itself expects keys at the top level.")
    settings = configuration.check_config(content)
    return settings, configuration.load_run(settings)


def check(case: Case, folder: Path, train: Callable[[Any], None] | None = None) -> str:
    """Returns accepted or refused; fails on a traceback, a bad message, and what is accepted but does not train."""
    message = ""
    try:
        settings, run = load(case, folder)
        assert all(type(seed) is int for seed in settings["seeds"]), settings
        for condition in run.conditions.values():
            (train or train_an_epoch)(condition)
    except ConfigError as error:
        message = str(error)
    if message:
        # Whether a share of the steps is exactly one step depends on the size of the data: training says so.
        assert case.kind != "valid" or "'schedule.onecycle.pct_start'" in message, (
            f"a right study is refused: {message}"
        )
        check_message(message, case)
        return "refused"
    assert not case.must_refuse, f"{case.kind} was accepted: {case}"
    if case.kind == "valid":
        own = case.study["conditions"]
        assert run.conditions == {name: expected(case.study, own[name], case.config) for name in own}
    return "accepted"


def check_message(message: str, case: Case) -> None:
    """One short paragraph that names the key."""
    assert message.isprintable(), repr(message)
    assert len(message) <= LONGEST, f"{len(message)} characters: {message}"
    assert not case.names or any(name in message for name in case.names), f"names none of {case.names}: {message}"


def train_an_epoch(condition: Any) -> None:
    """Builds model, optimizer, schedule and augmentation and trains one epoch of eight images with them."""
    torch.set_num_threads(1)
    # 25.0 passes for a whole number in JSON Schema and for nothing that counts with it
    assert all(type(condition[key]) is int for key in ("epochs", "batch_size", "num_splits")), condition
    pytorch.TorchTrainer(condition, 0, _EIGHT, torch.device("cpu")).run_epoch(1)


def _fit(case: Case) -> Case:
    """With no more training images than every data set has."""
    case.study = copy.deepcopy(case.study)
    for settings in (case.study, *case.study["conditions"].values()):
        if settings.get("train_images", "all") != "all":
            settings["train_images"] = 2 + settings["train_images"] % (FEWEST - 1)
    return case


VALID = st.builds(Case, st.just("valid"), CONFIGS, studies())
FITTING = VALID.map(_fit)  # right for its data set too
REFUSED = mutated().filter(lambda case: case.must_refuse)
CASES = st.one_of(VALID, mutated(), mutated())


# --- the real Snakemake


def copy_project(root: Path, folder: Path) -> Path:
    """The product's files alone, in `folder`."""
    for name in ("config", "profiles", "workflow", "envs"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(root / "Snakefile", folder / "Snakefile")
    return folder


def dry_run(case: Case, project: Path, scratch: Path) -> str:
    """As `check`, through a real `snakemake -n`, which must agree with the validating functions."""
    outcome, names = "refused", case.names
    with contextlib.suppress(ConfigError):
        settings, run = load(case, scratch)
        names = ("train_images",)  # all else is right
        sizes.check(run.study, run.conditions, DATASETS[settings["dataset"]])
        outcome = "accepted"
    case.write(project / "config/config.yaml", project / "config/studies")
    done = warm.snakemake(["-n", "--quiet=host", "--cores", "1", "training"], project)
    text = done.stdout
    assert (done.returncode == 0) == (outcome == "accepted"), f"{outcome} in process, but: {text}"
    assert "Traceback" not in text, text
    if outcome == "accepted":
        assert "rule train:" in text, text
        return outcome
    message = text[text.index("Error in file") :].split("\n")
    assert len(message) < 6, text
    assert not names or any(name in text for name in names), text
    return outcome
