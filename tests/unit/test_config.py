"""Every wrong key gives one short message that names it; right ones resolve as DESIGN says."""

import copy
import inspect
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import OneCycleLR

from normreg.config import schema, studies, study_files
from normreg.errors import ConfigError


def name_of(value):
    """For the names of tests; of the huge and the unprintable, the start."""
    return ascii(value)[:40] if not isinstance(value, dict) else name_of(next(iter(value)))


@pytest.fixture
def settings(root):
    return yaml.safe_load((root / "config/config.yaml").read_text())


@pytest.fixture
def study(root, tmp_path, monkeypatch):
    """A function that writes a changed controlled study as `mine` and loads it."""
    content = yaml.safe_load((root / "config/studies/controlled.yaml").read_text())
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)

    def load(change, **settings):
        changed = copy.deepcopy(content)
        change(changed)
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
        return studies.load_run({"study": "mine", "network": None, "epochs": None} | settings)

    return load


def put(path, value):
    """A change that sets one nested key, "a.b.c"."""

    def change(content):
        *parents, last = path.split(".")
        for key in parents:
            content = content[key]
        content[last] = value

    return change


def test_the_default_configuration_is_valid_and_has_eight_conditions(settings, root, monkeypatch):
    monkeypatch.chdir(root)
    run = studies.load_run(studies.check_config(settings))
    names = [f"{penalty}-{norm}" for norm in ("bn", "gbn") for penalty in ("none", "l1", "l2", "l1l2")]
    assert (run.name, list(run.conditions), run.galleries) == ("controlled", names, ("none-bn", "none-gbn"))


def test_the_controlled_conditions_differ_in_penalty_and_norm_alone(settings, root, monkeypatch):
    monkeypatch.chdir(root)
    conditions = studies.load_run(studies.check_config(settings)).conditions
    for name, condition in conditions.items():
        penalty, norm = name.split("-")
        assert (condition["penalty"], condition["norm"]) == (penalty, norm)
        assert condition["num_splits"] == (2 if norm == "gbn" else 1)
        expected = {"l1": 1e-5 if "l1" in penalty else 0, "l2": 1e-5 if "l2" in penalty else 0, "group_l2": 0}
        assert condition["lambdas"] == expected
        recipe = [condition[key] for key in ("network", "epochs", "batch_size", "dropout", "penalty_scope")]
        assert recipe == ["gilf641", 25, 128, 0.08, "all"]
        assert condition["augmentation"] == [{"rotation": {"degrees": 7, "fill": 1}}]
        assert condition["schedule"]["onecycle"]["max_lr"] == 0.1


@pytest.mark.parametrize(
    ("given", "seeds"), [(3, [0, 1, 2]), ([4, 2], [4, 2]), (["0", "7"], [0, 7]), (1, [0])], ids=str
)
def test_seeds_are_a_count_or_a_list(settings, given, seeds):
    assert studies.check_config(settings | {"seeds": given})["seeds"] == seeds


@pytest.mark.parametrize("text", ["null", "none", ""])
def test_null_on_the_command_line(settings, text):
    checked = studies.check_config(settings | {"epochs": text, "network": text, "mnist_dir": text})
    assert [checked[key] for key in ("epochs", "network", "mnist_dir")] == [None, None, None]


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        ({"epoch": 3}, ["unknown key 'epoch'", "Did you mean 'epochs'?"]),
        ({"zzz": 3}, ["unknown key 'zzz'", "Allowed here: dataset, study"]),
        ({"lr": 0.1}, ["unknown key 'lr'", "A study sets it as optimizer.lr."]),
        ({"dataset": "MNIST"}, ["key 'dataset'", "found 'MNIST'", "mnist, fashion-mnist, kmnist, digits, cifar10"]),
        ({"epochs": 0}, ["key 'epochs'", "found 0", "from 1"]),
        ({"epochs": "5.5"}, ["key 'epochs'", "found '5.5'"]),
        ({"epochs": True}, ["key 'epochs'", "found True"]),
        ({"seeds": 0}, ["key 'seeds'", "found 0", "count of 1 or more"]),
        ({"seeds": []}, ["key 'seeds'", "found []"]),
        ({"seeds": [1, 1]}, ["key 'seeds'", "found [1, 1]", "different"]),
        ({"seeds": ["1", "x"]}, ["key 'seeds'", "'x'"]),
        ({"seeds": -1}, ["key 'seeds'", "found -1"]),
        ({"seeds": 3.0}, ["key 'seeds'", "found 3.0 (write 3, without a decimal point)"]),
        ({"seeds": ["9" * 5000]}, ["key 'seeds'", "found ['999"]),
        ({"epochs": 2.0}, ["key 'epochs'", "found 2.0 (write 2, without a decimal point)"]),
        ({"epochs": 1 << 20000}, ["key 'epochs'", "found a value too large to show", "at most 1e30"]),
        ({"epoch" * 1000: 1}, ["unknown key 'epochepoch", "..."]),
        ({"a\nb": 1}, ["unknown key ''a\\nb''"]),
        ({"study": "controlled\n"}, ["key 'study'", r"found 'controlled\n'"]),
        ({"study": "a" * 300}, ["key 'study'", "up to 80"]),
        ({"mnist_dir": "a\n.. include:: /etc/passwd"}, ["key 'mnist_dir'", r"found 'a\n.. include"]),
        ({"mnist_dir": "\ud800"}, ["key 'mnist_dir'", r"found '\ud800'", "control characters"]),
        ({"device": "gpu"}, ["key 'device'", "found 'gpu'", "auto, cpu, cuda"]),
        ({"engine": "jax"}, ["key 'engine'", "auto, torch, numba"]),
        ({"network": "Res_Net"}, ["key 'network'", "lower-case letters, digits, hyphens"]),
        ({"study": "../x"}, ["key 'study'", "found '../x'"]),
        ({"mnist_dir": 3}, ["key 'mnist_dir'", "found 3"]),
    ],
    ids=name_of,
)
def test_wrong_configuration(settings, change, fragments):
    with pytest.raises(ConfigError) as caught:
        studies.check_config(settings | change)
    message = str(caught.value)
    assert message.startswith("config: ")
    assert all(fragment in message for fragment in fragments), message
    assert len(message) < 300


