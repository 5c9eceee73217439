"""A run that diverges is a result: the study goes on, says so, and does not train it again."""

import csv

import numpy as np
import pytest

DIVERGING = {"penalty": "l1", "norm": "bn", "lambdas": {"l1": 1e30}}
TARGETS = ("effects.svg", "validation_loss.svg", "l1-bn/gallery.png", "landing.fragment")


def rows(project, name):
    with (project.folder / f"results/digits/tiny/{name}").open() as file:
        return list(csv.DictReader(file))


def test_one_condition_diverges_and_the_others_are_compared(new_project):
    project = new_project()
    conditions = {"none-bn": {"penalty": "none", "norm": "bn"}, "l1-bn": DIVERGING}
    project.change_study(conditions=conditions, galleries=[], margin={"accuracy": 0.05})
    goals = [f"results/digits/tiny/{name}" for name in TARGETS]
    said = project.snakemake(*goals).stdout
    assert "tiny l1-bn seed 0: diverged in epoch 1 " in said
    assert "The likely key is lambdas.l1, which is 1e+30." in said
    assert "1 of 2 runs diverged and are left out: l1-bn 1 of 1." in said
    assert "L1 1e30: diverged in 1 of 1 runs." in said
    assert "The margin of 0.05 points is below one of the 891 test images (0.112 points)" in said.split("rule train")[0]
    none, l1 = rows(project, "summary.csv")
    assert (none["diverged_epoch"], l1["diverged_epoch"]) == ("", "1")
    assert none["final_accuracy"]
    assert l1["final_accuracy"] == ""
    assert [row["epoch"] for row in rows(project, "l1-bn/seed0/metrics.csv")] == ["1"]
    folder = project.folder / "results/digits/tiny/l1-bn/seed0"
    assert int(np.load(folder / "predictions.npz")["diverged"]) == 1
    assert not (folder / "state.pt").exists()
    assert not project.stale(*goals)


@pytest.mark.slow  # tests/unit/test_divergence.py makes all items of such a study but Snakemake's part
def test_if_all_runs_diverge_everything_is_made(new_project):
    project = new_project()
    sweeps = {"l1": {"over": "lambdas.l1", "values": [1e-5, 1e-4], "conditions": ["l1-bn"]}}
    rate = {"lr": 1e30, "momentum": 0.9, "nesterov": False}
    project.change_study(sweeps=sweeps, optimizer=rate, validation="holdout", holdout_images=100)
    assert "All 4 runs diverged." in project.snakemake().stdout
    assert not project.stale()
    assert "nothing to confirm" in project.snakemake("confirm").stdout
    assert "All 4 runs diverged." in (project.folder / "results/digits/tiny/explorer.html").read_text()
    project.snakemake("--report", "report.html")
