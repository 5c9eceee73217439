"""Sweeps on real Snakemake runs: a new value trains its own runs alone, and what was chosen is confirmed."""

import csv
from collections import Counter

import pytest
import yaml

from normreg.analysis import response_tables
from normreg.utils import tables

SEEDS = ("seeds=1",)
FILES = ("runs.csv", "effects.csv", "responses.csv", "chosen.csv", "response_l1.png")  # other figures cost much
SWEPT = {
    "conditions": {"none-bn": {"penalty": "none", "norm": "bn"}, "l1-bn": {"penalty": "l1", "norm": "bn"}},
    "galleries": ["none-bn"],
    "train_images": 200,
    "validation": "holdout",
    "holdout_images": 100,
    "planned_seeds": 3,
    "sweeps": {"l1": {"over": "lambdas.l1", "values": [1e-4], "conditions": ["l1-bn"]}},
}


def values(project, *numbers):
    project.change_study(sweeps={"l1": SWEPT["sweeps"]["l1"] | {"values": list(numbers)}})


def trainings(stale):
    return Counter({job: count for job, count in stale.items() if job.startswith("train ")})


@pytest.fixture(scope="module")
def swept(run_once):
    def run(project):
        project.change_study(**SWEPT)
        project.snakemake(*(f"results/digits/tiny/{name}" for name in FILES), config=SEEDS)

    return run_once("swept", run)


@pytest.fixture
def own(swept, tmp_path):
    return swept.copy(tmp_path / "project")


def rows(project, name):
    path = project.folder / "results/digits" / name
    return list(csv.DictReader(path.open(encoding="utf-8")))


def test_a_new_value_trains_its_own_runs_and_a_removed_one_none(own):
    values(own, 1e-2, 1.0)
    stale = own.stale(config=("seeds=2",))
    new = {f"train {name} {seed}" for name in ("l1-bn-l1-0p01", "l1-bn-l1-1") for seed in (0, 1)}
    assert set(trainings(stale)) == new | {"train none-bn 1", "train l1-bn 1"}
    assert sum(count for job, count in stale.items() if job.startswith("evaluate ")) == 6
    assert (own.folder / "results/digits/tiny/l1-bn-l1-1e-4/seed0/checkpoint.pt").exists()


def test_another_sweep_that_shares_a_condition_trains_it_once(own):
    other = {"over": ["lambdas.l1", "dropout"], "values": [[1e-4, 0.08], [1e-4, 0.5]], "conditions": ["l1-bn"]}
    own.change_study(sweeps=SWEPT["sweeps"] | {"both": other})
    expected = {f"train {name} 0" for name in ("l1-bn-l1-1e-4-dropout-0p5", "none-bn-dropout-0p5")}
    assert set(trainings(own.stale(config=SEEDS))) == expected


@pytest.mark.slow  # what a study takes from another is in tests/unit/test_sweeps.py, a lambda in test_staleness.py
def test_an_edit_of_a_study_reruns_what_extends_it(own):
    below = {"extends": "tiny", "sweeps": SWEPT["sweeps"]}
    (own.folder / "config/studies/below.yaml").write_text(yaml.safe_dump(below))
    config = ("seeds=[0]", "study=below")
    goals = [f"results/digits/below/{name}/seed0/checkpoint.pt" for name in ("l1-bn", "l1-bn-l1-1e-4")]
    own.snakemake(*goals, config=config)
    own.change_study(lambdas={"l1": 2e-5, "l2": 1e-5})
    assert own.stale(*goals, config=config) == {"train l1-bn 0": 1}


def test_training_saw_the_hold_out_and_effects_are_those_on_the_test_split(swept):
    """100 images of the hold-out: accuracies are whole percents. The test split of digits has 891."""
    summary = rows(swept, "tiny/summary.csv")
    assert {row["validation"] for row in summary} == {"hold-out"}
    for row in summary:
        assert float(row["final_accuracy"]) == pytest.approx(round(float(row["final_accuracy"])), abs=1e-9)
        assert float(row["test_accuracy"]) == pytest.approx(100 - 100 * int(row["mistakes"]) / 891, abs=1e-3)
    assert {row["quantity"] for row in rows(swept, "tiny/effects.csv")} == {"test_accuracy", "test_loss"}
    assert {row["train_images"] for row in rows(swept, "tiny/runs.csv")} == {"200"}