def test_missing_key(settings):
    del settings["device"]
    with pytest.raises(ConfigError, match="config: key 'device' is missing"):
        studies.check_config(settings)


@pytest.mark.parametrize(
    ("key", "name", "meant"), [("study", "controled", "controlled"), ("network", "gilf", "gilf641")]
)
def test_a_slip_in_a_name_gets_the_name_that_was_meant(settings, root, monkeypatch, key, name, meant):
    monkeypatch.chdir(root)
    with pytest.raises(ConfigError, match=f"found '{name}'.* Did you mean '{meant}'"):
        studies.load_run(studies.check_config(settings | {key: name}))


def test_unknown_study_lists_those_at_hand(settings, root, monkeypatch):
    monkeypatch.chdir(root)
    with pytest.raises(
        ConfigError, match=r"key 'study': found 'contrôle'|found 'control', .*Studies at hand: .*controlled"
    ):
        studies.load_run(studies.check_config(settings | {"study": "control"}))


@pytest.mark.parametrize(
    ("path", "value", "fragments"),
    [
        ("batchsize", 3, ["unknown key 'batchsize'", "Did you mean 'batch_size'?"]),
        ("seeds", 3, ["unknown key 'seeds'", "key of config/config.yaml and of --config"]),
        ("optimizer.weight_decay", 0.1, ["unknown key 'optimizer.weight_decay'", "sets it as lambdas.l2."]),
        ("conditions.l2-bn.l2", 0.1, ["unknown key 'conditions.l2-bn.l2'", "sets it as lambdas.l2."]),
        ("lr", 0.1, ["unknown key 'lr'", "sets it as optimizer.lr."]),
        ("step", {"step_size": 3}, ["unknown key 'step'", "sets it as schedule.step."]),
        ("lambdas.norm", "gbn", ["unknown key 'lambdas.norm'", "sets it as conditions.NAME.norm."]),
        ("batch_size", 127, ["conditions.none-gbn", "batch_size 127 is not divisible by num_splits 2"]),
        ("num_splits", 128, ["batch_size 128 over num_splits 128", "ghost batches of 1 image"]),
        ("num_splits", 0, ["key 'num_splits'", "found 0"]),
        ("batch_size", 128.0, ["key 'batch_size'", "found 128.0 (write 128, without a decimal point)"]),
        ("lambdas.l1", 10**400, ["key 'lambdas.l1'", "found 1000", "at most 1e30"]),
        ("optimizer.lr", 1e39, ["key 'optimizer.lr'", "found 1e+39", "at most 1e30"]),
        ("schedule.onecycle.div_factor", 10**400, ["key 'schedule.onecycle.div_factor'", "at most 1e30"]),
        ("augmentation", [{"jitter": {"brightness": 1e20, "contrast": 0}}], ["jitter.brightness'", "from 0 to 1000"]),
        (
            "augmentation",
            [{"affine": {"degrees": 1, "translate": 0, "scale": [1e-9, 1], "fill": 0}}],
            ["key 'augmentation.1.affine.scale.1'", "found 1e-09", "from 0.01 to 100"],
        ),
        ("conditions", {1: {"penalty": "none", "norm": "bn"}}, ["key 'conditions'", "found 1 (", "lower-case letters"]),
        ("conditions", {"x\n": {"penalty": "none", "norm": "bn"}}, ["key 'conditions'", r"found 'x\n'"]),
        ("conditions", {"x" * 90: {"penalty": "none", "norm": "bn"}}, ["key 'conditions'", "up to 80"]),
        ("batch_size", 128.5, ["key 'batch_size'", "found 128.5"]),
        ("epochs", 0, ["key 'epochs'", "found 0"]),
        ("dropout", 1, ["key 'dropout'", "found 1", "below 1"]),
        ("dropout", -0.1, ["key 'dropout'", "found -0.1"]),
        ("dropout", float("nan"), ["key 'dropout'", "found nan"]),
        ("network", "lenet", ["key 'network'", "gilf641"]),
        ("optimizer.lr", 0, ["key 'optimizer.lr'", "above 0"]),
        ("optimizer.lr", float("inf"), ["key 'optimizer.lr'", "found inf"]),
        ("optimizer.momentum", 1.0, ["key 'optimizer.momentum'", "below 1"]),
        ("optimizer.weight_decay", 0.1, ["unknown key 'optimizer.weight_decay'"]),
        ("schedule", {"sine": {}}, ["unknown key 'schedule.sine'", "constant, step, cosine, onecycle"]),
        ("schedule", {"cosine": {"warmup": 1}}, ["unknown key 'schedule.cosine.warmup'", "warmup_epochs, min_lr"]),
        (
            "schedule",
            {"cosine": {"warmup_epochs": 25}},
            ["conditions.none-bn", "schedule.cosine.warmup_epochs 25 with epochs 25", "fewer epochs"],
        ),
        (
            "schedule",
            {"cosine": {"min_lr": 0.1}},
            ["conditions.none-bn", "schedule.cosine.min_lr 0.1 with optimizer.lr 0.01", "at most"],
        ),
        ("optimizer.name", "adan", ["key 'optimizer.name'", "found 'adan'", "one of sgd, adam, adamw"]),
        (
            "optimizer.name",
            "adamw",
            ["none-bn: found optimizer.momentum, which adamw does not have", "lr, beta1, beta2"],
        ),
        ("optimizer.beta1", 0.9, ["none-bn: found optimizer.beta1, which sgd does not have", "lr, momentum, nesterov"]),
        ("optimizer", {"name": "adamw"}, ["conditions.none-bn", "key 'optimizer.lr' is missing"]),
        ("optimizer", {"name": "adamw", "lr": 0.1, "beta2": 1}, ["key 'optimizer.beta2'", "found 1", "to 0.9999"]),
        ("penalty_scope", "no-norms", ["key 'penalty_scope'", "no-norm"]),
        ("augmentation", [{"flip": {"probability": 1.5}}], ["augmentation.1.flip.probability'", "from 0 to 1"]),
        ("augmentation", [{"crop": {"padding": 0, "fill": 0}}], ["augmentation.1.crop.padding'", "from 1 to 96"]),
        ("augmentation", [{"cutout": {"size": 8.0, "fill": 0}}], ["augmentation.1.cutout.size'", "(write 8, "]),
        ("augmentation", [{"cutout": {"size": 8}}], ["key 'augmentation.1.cutout.fill' is missing"]),
        ("schedule", {}, ["key 'schedule'", "exactly one"]),
        ("schedule", {"constant": {}, "step": {"step_size": 1, "gamma": 0.1}}, ["key 'schedule'", "exactly one"]),
        ("schedule", {"step": {"step_size": 3}}, ["key 'schedule.step.gamma' is missing"]),
        ("schedule.onecycle.max_lr", "fast", ["key 'schedule.onecycle.max_lr'", "found 'fast'", "above 0"]),
        ("augmentation", [{"flop": {}}], ["unknown key 'augmentation.1.flop'. Did you mean 'flip'?", "crop, cutout"]),
        ("augmentation", [{"flip": {}}], ["key 'augmentation.1.flip.probability' is missing"]),
        ("augmentation", [{"rotation": {"degrees": 7}}], ["key 'augmentation.1.rotation.fill' is missing"]),
        (
            "penalty_scope",
            "some",
            ["key 'penalty_scope'", "all (every parameter), weights", "or no-norm (all but those of norms)"],
        ),
        ("lambdas.l1", -1.0, ["key 'lambdas.l1'", "found -1.0"]),
        ("lambdas.L1", 1.0, ["unknown key 'lambdas.L1'", "Did you mean 'l1'?"]),
        ("lambdas", {"l2": 0.1}, ["conditions.l1-bn", "penalty l1 needs lambdas.l1"]),
        ("lambdas.group_l2", 0.1, ["conditions.l2-bn", "both lambdas.l2 and lambdas.group_l2"]),
        ("conditions", {}, ["key 'conditions'"]),
        ("conditions.None-BN", {"penalty": "none", "norm": "bn"}, ["'None-BN'", "lower-case letters"]),
        ("conditions.x", {"penalty": "l3", "norm": "bn"}, ["key 'conditions.x.penalty'", "none, l1, l2, l1l2"]),
        ("conditions.x", {"penalty": "l1"}, ["key 'conditions.x.norm' is missing"]),
        ("conditions.x", {"penalty": "l1", "norm": "bn", "lr": 1}, ["unknown key 'conditions.x.lr'"]),
        ("galleries", ["none"], ["key 'galleries'", "found 'none'", "none-bn"]),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_wrong_study(study, path, value, fragments):
    with pytest.raises(ConfigError) as caught:
        study(put(path, value))
    message = str(caught.value)
    assert "mine.yaml" in message
    assert all(fragment in message for fragment in fragments), message
    assert len(message) < 600


# --- factors


@pytest.fixture
def study_files_in(root, tmp_path, monkeypatch):
    """A function that writes files beside the controlled study."""
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)
    shutil.copy(root / "config/studies/controlled.yaml", tmp_path)

    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text)

    return write


