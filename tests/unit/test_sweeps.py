"""Sweeps: names and settings of generated conditions, what they are compared with, and what is refused."""

import re
import textwrap

import pytest

from normreg.config import factors, sizes, studies, study_files, sweeps
from normreg.config.sizes import splits_used
from normreg.data.specs import DATASETS
from normreg.errors import ConfigError

FOUR = """\
extends: controlled
galleries: []
conditions:
  none-bn: {penalty: none, norm: bn}
  l1-bn: {penalty: l1, norm: bn}
  none-gbn: {penalty: none, norm: gbn}
  l1-gbn: {penalty: l1, norm: gbn}
"""


@pytest.fixture
def load(root, tmp_path, monkeypatch):
    """A function that loads the study `mine` from a text, beside the shipped studies."""
    for path in (root / "config/studies").glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(study_files, "STUDIES", tmp_path)

    def load_text(text, name="mine", **config):
        (tmp_path / f"{name}.yaml").write_text(textwrap.dedent(text), encoding="utf-8")
        return studies.load_run({"study": name, "network": None, "epochs": None} | config)

    return load_text


def swept(load, block, **config):
    return load(f"{FOUR}sweeps:\n  s: {block}\n", **config)


def points(run):
    return [[point.condition for point in curve.points] for sweep in run.sweeps for curve in sweep.curves]


# --- extends


def test_a_study_takes_the_settings_of_another_and_replaces_some(load):
    own = load("extends: controlled\nepochs: 3\nlambdas: {l1: 0.5}\noptimizer: {lr: 0.3}\n")
    above = load("extends: controlled\n", "plain")
    assert above.conditions == studies.load_named_run("controlled").conditions
    assert above.margin == studies.load_named_run("controlled").margin
    assert own.conditions["l1-bn"]["lambdas"] == {"l1": 0.5, "l2": 0.0, "group_l2": 0.0}
    assert own.conditions["l1l2-bn"]["lambdas"]["l2"] == above.conditions["l1l2-bn"]["lambdas"]["l2"]
    assert own.conditions["l1-bn"]["optimizer"] == {"name": "sgd", "lr": 0.3, "momentum": 0.9, "nesterov": False}
    assert own.conditions["l1-bn"]["epochs"] == 3


def test_a_study_that_names_another_optimizer_replaces_the_block(load):
    load("extends: controlled\noptimizer: {name: adamw, lr: 0.3, beta2: 0.99}\n", "above")
    for name, own, expected in (
        ("same", "{lr: 0.5}", {"name": "adamw", "lr": 0.5, "beta1": 0.9, "beta2": 0.99}),
        (
            "other",
            "{name: sgd, lr: 0.5, momentum: 0, nesterov: false}",
            {"name": "sgd", "lr": 0.5, "momentum": 0, "nesterov": False},
        ),
    ):
        found = load(f"extends: above\noptimizer: {own}\n", name).conditions["l1-bn"]["optimizer"]
        assert found == expected
    with pytest.raises(ConfigError, match=r"momentum, which adamw does not have"):
        load("extends: above\noptimizer: {momentum: 0.5}\n", "wrong")
    with pytest.raises(ConfigError, match=r"key 'optimizer.name': found \['adamw'\]"):
        load("extends: controlled\noptimizer: {name: [adamw], lr: 1}\n", "odd")


ADAMW = """\
extends: controlled
galleries: []
optimizer: {name: adamw, lr: 0.001}
conditions:
  none-bn: {penalty: none, norm: bn}
  l2-bn: {penalty: l2, norm: bn}
"""


def test_a_rate_and_a_decay_of_adamw_can_be_swept(load):
    run = load(
        ADAMW + "schedule: {cosine: {}}\nsweeps:\n  r: {over: optimizer.lr, values: [0.01, 0.1], conditions: [l2-bn]}\n"
        "  d: {over: lambdas.l2, values: [0.1, 0.2], conditions: [l2-bn]}\n"
    )
    assert run.conditions["l2-bn-lr-0p01"]["optimizer"]["lr"] == 0.01
    assert {name: run.conditions[name]["lambdas"]["l2"] for name in points(run)[1]} == {
        "l2-bn-l2-0p1": 0.1,
        "l2-bn-l2-0p2": 0.2,
    }


