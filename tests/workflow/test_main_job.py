"""The main job end to end: every promised file is there, and the files agree with each other."""

import csv
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

CONDITIONS = {"none-bn": ("none", "bn"), "l1-bn": ("l1", "bn"), "l2-gbn": ("l2", "gbn")}


@pytest.fixture(scope="module")
def results(finished):
    return finished.folder / "results/digits/tiny"


@pytest.mark.parametrize("name", CONDITIONS)
def test_metrics_checkpoint_and_predictions_of_a_condition(results, name):
    run = results / name / "seed0"
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert list(rows[0]) == [
        "epoch",
        "learning_rate",
        "train_objective",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
        "seconds",
        "data",
        "code",
        "run",
        "digest",
    ]
    assert [row["epoch"] for row in rows] == ["1"]
    penalised = float(rows[0]["train_objective"]) > float(rows[0]["train_loss"])
    assert penalised == (name == "l1-bn")  # L2 acts inside SGD and is not part of the objective

    checkpoint = torch.load(run / "checkpoint.pt", weights_only=True)
    penalty, norm = CONDITIONS[name]
    assert (checkpoint["condition"]["penalty"], checkpoint["condition"]["norm"]) == (penalty, norm)
    assert (checkpoint["seed"], checkpoint["dataset"], checkpoint["engine"]) == (0, "digits", "torch")
    assert checkpoint["versions"]["torch"] == torch.__version__

    predictions = np.load(run / "predictions.npz")
    assert predictions["logits"].shape == (891, 10)
    assert predictions["logits"].dtype == np.float32
    assert list(predictions["indices"]) == list(range(891))
    accuracy = 100 * (predictions["logits"].argmax(1) == predictions["labels"]).mean()
    assert float(rows[-1]["validation_accuracy"]) == pytest.approx(accuracy, abs=1e-5)


def test_noise_two_models_and_agreement_are_those_of_the_predictions(results):
    wrong = {}
    for name in CONDITIONS:
        with np.load(results / name / "seed0/predictions.npz") as saved:
            wrong[name] = saved["logits"].argmax(axis=1) != saved["labels"]
    noise = pd.read_csv(results / "noise.csv").set_index("quantity")
    assert list(noise.index) == ["final_accuracy", "final_loss", "test_accuracy"]  # a short study
    assert (noise.loc["test_accuracy", "test_runs"], noise["seeds"].tolist()) == (3, [1, 1, 1])
    (pair,) = pd.read_csv(results / "mcnemar.csv").to_dict("records")
    assert (pair["without"], pair["with"]) == ("none-bn", "l1-bn")
    assert pair["only_with"] == (wrong["none-bn"] & ~wrong["l1-bn"]).sum()
    assert pair["only_without"] == (~wrong["none-bn"] & wrong["l1-bn"]).sum()
    agreement = pd.read_csv(results / "agreement.csv").set_index("image")
    missed = sum(errors.astype(int) for errors in wrong.values())
    assert sorted(agreement.index) == list(np.flatnonzero(missed))
    assert (agreement["missed"] == missed[agreement.index]).all()
    assert agreement["fixed by L1 1e-5"].sum() == pair["only_with"]
    for name in ("noise.html", "mcnemar.html", "agreement.html", "agreement.png", "fixed_and_broken.png"):
        assert (results / name).stat().st_size > 1000


def test_bn_and_gbn_checkpoints_have_the_same_keys_and_shapes(results):
    shapes = [
        {key: tuple(value.shape) for key, value in torch.load(path, weights_only=True)["state_dict"].items()}
        for path in sorted(results.glob("*/seed0/checkpoint.pt"))
    ]
    assert len(shapes) == 3
    assert shapes[0] == shapes[1] == shapes[2]


def test_weights_file_matches_the_checkpoint(results):
    state = torch.load(results / "l1-bn/seed0/checkpoint.pt", weights_only=True)["state_dict"]
    table = pd.read_csv(results / "l1-bn/seed0/weights.csv").set_index("parameter")
    kernel = state["conv3.weight"].double()
    assert table.loc["conv3.weight", "elements"] == 16 * 10 * 9
    assert table.loc["conv3.weight", "l1"] == pytest.approx(kernel.abs().sum().item())
    assert table.loc["conv3.weight", "l2_squared"] == pytest.approx((kernel**2).sum().item())
    assert table.loc["conv3.weight", "share_below_0.01"] == pytest.approx((kernel.abs() < 0.01).double().mean().item())
    assert table["elements"].sum() == 9436


def test_summary_has_a_row_per_run(results, html_tables):
    summary = pd.read_csv(results / "summary.csv")
    assert list(summary["condition"]) == list(CONDITIONS)
    assert set(summary["parameters"]) == {9436}
    page = (results / "summary.html").read_text()
    (table,) = html_tables(page)
    assert {"final accuracy %", "best accuracy %"} <= set(table[0])
    assert [row[0] for row in table[1:]] == list(CONDITIONS)