CROSSED = """
extends: controlled
factors:
  penalty: [none, l2]
  norm: [bn, gn, gbn]
  dropout: [0, 0.1]
num_groups: 5
"""


def test_every_combination_of_factors_is_a_condition(study_files_in):
    study_files_in(mine=CROSSED)
    run = studies.load_named_run("mine")
    assert list(run.conditions) == [
        f"{penalty}-{norm}-dropout-{dropout}"
        for penalty in ("none", "l2")
        for norm in ("bn", "gn", "gbn")
        for dropout in ("0", "0p1")
    ]
    one = run.conditions["l2-gn-dropout-0p1"]
    assert (one["norm"], one["num_groups"], one["num_splits"], one["dropout"]) == ("gn", 5, 1, 0.1)
    assert one["lambdas"] == {"l1": 0.0, "l2": 1e-5, "group_l2": 0.0}
    assert (run.reference, run.galleries) == ("none-bn-dropout-0", tuple(run.conditions)[:8])


def test_penalty_and_norm_crossed_are_the_eight_conditions(study_files_in):
    study_files_in(mine="extends: controlled\nfactors: {penalty: [none, l1, l2, l1l2], norm: [bn, gbn]}\n")
    ours, theirs = (studies.load_named_run(name).conditions for name in ("mine", "controlled"))
    assert ours == theirs