def test_optimizers_can_be_swept_with_their_rates(load):
    pairs = "{over: [optimizer.name, optimizer.lr], values: [[adamw, 0.1], [sgd, 0.5]], conditions: [none-bn]}"
    run = load(f"{FOUR}schedule: {{constant: {{}}}}\nsweeps:\n  s: {pairs}\n")
    adamw, sgd = (run.conditions[name]["optimizer"] for name in points(run)[0])
    assert adamw == {"name": "adamw", "lr": 0.1, "beta1": 0.9, "beta2": 0.999}
    assert sgd == {"name": "sgd", "lr": 0.5, "momentum": 0.9, "nesterov": False}


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("{over: optimizer.momentum, values: [0.1], conditions: [l2-bn]}", "momentum, which adamw does not have"),
        ("{over: optimizer.beta1, values: [0.1], conditions: [l2-bn]}", "beta1 has no effect .* schedule sets this"),
    ],
)
def test_what_adamw_does_not_use_cannot_be_swept(load, block, said):
    with pytest.raises(ConfigError, match=said):
        load(ADAMW + f"schedule: {{onecycle: {{max_lr: 0.1}}}}\nsweeps:\n  s: {block}\n")


def test_conditions_are_replaced_as_a_whole_and_publications_and_sweeps_are_not_inherited(load):
    load(f"{FOUR}sweeps:\n  s: {{over: dropout, values: [0.5], conditions: [l1-bn]}}\n", "above")
    assert list(load("extends: above\n").conditions) == ["none-bn", "l1-bn", "none-gbn", "l1-gbn"]
    below = load("extends: gilf641\ngalleries: []\nconditions:\n  a: {penalty: none, norm: bn}\n")
    assert list(below.conditions) == ["a"]
    assert below.published is None
    assert below.readme == []
    assert studies.load_named_run("gilf641").published


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("extends: nowhere\n", "found 'nowhere', but there is no"),
        ("extends: mine\n", "mine extends this study: mine extends mine"),
        ("extends: 3\n", "found 3; expected the name of a study"),
        ("extends: ../mine\n", "found '../mine'; expected the name of a study (lower-case letters"),
        ("extends: controlled\nlambdas: 3\n", "key 'lambdas': found 3"),
        ("extends: controlled\nepocs: 3\n", "unknown key 'epocs'. Did you mean 'epochs'?"),
        ("extends: controlled\nconditions:\n  a: {penalty: none, norm: bn}\n", "key 'galleries': found 'none-bn'"),
        ("extends: controlled\nholdout_images: 100\n", "holdout_images' has no effect with validation test"),
    ],
)
def test_what_cannot_be_extended_is_one_message(load, text, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as error:
        load(text)
    assert "mine.yaml" in str(error.value)


def test_a_circle_of_three_studies_is_named(load):
    (study_files.STUDIES / "one.yaml").write_text("extends: two\n")
    (study_files.STUDIES / "two.yaml").write_text("extends: mine\n")
    with pytest.raises(ConfigError, match="mine extends one extends two extends mine"):
        load("extends: one\n")


# --- what a sweep makes


def test_names_say_condition_key_and_value_however_the_value_is_written(load):
    run = swept(load, "{over: lambdas.l1, values: [1e-6, 0.0001, 2.5e-4, 0.02, 3], conditions: [l1-bn]}")
    assert points(run) == [["l1-bn-l1-1e-6", "l1-bn-l1-1e-4", "l1-bn-l1-2p5e-4", "l1-bn-l1-0p02", "l1-bn-l1-3"]]
    assert run.conditions["l1-bn-l1-1e-4"]["lambdas"]["l1"] == 1e-4
    assert run.declared == ("none-bn", "l1-bn", "none-gbn", "l1-gbn")
    other = swept(load, "{over: lambdas.l1, values: [1.0E-4], conditions: [l1-bn]}")
    assert points(other) == [["l1-bn-l1-1e-4"]]


def test_a_copy_differs_from_its_condition_in_the_swept_key_alone(load):
    run = swept(load, "{over: schedule.onecycle.max_lr, values: [0.2], conditions: [l1-gbn]}")
    copy, base = run.conditions["l1-gbn-max-lr-0p2"], run.conditions["l1-gbn"]
    assert copy == {**base, "schedule": {"onecycle": {**base["schedule"]["onecycle"], "max_lr": 0.2}}}


def test_equal_settings_are_one_condition_however_many_sweeps_make_them(load):
    run = load(
        FOUR
        + "sweeps:\n"
        + "  a: {over: lambdas.l1, values: [1.0e-5, 1.0e-4], conditions: [l1-bn]}\n"
        + "  b: {over: [lambdas.l1, dropout], values: [[1.0e-4, 0.08], [1.0e-4, 0.5]], conditions: [l1-bn]}\n"
    )
    assert points(run) == [["l1-bn", "l1-bn-l1-1e-4"], ["l1-bn-l1-1e-4", "l1-bn-l1-1e-4-dropout-0p5"]]


def test_two_keys_move_together_and_a_grid_crosses_them(load):
    pairs = swept(load, "{over: [train_images, epochs], values: [[300, 8], [all, 5]], conditions: [none-bn]}")
    assert points(pairs) == [["none-bn-train-images-300-epochs-8", "none-bn-train-images-all-epochs-5"]]
    small, whole = (pairs.conditions[name] for name in points(pairs)[0])
    assert (small["train_images"], small["epochs"], whole["train_images"], whole["epochs"]) == (300, 8, "all", 5)
    grid = swept(load, "{grid: {lambdas.l1: [1e-4, 1e-3], dropout: [0.1, 0.2]}, conditions: [l1-bn]}")
    assert [point.values for point in grid.sweeps[0].curves[0].points] == [
        (1e-4, 0.1),
        (1e-4, 0.2),
        (1e-3, 0.1),
        (1e-3, 0.2),
    ]


def test_the_reference_of_a_strength_lacks_the_factor_and_is_equal_otherwise(load):
    run = swept(load, "{over: lambdas.l1, values: [1e-4], conditions: [l1-bn, l1-gbn]}")
    found = factors.references(["l1-bn-l1-1e-4", "l1-gbn-l1-1e-4"], ["lambdas.l1"], run.conditions)
    assert found == {"l1-bn-l1-1e-4": "none-bn", "l1-gbn-l1-1e-4": "none-gbn"}
    run = swept(load, "{over: num_splits, values: [2, 4], conditions: [none-gbn, l1-gbn]}")
    found = factors.references(["none-gbn", "l1-gbn-num-splits-4"], ["num_splits"], run.conditions)
    assert found == {"none-gbn": "none-bn", "l1-gbn-num-splits-4": "l1-bn"}


def test_a_number_that_one_condition_can_lack_is_a_strength_and_its_reference_is_made(load):
    run = swept(load, "{over: dropout, values: [0.1, 0.5], conditions: [l1-bn]}")
    (sweep,), (copies,) = run.sweeps, points(run)
    assert sweep.strengths == ("dropout",)
    made = factors.references(copies, sweep.strengths, run.conditions)
    assert made == dict.fromkeys(copies, "l1-bn-dropout-0")
    assert run.conditions["l1-bn-dropout-0"] == {**run.conditions["l1-bn"], "dropout": 0.0}
    own = load(f"{FOUR}dropout: 0.0\nsweeps:\n  s: {{over: dropout, values: [0.1], conditions: [l1-bn]}}\n")
    assert factors.references(points(own)[0], ["dropout"], own.conditions) == {"l1-bn-dropout-0p1": "l1-bn"}
    smoothed = swept(load, "{over: label_smoothing, values: [0.1], conditions: [none-bn]}")
    assert factors.references(points(smoothed)[0], smoothed.sweeps[0].strengths, smoothed.conditions) == {
        "none-bn-label-smoothing-0p1": "none-bn"
    }


@pytest.mark.parametrize(
    "block",
    [
        "{over: dropout, values: [0.1, 0.5], conditions: [none-bn, l1-bn]}",  # does L1 help at each?
        "{over: batch_size, values: [64, 256], conditions: [none-bn]}",  # which nothing lacks
        "{over: [dropout, epochs], values: [[0.1, 3]], conditions: [none-bn]}",
    ],
)
def test_other_sweeps_have_no_strength_and_make_no_reference(load, block):
    run = swept(load, block)
    assert run.sweeps[0].strengths == ()
    assert set(run.conditions) == set(run.declared) | {name for copies in points(run) for name in copies}


def test_where_another_key_varies_too_the_reference_is_made(load):
    run = swept(load, "{grid: {lambdas.l1: [1e-4, 1e-3], dropout: [0.1]}, conditions: [l1-bn]}")
    copies = points(run)[0]
    assert factors.references(copies, ["lambdas.l1"], run.conditions) == dict.fromkeys(copies, "none-bn-dropout-0p1")


def test_a_sweep_survives_the_way_to_a_job(load):
    from dataclasses import asdict

    run = swept(load, "{over: [train_images, epochs], values: [[300, 8], [all, 5]], conditions: [none-bn, l1-bn]}")
    assert tuple(map(sweeps.from_plain, map(asdict, run.sweeps))) == run.sweeps


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("{over: lambdas.l1, values: [1e-6], conditions: [none-bn]}", "lambdas.l1 has no effect on this condition"),
        ("{over: num_splits, values: [4], conditions: [l1-bn]}", "num_splits has no effect on this condition"),
        ("{over: optimizer.lr, values: [0.2], conditions: [l1-bn]}", "its schedule sets this itself"),
        ("{over: lambdas.l1, values: [-1], conditions: [l1-bn]}", "found -1; expected a number from 0"),
        ("{over: lambdas.l3, values: [1], conditions: [l1-bn]}", "unknown key"),
        ("{over: dropout, values: [much], conditions: [l1-bn]}", "found 'much'; expected a probability"),
        ("{over: schedule.step.gamma, values: [0.1], conditions: [l1-bn]}", "has no key 'schedule.step.gamma'"),
        ("{over: dropout.rate, values: [0.1], conditions: [l1-bn]}", "has no key 'dropout.rate'"),
        ("{over: dropout, values: [0.1, 0.10], conditions: [l1-bn]}", "dropout 0.1 is there twice"),
        ("{over: lambdas.l1, values: [0], conditions: [l1-bn]}", "makes none-bn, to which the others are compared"),
        ("{over: dropout, values: [0, 0.1], conditions: [l1-bn]}", "makes l1-bn-dropout-0, to which the others are"),
        ("{over: num_splits, values: [3], conditions: [none-gbn]}", "batch_size 128 is not divisible by num_splits 3"),
        ("{over: dropout, values: [0.1], conditions: [l2-bn]}", "key 'sweeps.s.conditions': found 'l2-bn'"),
        ("{over: dropout, values: [], conditions: [l1-bn]}", "expected a list of 1 to 100 values"),
        ("{ovr: dropout, values: [1], conditions: [l1-bn]}", "unknown key 'sweeps.s.ovr'. Did you mean 'over'?"),
        ("{over: dropout, conditions: [l1-bn]}", "expected over, values and conditions; or grid and conditions"),
        ("{over: [dropout, epochs], values: [[0.1]], conditions: [l1-bn]}", "expected 2 values together"),
        ("{over: dropout, values: [[0.1, 3]], conditions: [l1-bn]}", "expected one value"),
    ],
)
def test_a_wrong_sweep_is_one_message_that_names_it(load, block, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as error:
        swept(load, block)
    assert "mine.yaml" in str(error.value)
    assert "sweeps.s" in str(error.value)


def test_a_strength_without_its_reference_is_refused(load):
    text = FOUR.replace("  none-gbn: {penalty: none, norm: gbn}\n", "")
    with pytest.raises(ConfigError, match=r"no condition of this study equals l1-gbn-l1-1e-4 without lambdas\.l1"):
        load(f"{text}sweeps:\n  s: {{over: lambdas.l1, values: [1e-4], conditions: [l1-gbn]}}\n")


def test_a_name_that_another_condition_has_is_refused(load):
    text = FOUR.replace("l1-gbn:", "l1-bn-l1-1e-4:")
    with pytest.raises(ConfigError, match="would be called l1-bn-l1-1e-4, but that is another condition"):
        load(f"{text}sweeps:\n  s: {{over: lambdas.l1, values: [1e-4], conditions: [l1-bn]}}\n")


def test_more_than_500_conditions_are_refused(load):
    values = ", ".join(f"{n}e-7" for n in range(101, 200))
    grid = f"{{grid: {{lambdas.l1: [{values}], dropout: [0.1, 0.2, 0.3, 0.4, 0.5]}}, conditions: [l1-bn]}}"
    with pytest.raises(ConfigError, match="the sweeps make 504 conditions; expected 500 at most"):
        swept(load, grid)


def test_a_configuration_that_takes_away_what_is_varied_is_refused(load):
    block = "{over: epochs, values: [3, 4], conditions: [l1-bn]}"
    with pytest.raises(ConfigError, match="the sweep 's' varies epochs, and with this --config"):
        swept(load, block, epochs=2)
    pairs = "{over: [train_images, epochs], values: [[300, 8], [all, 5]], conditions: [none-bn]}"
    assert {c["epochs"] for c in swept(load, pairs, epochs=2).conditions.values()} == {2}


# --- how many images


def test_more_images_than_there_are_is_refused_with_their_number(load):
    run = load(f"{FOUR}train_images: 900\n")
    sizes.check("mine", run.conditions, DATASETS["digits"])
    run = load(f"{FOUR}train_images: 900\nvalidation: holdout\nholdout_images: 10\n")
    with pytest.raises(ConfigError, match="has 896 images without the hold-out of 10; take 896 at most, or all"):
        sizes.check("mine", run.conditions, DATASETS["digits"])
    run = load(f"{FOUR}validation: holdout\n")
    with pytest.raises(ConfigError, match="'holdout_images': found 5000, but the training split of digits has 906"):
        sizes.check("mine", run.conditions, DATASETS["digits"])


def test_ghost_batches_are_those_of_the_images_that_are_left(load):
    """129 images in batches of 128: the last image joins the batch before it, and 129 has no half."""
    run = load(f"{FOUR}train_images: 129\n")
    assert splits_used(run.conditions["none-gbn"], 60_000) == {"full": 1, "last": 1}
    assert splits_used(run.conditions["none-gbn"] | {"train_images": 128}, 60_000) == {"full": 2, "last": 2}


def test_every_shipped_sweep_loads_and_fits_its_data_set(root, monkeypatch):
    monkeypatch.chdir(root)
    names = [path.stem for path in (root / "config/studies").glob("*.yaml")]
    found = {name for name in names if studies.load_named_run(name).sweeps}
    strengths = {f"{key}-strength{size}" for key in ("l1", "l2") for size in ("", "-5k", "-digits")}
    assert found == strengths | {f"ghost-size{size}" for size in ("", "-5k", "-digits")} | {
        "little-data",
        "little-data-digits",
        "dropout-5k",
    }
    for name in found:
        data = DATASETS["digits" if name.endswith("-digits") else "mnist"]
        sizes.check(name, studies.load_named_run(name).conditions, data)


def test_the_example_in_the_documentation_loads(load, root):
    text = (root / "docs/sweeps.md").read_text(encoding="utf-8")
    run = load(text.partition("```yaml\n")[2].partition("```")[0])
    assert [sweep.name for sweep in run.sweeps] == ["l1", "size", "both"]
    assert "l1-bn-l1-1e-4" in run.conditions
    assert "none-bn-dropout-0p2" in run.conditions  # made as a reference