def test_effects_are_the_differences_of_the_saved_runs(results, html_tables):
    """Of the three conditions two differ in one factor alone; the third differs from each in two."""
    accuracy = {
        name: float(next(csv.DictReader((results / name / "seed0/metrics.csv").open()))["validation_accuracy"])
        for name in CONDITIONS
    }
    effects = pd.read_csv(results / "effects.csv").set_index("quantity")
    row = effects.loc["final_accuracy"]  # too few epochs for the last five
    assert (row["factor"], row["without"], row["with"], row["seeds"]) == ("L1", "none-bn", "l1-bn", 1)
    assert row["difference"] == pytest.approx(accuracy["l1-bn"] - accuracy["none-bn"], abs=1e-3)
    assert row["verdict"] == "too few seeds"
    header, shown = html_tables((results / "effects.html").read_text())[0]
    assert shown[header.index("with")] == "l1-bn"


def test_layer_table_has_the_published_parameter_count(results):
    layers = pd.read_csv(results / "layers.csv")
    assert layers["parameters"].sum() == 9436
    assert "gilf641: 9,436 parameters" in (results / "layers.html").read_text()


def test_figures_are_pictures(results):
    figures = [results / name for name in ("validation_accuracy", "validation_loss", "effects")]
    figures += [results / name / kind for name in CONDITIONS for kind in ("curves", "gallery", "confusion")]
    for figure in figures:
        assert figure.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    for figure in (f for f in figures if "gallery" not in f.name and "confusion" not in f.name):
        assert "</svg>" in figure.with_suffix(".svg").read_text()


def test_every_job_left_a_log_and_training_a_benchmark(finished):
    logs = finished.folder / "logs"
    for rule in ("prepare_data", "train", "evaluate", "draw_study", "draw_condition", "summarise"):
        assert list((logs / rule).rglob("*.log")), rule
    assert "epoch 1/1, training" in finished.read("logs/train/digits/tiny/l1-bn/seed0.log")
    assert finished.read("logs/train/digits/tiny/l1-bn/seed0.tsv").startswith("s\t")


def test_nothing_half_written_or_temporary_is_left(finished):
    hidden = [p for p in finished.folder.rglob(".*") if ".snakemake" not in p.parts]
    assert hidden == []


@pytest.mark.slow  # nothing to do in copies of it: tests/workflow/test_staleness.py
def test_second_call_has_nothing_to_do(finished):
    assert not finished.stale()


@pytest.mark.slow  # tests/workflow/test_interruption.py compares the same training of two projects
def test_same_seed_gives_the_same_results_in_another_run(copy, results):
    again = copy.folder / "results/digits/tiny/l2-gbn/seed0"
    for path in again.iterdir():
        path.unlink()
    copy.snakemake("results/digits/tiny/l2-gbn/seed0/checkpoint.pt")
    first, second = (torch.load(p / "checkpoint.pt", weights_only=True) for p in (results / "l2-gbn/seed0", again))
    assert all(torch.equal(first["state_dict"][key], value) for key, value in second["state_dict"].items())
    tables = [
        pd.read_csv(p / "metrics.csv").drop(columns=["seconds", "digest"]) for p in (results / "l2-gbn/seed0", again)
    ]
    assert tables[0].equals(tables[1])


@pytest.mark.slow  # seeds: tests/unit/test_statistics.py; a new seed and another network: test_staleness.py
def test_several_seeds_and_another_network(copy, html_tables):
    copy.keep("l2-gbn")
    shutil.rmtree(copy.folder / "results/digits/tiny")
    copy.snakemake("results/digits/tiny-ashxjain/summary.html", config=("seeds=[0,3]", "network=ashxjain"))
    results = copy.folder / "results/digits/tiny-ashxjain"
    summary = pd.read_csv(results / "summary.csv")
    assert list(summary["seed"]) == [0, 3]
    assert set(summary["parameters"]) == {6765}
    first, second = html_tables((results / "summary.html").read_text())
    assert (len(first), len(second)) == (1 + 1, 1 + 2)
    assert not (copy.folder / "results/digits/tiny").exists()


def test_report_is_complete_and_shows_the_resolved_configuration(copy):
    copy.edit("workflow/report/gallery.rst", "Misclassified", "Edited caption: misclassified")
    copy.snakemake("--report", "report.html")
    report = copy.read("report.html")
    assert "Edited caption" in report
    for text in ("1 Answer", "2 Comparison", "3 Effects", "4 Mistakes", "Confusion matrices", "7 Curves"):
        assert text in report
    assert "digits (tiny)" in report
    for name in ("validation_accuracy.svg", "validation_loss.svg", "gallery.png", "confusion.png", "summary.html"):
        assert name in report
    assert "penalty l2, norm gbn, num_splits 2" in report