def test_lambdas_that_are_crossed_say_the_penalty(study_files_in):
    study_files_in(mine="extends: controlled\nfactors: {lambdas.l1: [0, 1.0e-4], lambdas.l2: [0, 1.0e-3]}\n")
    found = studies.load_named_run("mine").conditions
    assert [each["penalty"] for each in found.values()] == ["none", "l2", "l1", "l1l2"]
    assert found["l1-1e-4-l2-1e-3"]["lambdas"] == {"l1": 1e-4, "l2": 1e-3, "group_l2": 0.0}


def test_optimizers_and_schedules_are_crossed_whole(study_files_in):
    text = """
extends: controlled
factors:
  optimizer: [{name: sgd, lr: 0.1, momentum: 0, nesterov: false}, {name: adam, lr: 0.01}]
  schedule: [{constant: {}}, {step: {step_size: 2, gamma: 0.5}}]
  augmentation: [[], [{flip: {probability: 0.5}}]]
conditions:
  own: {penalty: none, norm: bn}
reference: own
"""
    study_files_in(mine=text)
    run = studies.load_named_run("mine")
    assert list(run.conditions)[:3] == [f"sgd-{rest}" for rest in ("constant-no-augmentation",
        "constant-augmentation-flip", "step-no-augmentation")]  # fmt: skip
    assert run.reference == list(run.conditions)[-1] == "own"
    assert studies.named_by_people(run) == ["own"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("factors: {norm: bn}", "key 'factors': found {'norm': 'bn'}; expected a map"),
        ("factors: {norm: [bn]}", r"key 'factors': found {'norm': \['bn'\]}; expected a map"),
        ("factors: {nrom: [bn, gbn]}", r"unknown key 'conditions.nrom-g?bn.nrom'. Did you mean 'norm'"),
        ("factors: {dropout: [0, 2]}", r"key 'conditions.dropout-2.dropout': found 2; expected a probability"),
        ("factors: {norm: [bn, gn]}", "conditions.gn: norm gn needs num_groups"),
        ("factors: {optimizer: [{lr: 0.1}, {lr: 0.2}]}", "two combinations would be called lr; make them conditions"),
        ("factors: {norm: [bn, gbn]}\nreference: none-bn", "key 'reference': found 'none-bn'; expected conditions"),
        (
            "factors: {optimizer.lr: [1, 2], optimizer: [{}, {lr: 1}]}",
            "found optimizer.lr and the whole of it",
        ),
        ("factors: {norm: [bn, gbn], num_splits: [2, 4]}", "bn-num-splits-2 and bn-num-splits-4 would train the same"),
        ("factors: {penalty: [none, l1], lambdas.l1: [1, 2]}", "none-l1-1 and none-l1-2 would train the same"),
        (
            "factors: {norm: [bn, gbn]}\nconditions: {gbn: {penalty: l1, norm: bn}}",
            "gbn': the factors make",
        ),
    ],
)
def test_factors_that_cannot_be_crossed(study_files_in, text, said):
    study_files_in(mine=f"extends: controlled\n{text}\n")
    with pytest.raises(ConfigError, match=said):
        studies.load_named_run("mine")


def published_block():
    """A correct one, of the controlled study."""
    row = {"from": "notebook", "best": 99.5, "best_epoch": 24, "final": 99.4}
    last5 = {"last5_accuracy": [99.1, 99.2, 99.3, 99.5, 99.4], "last5_loss": [0.02] * 5}
    unpublished = {"from": "readme", "best": 99.5, "best_epoch": None, "final": None, "note": "no log"}
    return {
        "source": "a/b",
        "dataset": "mnist",
        "epochs": 25,
        "conditions": {"l1-bn": row | last5, "l2-bn": unpublished},
    }


README_ENTRY = {"key": "conditions.l1-bn.lambdas.l1", "readme": 1.0e-4, "executed": 1.0e-5, "note": "ten times"}


def test_published_results_and_the_readmes_differences_reach_the_run(study):
    plain = study(lambda content: None)
    assert (plain.published, plain.readme) == (None, [])
    entries = [README_ENTRY, {"key": "nesterov", "readme": None, "executed": False}]
    run = study(lambda content: content.update(published=published_block(), readme=entries))
    assert (run.published, run.readme) == (published_block(), entries)
    assert run.conditions == plain.conditions  # they train nothing


def test_studies_with_published_results_are_listed_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)
    for name, text in (("b", "published: {}"), ("a", "published: {}"), ("c", "network: x"), ("d", "")):
        (tmp_path / f"{name}.yaml").write_text(text)
    assert study_files.published() == ["a", "b"]
    (tmp_path / "e.yaml").write_text("a: [1")
    with pytest.raises(ConfigError, match=r"e\.yaml: not readable"):
        study_files.published()


