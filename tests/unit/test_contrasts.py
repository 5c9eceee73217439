"""Which conditions may be compared, in the project's own studies and in made-up ones."""

import pandas as pd
import pytest
import torch
import yaml

from normreg.analysis import contrasts, effects
from normreg.analysis.contrasts import ConfoundedPair, find_fewer_splits
from normreg.analysis.plan import Rules
from normreg.config import factors, sizes, studies
from normreg.data.specs import DATASETS
from normreg.models.layers import GhostBatchNorm2d
from normreg.models.shapes import batch_bounds, usable_splits
from normreg.report import effects as effects_page

MNIST, DIGITS = (DATASETS[name].train_images for name in ("mnist", "digits"))


def find_contrasts(conditions):
    return contrasts.find_contrasts(conditions, MNIST)


def find_confounded(conditions):
    return contrasts.find_confounded(conditions, MNIST)


@pytest.fixture
def study(root, monkeypatch):
    """A function that gives the resolved conditions of a study of the project."""
    monkeypatch.chdir(root)
    settings = studies.check_config(yaml.safe_load((root / "config/config.yaml").read_text()))
    return lambda name: studies.load_run({**settings, "study": name}).conditions


def test_the_controlled_study_has_four_pairs_of_each_factor(study):
    found = find_contrasts(study("controlled"))
    assert [(c.factor, c.strength, c.without, c.with_factor) for c in found] == [
        ("L1", 1e-5, "none-bn", "l1-bn"),
        ("L1", 1e-5, "l2-bn", "l1l2-bn"),
        ("L1", 1e-5, "none-gbn", "l1-gbn"),
        ("L1", 1e-5, "l2-gbn", "l1l2-gbn"),
        ("L2", 1e-5, "none-bn", "l2-bn"),
        ("L2", 1e-5, "l1-bn", "l1l2-bn"),
        ("L2", 1e-5, "none-gbn", "l2-gbn"),
        ("L2", 1e-5, "l1-gbn", "l1l2-gbn"),
        ("GBN", 2, "none-bn", "none-gbn"),
        ("GBN", 2, "l1-bn", "l1-gbn"),
        ("GBN", 2, "l2-bn", "l2-gbn"),
        ("GBN", 2, "l1l2-bn", "l1l2-gbn"),
    ]
    assert len({(c.factor, c.context) for c in found}) == 3
    assert find_confounded(study("controlled")) == []


