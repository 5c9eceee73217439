"""The long table of runs: settings and quantities against the study files, worked out by hand."""

import contextlib
import io
import re

import pandas as pd
import pytest

from normreg.analysis import study_tables
from normreg.analysis import summary as summaries
from normreg.config import studies
from normreg.utils import tables

NUMBERS = {name: 1.5 for name, kind in study_tables.SUMMARY.columns.items() if kind is float}
COUNTS = {"parameters": 9436, "best_epoch": 3, "mistakes": 7, "first_epoch_at_target": None}
WHOLE = {"engine": "torch", "validation": "test", "diverged_epoch": None}


@pytest.fixture
def run_of(root, monkeypatch):
    monkeypatch.chdir(root)
    return lambda name: studies.load_run({"study": name, "network": None, "epochs": None})


def summary_of(run, seeds=(0, 1)):
    rows = []
    for name, condition in run.conditions.items():
        who = {"condition": name, **{key: condition[key] for key in ("penalty", "norm", "epochs")}}
        rest = NUMBERS | COUNTS | WHOLE
        rows += [
            who | rest | {"seed": seed, "final_accuracy": 99 + seed / 4, "run": f"x {name}{seed}"} for seed in seeds
        ]
    return pd.DataFrame(rows).astype({"first_epoch_at_target": "Int64"})


def table_of(run, dataset="mnist", seeds=(0, 1)):
    return summaries.tabulate(summary_of(run, seeds), run.conditions, dataset, run.study, run.name)


def test_a_row_has_its_place_settings_and_quantities(run_of):
    table = table_of(run_of("gilf641"))
    assert list(table["condition"])[:3] == ["none-bn", "none-bn", "l1-bn"]
    assert list(table["seed"])[:3] == [0, 1, 0]
    last = table.iloc[-1].dropna().to_dict()
    expected = {"dataset": "mnist", "study": "gilf641", "name": "gilf641", "condition": "l1l2-gbn", "seed": 1}
    expected |= {"penalty": "l1l2", "norm": "gbn", "lambdas.l1": 1e-5, "lambdas.l2": 1e-4, "lambdas.group_l2": 0.0}
    # 60,000 images in batches of 64 are 937 and a last one of 32. Two ghost batches divide both.
    expected |= {"num_splits": 2, "splits_used.full": 2, "splits_used.last": 2, "batch_size": 64}
    expected |= {"train_images": 60_000, "holdout_images": 0, "epochs": 25, "validate_every": 1, "validation": "test"}
    expected |= {"network": "gilf641", "dropout": 0.08}
    expected |= {"schedule": "onecycle", "optimizer.lr": 0.01, "parameters": 9436, "best_epoch": 3, "mistakes": 7}
    expected |= NUMBERS | {"engine": "torch", "final_accuracy": 99.25, "run": "x l1l2-gbn1"}
    assert last == expected


def test_splits_are_those_asked_for_and_those_used(run_of):
    """906 images in batches of 64 are 14 and a last one of 10, which four ghost batches do not divide, but two do."""
    table = table_of(run_of("hardayaleva5"), "digits").set_index("condition")
    columns = ["num_splits", "splits_used.full", "splits_used.last"]
    assert table.loc["none-gbn", columns].iloc[0].tolist() == [4, 4, 2]
    assert table.loc["l1-bn", columns].iloc[0].tolist() == [1, 1, 1]
    assert set(table["train_images"]) == {906}


def test_a_batch_with_all_images_may_use_fewer_splits_than_asked_for(condition):
    """One batch of 906 images, which 4 does not divide, but 3 does."""
    conditions = {"a": condition(norm="gbn", num_splits=4, batch_size=1024)}
    who = {
        "condition": "a",
        "penalty": "none",
        "norm": "gbn",
        "epochs": 2,
        "seed": 0,
        "run": "x",
        **WHOLE,
    }
    row = summaries.tabulate(pd.DataFrame([{**who, **NUMBERS, **COUNTS}]), conditions, "digits", "s", "s").iloc[0]
    assert row[["num_splits", "splits_used.full", "splits_used.last"]].tolist() == [4, 3, 3]


def test_settings_that_vary_in_a_study_are_columns(run_of):
    run = run_of("noopuragr")
    assert summaries.varying(run.conditions) == {"optimizer.momentum": float, "schedule.step.step_size": int}
    table = table_of(run, seeds=(0,)).set_index("condition")
    assert table["schedule.step.step_size"].to_dict() == {"none-bn": 3, "l1-bn": 40, "l2-bn": 3, "l1l2-bn": 3}
    assert table["optimizer.momentum"].tolist() == [0.9, 0.9, 0, 0]
    assert summaries.varying(run_of("controlled").conditions) == {}


def test_kinds_of_settings_and_cells_of_settings_that_a_condition_lacks(condition, tmp_path):
    conditions = {
        "a": condition(schedule={"step": {"step_size": 3, "gamma": 0.5}}, augmentation=[]),
        "b": condition(
            optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True}, penalty_scope="weights"
        ),
    }
    expected = {"optimizer.nesterov": str, "schedule.step.step_size": int, "schedule.step.gamma": float}
    expected |= {"augmentation.0.rotation.degrees": float, "augmentation.0.rotation.fill": int, "penalty_scope": str}
    found = summaries.varying(conditions)
    assert found == expected
    who = {"penalty": "none", "norm": "bn", "epochs": 2, "seed": 0, "run": "x", **WHOLE}
    summary = pd.DataFrame([{"condition": name, **who, **NUMBERS, **COUNTS} for name in "ab"])
    table = summaries.tabulate(summary, conditions, "digits", "s", "s-e2")
    tables.write_frame(tmp_path / "runs.csv", study_tables.runs(found), table)
    read = pd.read_csv(tmp_path / "runs.csv")
    assert read["schedule"].tolist() == ["step", "constant"]
    assert read["optimizer.nesterov"].tolist() == [False, True]
    assert read["schedule.step.step_size"].isna().tolist() == [False, True]
    assert read["augmentation.0.rotation.degrees"].isna().tolist() == [True, False]


def test_columns_keep_their_order_whatever_varies(run_of, tmp_path):
    """Tables of several studies can be put below one another."""
    headings = []
    for name in ("controlled", "noopuragr", "ashxjain"):
        run = run_of(name)
        path = tmp_path / f"{name}.csv"
        tables.write_frame(path, study_tables.runs(summaries.varying(run.conditions)), table_of(run))
        own = summaries.varying(run.conditions)
        headings.append([column for column in path.read_text().splitlines()[0].split(",") if column not in own])
    assert headings[0] == headings[1] == headings[2]
    assert headings[0][:7] == ["dataset", "study", "name", "condition", "seed", "penalty", "norm"]


def test_the_example_in_the_readme_of_results_runs(root, run_of, tmp_path, monkeypatch):
    run = run_of("controlled")
    folder = tmp_path / "results/mnist/controlled"
    folder.mkdir(parents=True)
    tables.write_frame(folder / "runs.csv", study_tables.runs({}), table_of(run))
    text = (root / "results/README.md").read_text(encoding="utf-8")
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "runs.csv" in code]
    assert len([line for line in example.splitlines() if line]) == 3
    monkeypatch.chdir(tmp_path)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(example, {})
    # Two norms and two strengths of L1. Each mean is over two conditions with final accuracies of 99 and 99.25.
    assert said.getvalue().count("99.125") == 4