@pytest.mark.parametrize(
    ("path", "value", "fragments"),
    [
        ("published.sources", "x", ["unknown key 'published.sources'", "Did you mean 'source'?"]),
        ("published.source", 3, ["key 'published.source'", "found 3", "a text"]),
        ("published.dataset", "imagenet", ["key 'published.dataset'", "found 'imagenet'", "one of mnist"]),
        ("published.epochs", 0, ["key 'published.epochs'", "found 0", "the number of epochs of the published runs"]),
        ("published.conditions.l1-bn.epochs", "15", ["l1-bn.epochs'", "found '15'"]),
        ("published.conditions.l1-bn.also_best_epochs", [], ["l1-bn.also_best_epochs'", "found []"]),
        ("published.conditions.l1-bn.also_best_epochs", [0], ["l1-bn.also_best_epochs.1'", "found 0"]),
        ("published.conditions", {}, ["key 'published.conditions'", "found {}"]),
        (
            "published.conditions.l3-bn",
            {"from": "readme", "best": 1, "best_epoch": 1, "final": 1},
            ["'l3-bn'", "none-bn"],
        ),
        ("published.conditions.l1-bn", {"from": "readme"}, ["key 'published.conditions.l1-bn.best' is missing"]),
        ("published.conditions.l1-bn.form", "notebook", ["unknown key", "l1-bn.form'", "Did you mean 'from'?"]),
        ("published.conditions.l1-bn.from", "notbook", ["found 'notbook'", "one of notebook, readme"]),
        ("published.conditions.l1-bn.best", 0.995e3, ["l1-bn.best'", "found 995.0", "percent, from 0 to 100"]),
        ("published.conditions.l1-bn.best", None, ["l1-bn.best'", "found None"]),
        ("published.conditions.l1-bn.best_epoch", 0, ["l1-bn.best_epoch'", "found 0", "or null"]),
        ("published.conditions.l1-bn.best_epoch", "last", ["l1-bn.best_epoch'", "found 'last'", "or null"]),
        ("published.conditions.l1-bn.final", float("nan"), ["l1-bn.final'", "found nan"]),
        ("published.conditions.l1-bn.printed_epochs", 2.5, ["l1-bn.printed_epochs'", "found 2.5"]),
        ("published.conditions.l1-bn.last5_accuracy", [99.0] * 4, ["l1-bn.last5_accuracy'", "five accuracies"]),
        ("published.conditions.l1-bn.last5_accuracy", [99.0] * 6, ["l1-bn.last5_accuracy'", "five accuracies"]),
        ("published.conditions.l1-bn.last5_loss", [0.01] * 4, ["l1-bn.last5_loss'", "five losses"]),
        ("published.conditions.l1-bn.last5_loss", [0.01] * 4 + [-1], ["l1-bn.last5_loss.5'", "found -1"]),
        ("published.conditions.l1-bn.last5_loss", ["low"] * 5, ["l1-bn.last5_loss.1'", "found 'low'"]),
        ("published.conditions.l1-bn.note", 3, ["l1-bn.note'", "found 3", "a text"]),
        ("readme", {"key": "epochs"}, ["key 'readme'", "a list of entries"]),
        ("readme", [README_ENTRY | {"reason": "x"}], ["unknown key 'readme.1.reason'", "key, readme, executed, note"]),
        ("readme", [{"key": "epochs", "readme": 15}], ["key 'readme.1.executed' is missing"]),
        ("readme", [README_ENTRY | {"key": "a b"}], ["key 'readme.1.key'", "found 'a b'", "a dotted key"]),
        ("readme", [README_ENTRY | {"readme": "4 times"}], ["key 'readme.1.readme'", "found '4 times'"]),
        ("readme", [README_ENTRY | {"executed": [1]}], ["key 'readme.1.executed'", "found [1]", "or null"]),
    ],
    ids=str,
)
def test_wrong_published_results(study, path, value, fragments):
    def change(content):
        content["published"] = published_block()
        put(path, value)(content)

    with pytest.raises(ConfigError) as caught:
        study(change)
    message = str(caught.value)
    assert "mine.yaml" in message
    assert all(fragment in message for fragment in fragments), message
    assert len(message) < 400


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2", "", "\x00"], ids=repr)
def test_study_that_is_not_a_yaml_map(tmp_path, monkeypatch, text):
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.yaml: "):
        study_files.read("mine")