# What is wrong with the published comparisons: facts read from their notebooks. Batch 64 under GBN, and there a weight
# decay of 1e-4 with L1+L2 alone; an "L1" with lambda 0; other schedules, momenta and weight decays; weight decays of 0.
PUBLISHED = {
    "gilf641": [
        ("none-bn", "none-gbn", "batch_size 128 and 64"),
        ("l1-bn", "l1-gbn", "batch_size 128 and 64"),
        ("l2-bn", "l2-gbn", "batch_size 128 and 64"),
        ("l1l2-bn", "l1l2-gbn", "batch_size 128 and 64; lambdas.l2 1e-05 and 0.0001"),
        ("l2-gbn", "l1l2-gbn", "lambdas.l2 1e-05 and 0.0001"),
    ],
    "satyajitghana": [
        ("none-bn", "l1-bn", ""),
        ("l1-bn", "l1l2-bn", "lambdas.l1 0 and 0.005"),
        ("l1l2-bn", "l1-bn-readme", "lambdas.l1 0.005 and 0.0005"),
    ],
    "noopuragr": [
        ("none-bn", "l1-bn", "schedule.step_size 3 and 40"),
        ("none-bn", "l2-bn", "optimizer.momentum 0.9 and 0"),
        ("l1-bn", "l1l2-bn", "optimizer.momentum 0.9 and 0; schedule.step_size 40 and 3"),
        ("l2-bn", "l1l2-bn", "lambdas.l2 0.0003 and 3e-05"),
    ],
    "ashxjain": [
        ("none-bn", "l2-bn", ""),
        ("l1-bn", "l1l2-bn", ""),
        ("l1l2-bn", "l1-bn-readme", "lambdas.l1 0.0001 and 0.001"),
        ("l1l2-bn", "l2-bn-readme", "lambdas.l2 0 and 0.0005"),
    ],
    "hardayaleva5": [],
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_the_published_studies_cannot_compare(study, name):
    assert set(find_confounded(study(name))) == {ConfoundedPair(*pair) for pair in PUBLISHED[name]}


def test_no_published_gbn_of_another_batch_and_no_name_without_its_factor_is_a_pair(study):
    assert not any(c.factor == "GBN" for c in find_contrasts(study("gilf641")))
    assert find_contrasts(study("noopuragr")) == []
    assert not any(c.with_factor == "l2-bn" for c in find_contrasts(study("ashxjain")))
    assert {c.factor for c in find_contrasts(study("hardayaleva5"))} == {"L1", "group L2", "GBN"}


L1 = {"penalty": "l1", "lambdas": {"l1": 1e-3}}


@pytest.mark.parametrize("key", ["network", "batch_size", "epochs", "dropout", "optimizer", "schedule", "augmentation"])
def test_any_other_difference_spoils_a_pair(condition, key):
    other = {
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": False},
        "network": "ashxjain",
        "augmentation": [],
    }
    other |= {"schedule": {"step": {"step_size": 1, "gamma": 0.5}}}
    pair = {"a": condition(), "b": condition(**L1)}
    assert len(find_contrasts(pair)) == 1
    assert find_confounded(pair) == []
    pair["b"][key] = other.get(key, 3)
    assert find_contrasts(pair) == []
    assert [m.also.split(" ")[0].split(".")[0] for m in find_confounded(pair)] == [key]


def test_what_differs_is_said_in_words(condition):
    pair = {"a": condition(), "b": condition(**L1, augmentation=[], schedule={"onecycle": {"max_lr": 0.1}})}
    said = "augmentation rotation and none; schedule.kind constant and onecycle"
    assert find_confounded(pair) == [ConfoundedPair("a", "b", said)]


def test_settings_that_cannot_matter_do_not_spoil_a_pair(condition):
    plain = condition(num_splits=4, penalty_scope="weights")
    assert find_contrasts({"a": plain, "b": condition(**L1)})
    assert find_contrasts({"a": plain, "b": condition(norm="gbn", num_splits=2)})


def test_a_scope_matters_where_both_have_a_penalty(condition):
    pair = {"a": condition(penalty="l2", lambdas={"l2": 1e-3}), "b": condition(lambdas={"l1": 1e-3, "l2": 1e-3})}
    assert len(find_contrasts(pair)) == 1
    pair["b"]["penalty_scope"] = "weights"
    assert find_contrasts(pair) == []


def test_onecycle_overrides_rate_and_momentum(condition):
    cycle = {"schedule": {"onecycle": {"max_lr": 0.1}}}
    other = {"optimizer": {"name": "sgd", "lr": 0.7, "momentum": 0.1, "nesterov": False}}
    assert find_contrasts({"a": condition(**cycle), "b": condition(**cycle, **other, **L1)})
    assert not find_contrasts({"a": condition(), "b": condition(**other, **L1)})


def test_ghost_batch_norm_with_one_split_is_batch_norm(condition):
    pair = {"a": condition(), "b": condition(norm="gbn", num_splits=1)}
    assert find_contrasts(pair) == []
    assert find_confounded(pair) == [ConfoundedPair("a", "b", "")]


def test_a_strength_is_not_compared_with_another(condition):
    assert find_contrasts({f"l1-{i}": condition(penalty="l1", lambdas={"l1": i / 1e4}) for i in (1, 2)}) == []


@pytest.mark.parametrize("changes", [{"penalty_scope": "weights"}, {"batch_size": 8}, {"network": "ashxjain"}])
def test_pairs_of_another_context_measure_something_else(condition, changes):
    conditions = {"a": condition(), "b": condition(**L1), "c": condition(**changes), "d": condition(**L1, **changes)}
    found = find_contrasts(conditions)
    assert {c.with_factor for c in found} == {"b", "d"}
    assert len({c.context for c in found}) == 2


def test_dropout_and_augmentation_are_factors_like_penalties(condition):
    names = {"a": condition(dropout=0.0, augmentation=[]), "b": condition(dropout=0.1, augmentation=[])}
    names |= {"c": condition(dropout=0.0, augmentation=[], **L1), "d": condition(dropout=0.1, augmentation=[], **L1)}
    found = [(c.factor, c.strength, c.without, c.with_factor) for c in find_contrasts(names)]
    assert found == [
        ("L1", 1e-3, "a", "c"),
        ("L1", 1e-3, "b", "d"),
        ("dropout 0 → 0.1", 0.1, "a", "b"),
        ("dropout 0 → 0.1", 0.1, "c", "d"),
    ]
    assert len({(c.factor, c.context) for c in find_contrasts(names)}) == 2  # each effect is a mean of two pairs
    flip = condition(dropout=0.0, augmentation=[{"flip": {"probability": 0.5}}])
    (pair,) = find_contrasts({"a": names["a"], "e": flip})
    assert (pair.factor, pair.without, pair.with_factor) == ("augmentation flip", "a", "e")
    assert factors.name_of(pair.factor, pair.strength) == "augmentation flip"
    assert factors.name_of("dropout 0 → 0.1", 0.1) == "dropout 0 → 0.1"


FASTER = {"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": False}
ADAM = {"name": "adam", "lr": 0.001, "beta1": 0.9, "beta2": 0.999}


@pytest.mark.parametrize(
    ("first", "second", "said", "strength"),
    [
        ({}, {"optimizer": ADAM}, "adam instead of sgd", None),
        ({}, {"optimizer": FASTER}, "learning rate 0.05 → 0.1", None),
        ({"batch_size": 32}, {"batch_size": 64}, "batch size 32 → 64", 64),
        ({}, {"network": "small3"}, "network small3 instead of gilf641", None),
        ({"dropout": 0.1}, {"dropout": 0.3}, "dropout 0.1 → 0.3", 0.3),
        ({}, {"class_weights": "balanced"}, "class weights balanced instead of none", None),
        ({}, {"schedule": {"onecycle": {"max_lr": 0.1}}}, "onecycle instead of constant", None),
        ({"lambdas": {"l1": 1e-5}}, {"lambdas": {"l1": 1e-4}}, "L1 1e-5 → 1e-4", 1e-4),
        ({"norm": "gbn", "num_splits": 2}, {"norm": "gn", "num_groups": 4}, "GN instead of GBN", 4),
        ({}, {"norm": "ln"}, "LN", None),
        ({"lambdas": {"l1": 1e-5}}, {"lambdas": {"l1": 1e-5}, "penalty_scope": "weights"},
         "penalty scope weights instead of all", None),
    ],
)  # fmt: skip
def test_any_setting_is_compared_with_that_of_the_reference(condition, first, second, said, strength):
    conditions = {"a": condition(**first), "b": condition(**second)}
    (pair,) = contrasts.find_contrasts(conditions, MNIST, "a")
    assert (pair.without, pair.with_factor, pair.factor) == ("a", "b", said)
    assert pair.strength == pytest.approx(float("nan") if strength is None else strength, nan_ok=True)
    assert contrasts.find_confounded(conditions, MNIST, "a") == []
    assert contrasts.find_contrasts(conditions, MNIST, "b")[0].without == (
        "a" if "LN" in said or "weights balanced" in said else "b"
    )


def test_levels_are_compared_with_the_reference_alone(condition):
    sizes = {str(size): condition(batch_size=size) for size in (16, 32, 64)}
    found = contrasts.find_contrasts(sizes, MNIST, "32")
    assert [(pair.without, pair.with_factor) for pair in found] == [("32", "16"), ("32", "64")]
    crossed = {f"{n}{s}": condition(norm=n, batch_size=s) for n in ("bn", "ln") for s in (16, 32)}
    found = contrasts.find_contrasts(crossed, MNIST, "bn16")
    assert [(pair.without, pair.with_factor) for pair in found] == [
        *(("bn16", "ln16"), ("bn32", "ln32"), ("bn16", "bn32"), ("ln16", "ln32"))
    ]


def test_what_differs_from_the_reference_in_more_is_said(condition):
    conditions = {"a": condition(), "b": condition(batch_size=32, dropout=0.3)}
    assert contrasts.find_contrasts(conditions, MNIST, "a") == []
    said = "batch_size 16 and 32; dropout 0.1 and 0.3"
    assert contrasts.find_confounded(conditions, MNIST, "a") == [ConfoundedPair("a", "b", said)]


@pytest.mark.parametrize("name", [*PUBLISHED, "controlled"])
def test_a_reference_changes_nothing_in_the_projects_studies(study, name):
    conditions = study(name)
    first = next(iter(conditions))
    assert contrasts.find_contrasts(conditions, MNIST, first) == find_contrasts(conditions)
    assert contrasts.find_confounded(conditions, MNIST, first) == find_confounded(conditions)


def test_other_factors_are_no_other_context(condition):
    gbn = {"norm": "gbn", "num_splits": 2}
    conditions = {"a": condition(), "b": condition(**L1), "c": condition(**gbn), "d": condition(**L1, **gbn)}
    found = find_contrasts(conditions)
    assert [(c.factor, c.without + c.with_factor) for c in found] == [
        ("L1", "ab"),
        ("L1", "cd"),
        ("GBN", "ac"),
        ("GBN", "bd"),
    ]
    assert len({c.context for c in found if c.factor == "GBN"}) == 1


@pytest.mark.parametrize("kind", ["l2", "group_l2"])
def test_a_condition_compared_rightly_is_left_out_whichever_of_the_two_lambdas_it_has(condition, kind):
    conditions = {
        "a": condition(),
        "b": condition(penalty="l2", lambdas={kind: 1e-3}),
        "c": condition(batch_size=8),
    }
    assert [c.without + c.with_factor for c in find_contrasts(conditions)] == ["ab"]
    assert find_confounded(conditions) == []


# --- coupled and decoupled L2: two factors

ADAMW = {"optimizer": {"name": "adamw", "lr": 0.001, "beta1": 0.9, "beta2": 0.999}}
L2 = {"penalty": "l2", "lambdas": {"l2": 1e-3}}


def test_decoupled_l2_is_a_factor_of_its_own(condition):
    own = {"none": condition(**ADAMW), "l2": condition(**L2, **ADAMW), "l1": condition(**L1, **ADAMW)}
    assert [(c.factor, c.strength, c.without, c.with_factor) for c in find_contrasts(own)] == [
        ("L1", 1e-3, "none", "l1"),
        ("L2 (decoupled)", 1e-3, "none", "l2"),
    ]
    assert find_confounded(own) == []
    group = {"none": condition(**ADAMW), "l2": condition(penalty="l2", lambdas={"group_l2": 1e-3}, **ADAMW)}
    assert [c.factor for c in find_contrasts(group)] == ["group L2"]


def test_coupled_and_decoupled_l2_are_never_a_pair_nor_averaged(condition):
    four = {"a": condition(), "b": condition(**L2), "c": condition(**ADAMW), "d": condition(**L2, **ADAMW)}
    found = find_contrasts(four)
    assert [(c.factor, c.without + c.with_factor) for c in found] == [("L2", "ab"), ("L2 (decoupled)", "cd")]
    assert len({c.context for c in found}) == 2
    assert find_contrasts({"b": four["b"], "d": four["d"]}) == []
    assert find_contrasts({"a": four["a"], "d": four["d"]}) == []


def test_the_page_says_that_the_optimizers_differ(condition):
    pair = {"a": condition(), "b": condition(**L2, **ADAMW)}
    said = "optimizer.name sgd and adamw; optimizer.lr 0.05 and 0.001"
    assert find_confounded(pair) == [ConfoundedPair("a", "b", said)]
    rates = {"a": condition(**ADAMW), "b": condition(**L2, optimizer={**ADAMW["optimizer"], "beta1": 0.5})}
    assert find_confounded(rates) == [ConfoundedPair("a", "b", "optimizer.beta1 0.9 and 0.5")]


def test_onecycle_overrides_rate_and_beta1_of_adamw(condition):
    cycle = {"schedule": {"onecycle": {"max_lr": 0.1}}}
    other = {"optimizer": {"name": "adamw", "lr": 0.7, "beta1": 0.1, "beta2": 0.999}}
    assert find_contrasts({"a": condition(**cycle, **ADAMW), "b": condition(**cycle, **other, **L1)})
    assert not find_contrasts({"a": condition(**ADAMW), "b": condition(**other, **L1)})
    other["optimizer"]["beta2"] = 0.99
    assert not find_contrasts({"a": condition(**cycle, **ADAMW), "b": condition(**cycle, **other, **L1)})


def test_ghost_batch_norm_under_two_optimizers_is_measured_twice(condition):
    gbn = {"norm": "gbn", "num_splits": 2}
    four = {"a": condition(), "b": condition(**gbn), "c": condition(**ADAMW), "d": condition(**gbn, **ADAMW)}
    found = find_contrasts(four)
    assert [c.without + c.with_factor for c in found] == ["ab", "cd"]
    assert len({c.context for c in found}) == 2


# --- norms: a third one, which the project does not have


@pytest.fixture
def instance(monkeypatch):
    """The settings of a norm without ghost batches. A study has set its `num_splits` to 1."""
    monkeypatch.setattr(factors, "NORMS", {**factors.NORMS, "instance": factors.Norm("IN", "instance norm (IN)")})
    return {"norm": "instance", "num_splits": 1}


def test_a_third_norm_is_a_factor_of_its_own(condition, instance):
    conditions = {"a": condition(), "b": condition(**instance), "c": condition(norm="gbn", num_splits=2)}
    found = find_contrasts(conditions)
    assert [(c.factor, c.without, c.with_factor) for c in found] == [("IN", "a", "b"), ("GBN", "a", "c")]
    assert find_confounded(conditions) == []
    assert factors.name_of("IN", found[0].strength) == "IN"
    assert factors.norm_factor("gbn").name(2) == "GBN, 2 splits"


def test_a_third_norm_has_effects_of_penalties_of_its_own_and_is_confounded_like_any_other(condition, instance):
    conditions = {"a": condition(**instance), "b": condition(**L1, **instance), "c": condition(batch_size=8)}
    assert [(c.factor, c.without + c.with_factor) for c in find_contrasts(conditions)] == [("L1", "ab")]
    assert find_confounded(conditions) == [ConfoundedPair("a", "c", "batch_size 16 and 8")]


# --- fewer ghost batches than asked for


def ghosts(num_splits, **changes):
    return {"norm": "gbn", "num_splits": num_splits, **changes}


@pytest.mark.parametrize(
    ("batch_size", "num_splits", "images", "used", "said"),
    [
        (1024, 16, 906, (6, 6), "16 ghost batches asked for; a batch of 906 images has 6"),
        (64, 4, 906, (4, 2), "4 ghost batches asked for; the last batch of an epoch, of 10 images, has 2"),
        (128, 2, 906, (2, 2), None),
        (128, 2, 60_000, (2, 2), None),
        (64, 4, 60_000, (4, 4), None),
        (100, 2, 901, (2, 1), "2 ghost batches asked for; the last batch of an epoch, of 101 images, has 1"),
        (1024, 16, 907, (1, 1), "16 ghost batches asked for; a batch of 907 images has 1"),
    ],
)
def test_how_many_ghost_batches_an_epoch_really_has(condition, batch_size, num_splits, images, used, said):
    asked = condition(**ghosts(num_splits, batch_size=batch_size))
    found = sizes.splits_used(asked, images)
    assert (found["full"], found["last"]) == used
    lengths = [stop - start for start, stop in batch_bounds(images, batch_size)]
    assert found == {"full": usable_splits(lengths[0], num_splits), "last": usable_splits(lengths[-1], num_splits)}
    assert find_fewer_splits({"a": condition(), "b": asked}, images) == ({"b": said} if said else {})


def test_the_layer_has_the_splits_that_are_said(condition):
    """The running variance is the mean over ghost batches of their variances, so it tells their number."""
    torch.manual_seed(0)
    images = torch.rand(906, 1, 1, 1)
    layers = [GhostBatchNorm2d(1, n) for n in (16, 6, 3)]
    for layer in layers:
        layer(images)
    assert torch.equal(layers[0].running_var, layers[1].running_var)
    assert not torch.equal(layers[0].running_var, layers[2].running_var)


def test_the_strength_of_ghost_batch_norm_is_the_number_in_use(condition):
    pair = {"a": condition(batch_size=1024), "b": condition(**ghosts(16, batch_size=1024))}
    assert [c.strength for c in contrasts.find_contrasts(pair, DIGITS)] == [6]
    assert [c.strength for c in contrasts.find_contrasts(pair, MNIST)] == [16]


def test_two_numbers_of_ghost_batches_that_come_to_the_same_are_one_experiment(condition):
    """On 906 images 16 and 8 splits are both 6; on 907, a prime, any number is batch norm."""
    two = {"a": condition(**ghosts(16, batch_size=1024)), "b": condition(**ghosts(8, batch_size=1024), **L1)}
    assert [c.factor for c in contrasts.find_contrasts(two, DIGITS)] == ["L1"]
    assert contrasts.find_contrasts(two, MNIST) == []
    one = {"a": condition(batch_size=1024), "b": condition(**ghosts(16, batch_size=1024))}
    assert contrasts.find_contrasts(one, 907) == []
    assert contrasts.find_confounded(one, 907) == [ConfoundedPair("a", "b", "")]


def test_the_page_of_effects_names_them(condition, tmp_path, html_tables):
    pair = {"a": condition(batch_size=1024), "b": condition(**ghosts(16, batch_size=1024))}
    table = effects.estimate([], pd.DataFrame(), Rules({"accuracy": 0.05, "loss": 0.001}, 891, 10))
    effects_page.write(tmp_path / "e.html", "T", table, [], [], find_fewer_splits(pair, DIGITS))
    (found,) = html_tables((tmp_path / "e.html").read_text())
    assert found[1:] == [["b", "16 ghost batches asked for; a batch of 906 images has 6"]]