def test_the_strength_with_the_best_mean_on_the_hold_out_is_chosen(own):
    (chosen,) = rows(own, "tiny/chosen.csv")
    accuracy = {row["condition"]: float(row["final_accuracy"]) for row in rows(own, "tiny/summary.csv")}
    del accuracy["l1-bn"]  # its strength is not one of the sweep
    assert accuracy[chosen["condition"]] == max(accuracy.values())


def choose(project, condition, strength):
    """Writes another choice into the table of choices, as if the hold-out had made it."""
    path = project.folder / "results/digits/tiny/chosen.csv"
    columns = tables.read(path, response_tables.CHOSEN) | {"condition": [condition], "strength": [strength]}
    row = {name: values[0] for name, values in columns.items()}
    tables.write(path, response_tables.CHOSEN, [row])


def test_new_seeds_confirm_what_the_hold_out_chose(own):
    choose(own, "l1-bn-l1-1e-4", 1e-4)
    expected = {f"train {name} {seed}" for name in ("none-bn", "l1-bn-l1-1e-4") for seed in (1, 2, 3)}
    assert set(trainings(own.stale("confirm", config=SEEDS))) == expected


@pytest.mark.parametrize("words", [["-n", "confirm"], ["confirm"]])
def test_where_the_hold_out_chose_nothing_there_is_nothing_to_confirm(own, words):
    choose(own, "none-bn", None)
    done = own.snakemake(*words, config=SEEDS)
    assert "tiny-confirm: nothing to confirm" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (own.folder / "results/digits/tiny-confirm").exists()


@pytest.mark.slow
def test_what_the_hold_out_chose_is_trained_again_with_new_seeds(own):
    choose(own, "l1-bn-l1-1e-4", 1e-4)
    own.snakemake("confirm", config=SEEDS)
    confirmed = rows(own, "tiny-confirm/summary.csv")
    pairs = {(row["condition"], row["seed"]) for row in confirmed}
    assert pairs == {(name, seed) for name in ("none-bn", "l1-bn-l1-1e-4") for seed in ("1", "2", "3")}
    assert {row["seeds"] for row in rows(own, "tiny-confirm/effects.csv")} == {"3"}
    assert not own.stale("confirm", config=SEEDS)


def test_a_study_without_hold_out_has_nothing_to_confirm(own):
    own.change_study(validation="test", holdout_images=100)
    text = own.read("config/studies/tiny.yaml").replace("holdout_images: 100\n", "")
    (own.folder / "config/studies/tiny.yaml").write_text(text)
    done = own.snakemake("-n", "confirm", config=SEEDS, check=False)
    assert "study tiny has nothing to confirm" in done.stdout
    assert "Traceback (most recent call last)" not in done.stdout


def test_more_images_than_the_data_set_has_is_one_message(own):
    own.change_study(train_images=900)
    done = own.snakemake("-n", config=SEEDS, check=False)
    assert "found train_images 900, but the training split of digits has 806 images" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_sweep_ends_in_a_response_curve(swept):
    assert (swept.folder / "results/digits/tiny/response_l1.png").stat().st_size > 10_000
    found = rows(swept, "tiny/responses.csv")
    assert {row["verdict"] for row in found if row["level"] != "mean"} == {"too few seeds"}


SHIPPED = ("ghost-size-digits", "l1-strength-digits", "l2-strength-digits", "little-data-digits")


@pytest.mark.slow
@pytest.mark.parametrize("study", SHIPPED)
def test_a_shipped_study_for_digits_runs_to_its_response_curves(new_project, study):
    project = new_project()
    project.snakemake(config=(f"study={study}", "epochs=1"))
    folder = project.folder / f"results/digits/{study}-e1"
    (name,) = yaml.safe_load(project.read(f"config/studies/{study}.yaml"))["sweeps"]
    assert (folder / f"response_{name}.png").stat().st_size > 10_000
    found = rows(project, f"{study}-e1/responses.csv")
    assert {row["verdict"] for row in found if row["level"] != "mean"} == {"too few seeds"}
    assert not project.stale(config=(f"study={study}", "epochs=1"))