def test_a_key_given_twice_is_refused(tmp_path, monkeypatch, root):
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)
    text = (root / "config/studies/controlled.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace("dropout: 0.08", "dropout: 0.08\ndropout: 0.5"))
    with pytest.raises(ConfigError, match=r"mine\.yaml: .*'dropout' stands twice"):
        study_files.read("mine")


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("epochs: 010", "key 'epochs': found '010'"),  # YAML 1.1: eight
        ("epochs: 1:30", "key 'epochs': found '1:30'"),  # YAML 1.1: ninety
        ("epochs: 2024-02-30", "key 'epochs': found '2024-02-30'"),
        ("epochs: !!int x", "not readable as YAML"),
        ("epochs: !!bool x", "not readable as YAML"),
        ("epochs: !!timestamp x", "not readable as YAML"),
        ("epochs: !!python/object/apply:os.getcwd []", "not readable as YAML"),
        (f"epochs: {'[' * 5000}", "nested too deeply"),
        (f"epochs: 0x{'f' * 5000}", "found a value too large to show"),
        ("epochs: &a [*a]", "a value that contains itself"),
        (
            "epochs: " + "[&a0 [1]" + "".join(f", &a{i} [{f'*a{i - 1},' * 9}]" for i in range(1, 9)) + "]",
            "more than 20,000 values",
        ),
        ('network: "\\ud800"', r"found '\ud800'; expected a text without control characters"),
        ("\ufeffx", r"not readable as YAML"),
    ],
    ids=lambda value: value[:30],
)
def test_yaml_that_is_not_what_it_seems(tmp_path, monkeypatch, root, text, fragment):
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)
    lines = (root / "config/studies/controlled.yaml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(text.split(":")[0] + ":")]
    (tmp_path / "mine.yaml").write_text("\n".join([*kept, text]))
    with pytest.raises(ConfigError, match=r"mine\.yaml: ") as caught:
        study_files.read("mine")
    assert fragment in str(caught.value)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e-5", 1e-5),
        ("1.0e-5", 1e-5),
        ("1E-5", 1e-5),
        ("2.5e3", 2500.0),
        ("1e5", 100000.0),
        ("+1e+5", 1e5),
        (".5e-3", 5e-4),
        ("3.", 3.0),
    ],
)
def test_a_number_may_be_written_as_in_yaml_1_2(tmp_path, monkeypatch, root, text, number):
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)
    content = (root / "config/studies/controlled.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(content.replace("l1: 1.0e-5", f"l1: {text}"))
    run = studies.load_run({"study": "mine", "network": None, "epochs": None})
    found = run.conditions["l1-bn"]["lambdas"]["l1"]
    assert (type(found), found) == (float, number)


@pytest.mark.parametrize("text", ["e5", "1e", "1e-", "1e5.0", "1-e5", "0x1e5", "'1e-5'", "1e5_0"])
def test_what_only_looks_like_a_number_is_none(tmp_path, text):
    (tmp_path / "x.yaml").write_text(f"a: {text}")
    assert not isinstance(schema.read_yaml(tmp_path / "x.yaml")["a"], float)


def test_yaml_anchors_and_merges_are_fine(tmp_path):
    (tmp_path / "x.yaml").write_text("a: &a {b: 1, c: 2}\nd: {<<: *a, b: 3}\ne: *a\n")
    found = {"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}, "e": {"b": 1, "c": 2}}
    assert schema.read_yaml(tmp_path / "x.yaml") == found


def test_a_study_that_cannot_be_read(tmp_path, monkeypatch):
    def refuse(*_, **__):  # chmod would not stop a test run by root
        raise PermissionError(13, "Permission denied")

    (tmp_path / "x.yaml").touch()
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(ConfigError, match=r"x\.yaml: cannot be read \(Permission denied\)"):
        schema.read_yaml(tmp_path / "x.yaml")


# --- names of runs


def one_with_its_own(key, value):
    """A change that gives one condition a setting of its own."""
    return put("conditions.none-bn", {"penalty": "none", "norm": "bn", key: value})


def all_with_their_own(key, value):
    def change(content):
        for own in content["conditions"].values():
            own[key] = value

    return change


@pytest.mark.parametrize(
    ("change", "settings", "name"),
    [
        (None, {}, "mine"),
        (None, {"epochs": 25, "network": "gilf641"}, "mine"),
        (None, {"epochs": 3}, "mine-e3"),
        (None, {"epochs": 10000}, "mine-e10000"),
        (None, {"network": "ashxjain"}, "mine-ashxjain"),
        (None, {"network": "ashxjain", "epochs": 3}, "mine-ashxjain-e3"),
        (None, {"network": "ashxjain", "epochs": 25}, "mine-ashxjain"),
        (one_with_its_own("network", "ashxjain"), {}, "mine"),
        (one_with_its_own("network", "ashxjain"), {"network": "gilf641"}, "mine-gilf641"),
        (one_with_its_own("network", "ashxjain"), {"network": "ashxjain"}, "mine-ashxjain"),
        (one_with_its_own("epochs", 3), {"epochs": 25}, "mine-e25"),
        (all_with_their_own("epochs", 3), {"epochs": 3}, "mine"),
        (all_with_their_own("network", "ashxjain"), {"network": "ashxjain"}, "mine"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # a function's text differs between processes
)
def test_what_changes_a_condition_changes_the_runs_name_and_the_name_says_all(study, change, settings, name):
    run = study(change or (lambda content: None), **settings)
    assert run.name == name
    assert studies.load_named_run(name) == run


def test_a_renamed_run_has_no_published_results(study):
    for settings, kept in (({"epochs": 25}, True), ({"epochs": 3}, False), ({"network": "ashxjain"}, False)):
        run = study(lambda content: content.update(published=published_block(), readme=[README_ENTRY]), **settings)
        assert (run.published is not None, run.readme != []) == (kept, kept)


@pytest.mark.parametrize(
    ("existing", "settings", "key"),
    [
        ("mine-ashxjain", {"network": "ashxjain"}, "network"),
        ("mine-e3", {"epochs": 3}, "epochs"),
        ("mine-ashxjain-e3", {"network": "ashxjain", "epochs": 3}, "epochs"),
        # That study with epochs=3 has the same name.
        ("mine-ashxjain", {"network": "ashxjain", "epochs": 3}, "network"),
    ],
)
def test_no_run_is_named_as_another_study_or_a_run_of_it(study, tmp_path, existing, settings, key):
    (tmp_path / f"{existing}.yaml").write_text("x")
    message = rf"key '{key}': found .?{settings[key]}.?, .*rename \S*/{existing}\.yaml, or leave"
    with pytest.raises(ConfigError, match=message):
        study(lambda content: None, **settings)
    assert study(lambda content: None, **dict.fromkeys(settings)).name == "mine"


@pytest.mark.parametrize(
    "name",
    ["mine-e25", "mine-gilf641", "mine-e03", "mine-e0", "mine-e10001", "mine-lenet", "mine-e3-ashxjain", "-e3", "e3"],
)
def test_a_name_that_no_configuration_gives_is_no_run(study, name):
    study(lambda content: None)
    with pytest.raises(ConfigError, match=rf"found '{name}', but there is no .*{name}\.yaml\..* Studies at hand: mine"):
        studies.load_named_run(name)


def test_a_study_that_looks_like_a_short_run_is_found_before_it(study, tmp_path):
    study(lambda content: None)
    text = (tmp_path / "mine.yaml").read_text()
    (tmp_path / "mine-e3.yaml").write_text(text.replace("epochs: 25", "epochs: 7"))
    (run,) = {studies.load_named_run("mine-e3").name}
    assert run == "mine-e3"
    assert studies.load_named_run("mine-e3").conditions["l1-bn"]["epochs"] == 7
    assert studies.load_named_run("mine-e3-ashxjain-e5").conditions["l1-bn"]["epochs"] == 5


# --- settings that belong together


def test_onecycle_defaults_spelt_out_or_left_out_are_one_condition(study):
    spelt = study(put("schedule", {"onecycle": {"max_lr": 1, "max_momentum": 0.95, "div_factor": 25}}))
    left_out = study(put("schedule", {"onecycle": {"max_lr": 1.0}}))
    assert repr(spelt.conditions) == repr(left_out.conditions)  # Snakemake compares params by their text
    defaults = inspect.signature(OneCycleLR).parameters
    for key, value in left_out.conditions["l1-bn"]["schedule"]["onecycle"].items():
        assert value == (1.0 if key == "max_lr" else defaults[key].default)


def both(optimizer, **cycle):
    def change(content):
        content["optimizer"] = {"lr": 0.1, **optimizer}
        content["schedule"] = {"onecycle": {"max_lr": 0.1, **cycle}} if cycle else {"constant": {}}

    return change


NESTEROV, NONE_AT_ALL = {"nesterov": True, "momentum": 0.9}, {"base_momentum": 0, "max_momentum": 0.0}


@pytest.mark.parametrize("cycle", [{}, {"max_momentum": 0.9}])
def test_nesterov_without_momentum_is_refused_with_its_condition(study, cycle):
    with pytest.raises(ConfigError, match=r"conditions\.none-bn: found optimizer.nesterov true with .*momentum 0; "):
        study(both({"nesterov": True, "momentum": 0}, **cycle))
    with pytest.raises(ValueError, match="Nesterov momentum requires"):  # PyTorch asks the optimizer alone
        SGD([torch.zeros(1)], lr=0.1, momentum=0, nesterov=True)


def test_nesterov_under_a_cycle_without_momentum_is_refused(study):
    with pytest.raises(ConfigError, match=r"nesterov true with schedule\.onecycle\.base_momentum 0 and max_momentum 0"):
        study(both(NESTEROV, **NONE_AT_ALL))


@pytest.mark.parametrize(
    "change",
    [
        both(NESTEROV, base_momentum=0),
        both({"nesterov": False, "momentum": 0}, **NONE_AT_ALL),
        both({"nesterov": False, "momentum": 0}),
        both(NESTEROV),
    ],
)
def test_nesterov_that_acts_and_plain_sgd_are_fine(study, change):
    study(change)


def test_a_condition_that_takes_the_momentum_from_a_nesterov_study_is_refused(study):
    def change(content):
        content["optimizer"]["nesterov"] = True
        content["conditions"]["l2-bn"]["optimizer"] = {"momentum": 0}

    with pytest.raises(ConfigError, match=r"conditions\.l2-bn: found optimizer.nesterov true"):
        study(change)


# --- optimizers


def with_optimizer(study_wide, own=None):
    def change(content):
        content["optimizer"] = study_wide
        if own is not None:
            content["conditions"]["l2-bn"]["optimizer"] = own

    return change


SGD_BLOCK, ADAMW_BLOCK = {"lr": 0.1, "momentum": 0.9, "nesterov": True}, {"name": "adamw", "lr": 0.01, "beta1": 0.8}
SGD_RESOLVED = {"name": "sgd", **SGD_BLOCK}
ADAMW_RESOLVED = {"name": "adamw", "lr": 0.01, "beta1": 0.8, "beta2": 0.999}


@pytest.mark.parametrize(
    ("study_wide", "own", "expected"),
    [
        (SGD_BLOCK, None, SGD_RESOLVED),  # the name may be left out
        ({"name": "sgd", **SGD_BLOCK}, None, SGD_RESOLVED),
        (ADAMW_BLOCK, None, ADAMW_RESOLVED),
        (SGD_BLOCK, ADAMW_BLOCK, ADAMW_RESOLVED),  # another optimizer replaces the block
        (ADAMW_BLOCK, {"name": "sgd", **SGD_BLOCK}, SGD_RESOLVED),
        (ADAMW_BLOCK, {"lr": 0.5}, {**ADAMW_RESOLVED, "lr": 0.5}),  # without a name, keys are merged
        (ADAMW_BLOCK, {"name": "adamw", "lr": 0.5}, {**ADAMW_RESOLVED, "lr": 0.5}),
        (SGD_BLOCK, {"name": "sgd", "lr": 0.5}, {**SGD_RESOLVED, "lr": 0.5}),
    ],
)
def test_a_block_of_another_optimizer_is_replaced_and_of_the_same_merged(study, study_wide, own, expected):
    resolved = study(with_optimizer(study_wide, own)).conditions["l2-bn"]["optimizer"]
    assert resolved == expected
    assert list(resolved) == list(expected)  # Snakemake compares params by their text


@pytest.mark.parametrize(
    ("study_wide", "own", "said"),
    [
        (
            ADAMW_BLOCK,
            {"momentum": 0.5},
            "l2-bn: found optimizer.momentum, which adamw does not have; its keys are lr,",
        ),
        (SGD_BLOCK, {"beta1": 0.5}, "l2-bn: found optimizer.beta1, which sgd does not have; its keys are lr, momentum"),
        (SGD_BLOCK, {"name": "adamw"}, "l2-bn: key 'optimizer.lr' is missing"),
        (ADAMW_BLOCK, {"name": "sgd", "lr": 1}, "l2-bn: key 'optimizer.momentum' is missing"),
        (SGD_BLOCK, {"name": ["adamw"]}, "key 'conditions.l2-bn.optimizer.name': found"),
    ],
)
def test_a_key_that_the_optimizer_lacks_is_refused(study, study_wide, own, said):
    with pytest.raises(ConfigError) as caught:
        study(with_optimizer(study_wide, own))
    assert said in str(caught.value)


def test_a_cycle_of_beta1_has_the_bound_of_beta1(study):
    def change(content):
        content["optimizer"] = ADAMW_BLOCK
        content["schedule"] = {"onecycle": {"max_lr": 0.1, "max_momentum": 0.99999}}

    with pytest.raises(
        ConfigError, match=r"max_momentum 0\.99999, which sets beta1 of adamw; expected at most 0\.9999"
    ):
        study(change)


def test_defaults_of_adamw_are_pytorchs(study):
    found = study(with_optimizer({"name": "adamw", "lr": 1})).conditions["l2-bn"]["optimizer"]
    assert (found["beta1"], found["beta2"]) == inspect.signature(AdamW).parameters["betas"].default


def test_cosine_has_defaults_and_one_spelling(study):
    plain = study(put("schedule", {"cosine": {}})).conditions["l1-bn"]["schedule"]
    spelt = study(put("schedule", {"cosine": {"min_lr": 0, "warmup_epochs": 0}})).conditions["l1-bn"]["schedule"]
    assert repr(plain) == repr(spelt) == "{'cosine': {'warmup_epochs': 0, 'min_lr': 0.0}}"


def test_fewer_epochs_on_the_command_line_than_of_warm_up_are_refused(study):
    with pytest.raises(ConfigError, match=r"schedule\.cosine\.warmup_epochs 3 with epochs 2"):
        study(put("schedule", {"cosine": {"warmup_epochs": 3}}), epochs=2)


@pytest.mark.parametrize(
    ("text", "found"),
    [("null", "None"), ("~", "None"), ("true", "True"), ("1e5", "100000.0"), ("1", "1")],
)
def test_a_name_that_yaml_reads_as_something_else_asks_for_quotes(tmp_path, monkeypatch, root, text, found):
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)
    content = (root / "config/studies/controlled.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(content.replace("none-bn", text))
    with pytest.raises(ConfigError) as caught:
        study_files.read("mine")
    assert "key 'conditions': " in str(caught.value)
    assert f"found {found} (to YAML it is no text: put it in quotes)" in str(caught.value)


@pytest.mark.parametrize("text", ["'null'", "nan", "001", "'1e5'", "'true'"])
def test_a_name_that_is_a_text_is_a_name_whatever_it_says(tmp_path, monkeypatch, root, text):
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)
    content = (root / "config/studies/controlled.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(content.replace("none-bn", text))
    assert next(iter(studies.load_named_run("mine").conditions)) == text.strip("'")


def test_any_key_may_be_overridden_in_a_condition(study):
    own = {
        "batch_size": 64,
        "num_splits": 4,
        "network": "ashxjain",
        "epochs": 3,
        "dropout": 0.5,
        "optimizer": {"momentum": 0.0},
        "schedule": {"step": {"step_size": 3, "gamma": 0.1}},
        "augmentation": [],
        "penalty_scope": "weights",
        "lambdas": {"l2": 1.0e-4},
    }
    run = study(put("conditions.l1l2-gbn", {"penalty": "l1l2", "norm": "gbn", **own}))
    changed, untouched = run.conditions["l1l2-gbn"], run.conditions["l1l2-bn"]
    assert {key: changed[key] for key in own if key not in ("optimizer", "lambdas")} == {
        key: own[key] for key in own if key not in ("optimizer", "lambdas")
    }
    assert changed["optimizer"] == {"name": "sgd", "lr": 0.01, "momentum": 0.0, "nesterov": False}
    assert changed["lambdas"] == {"l1": 1e-5, "l2": 1e-4, "group_l2": 0.0}
    assert (untouched["batch_size"], untouched["network"], untouched["lambdas"]["l2"]) == (128, "gilf641", 1e-5)


def test_group_l2_stands_in_for_l2(study):
    run = study(put("lambdas", {"l1": 2e-4, "group_l2": 1e-4}))
    assert run.conditions["l2-bn"]["lambdas"] == {"l1": 0.0, "l2": 0.0, "group_l2": 1e-4}
    assert run.conditions["l1-bn"]["lambdas"] == {"l1": 2e-4, "l2": 0.0, "group_l2": 0.0}


def test_another_network_gets_its_own_run_name_and_the_recipe_stays(study):
    run = study(lambda content: None, network="ashxjain", epochs=2)
    assert run.name == "mine-ashxjain-e2"
    assert {(c["network"], c["epochs"], c["dropout"]) for c in run.conditions.values()} == {("ashxjain", 2, 0.08)}
    assert study(lambda content: None, network="gilf641").name == "mine"


def test_splits_are_not_part_of_a_bn_condition(study):
    run = study(put("num_splits", 4))
    assert (run.conditions["l1-bn"]["num_splits"], run.conditions["l1-gbn"]["num_splits"]) == (1, 4)


def test_overview_separates_shared_from_own_settings(study):
    resolved = studies.resolved_settings(study(lambda content: None))
    assert resolved["shared"]["augmentation"] == "rotation (degrees 7, fill 1)"
    assert resolved["shared"]["batch_size"] == "128"
    assert resolved["own"]["l1-gbn"].startswith("penalty l1, norm gbn, num_splits 2, lambdas (l1 1e-05, l2 0, ")
