"""Published studies run on digits from their configuration alone, and what was trained is what their file says.

The runs of all five are in `make test-all`. By default `tests/unit/test_studies.py` trains every condition of every
study with the settings of its notebook, and `test_staleness.py` runs a comparison with published values.
"""

import pandas as pd
import pytest
import torch

from normreg.config import studies

STUDIES = ("gilf641", "hardayaleva5", "satyajitghana", "noopuragr", "ashxjain")
EPOCHS = dict.fromkeys(STUDIES, 25) | {"satyajitghana": 40, "noopuragr": 40}
FILES = ("published.html", "published.png", "last_five.csv")


@pytest.fixture
def results(run_once):
    """A function that gives the results of a study trained for one epoch, and compared with what it published."""

    def get(study):
        def run(project):
            file = f"config/studies/{study}.yaml"
            project.edit(file, f"\nepochs: {EPOCHS[study]}", "\nepochs: 1")
            project.edit(file, "dataset: mnist", "dataset: digits")  # else there is no comparison
            project.snakemake(config=(f"study={study}",))

        project = run_once(study, run)
        return project.folder / "results/digits" / study

    return get


@pytest.fixture
def conditions(root, monkeypatch):
    """A function that gives the conditions of a study as its file resolves them."""
    monkeypatch.chdir(root)
    return lambda study: studies.load_run({"study": study, "network": None, "epochs": 1}).conditions  # as edited above


def test_published_names_all_five_and_their_files(new_project, conditions):
    jobs = new_project().stale("published", config=("dataset=mnist",))
    trained = sum(count for job, count in jobs.items() if job.startswith("train "))
    assert trained == sum(len(conditions(study)) for study in STUDIES)
    assert jobs["compare_published"] == jobs["describe"] == 5


# Each reason why a run is not compared is in tests/unit/test_published.py.
@pytest.mark.parametrize("config", [(), pytest.param(("dataset=mnist", "epochs=2"), marks=pytest.mark.slow)])
def test_published_trains_other_runs_without_a_comparison_and_says_so(new_project, conditions, config):
    project = new_project()
    said = project.snakemake("-n", "--quiet=host", "published", config=config).stdout
    jobs = project.planned(said)
    assert sum(count for job, count in jobs.items() if job.startswith("train ")) == sum(
        len(conditions(study)) for study in STUDIES
    )
    assert "compare_published" not in jobs
    assert "compare_published" not in jobs
    for study in STUDIES:
        assert said.count(f"is not compared with the published results of {study}: ") == 1


def test_a_comparison_that_cannot_be_is_refused_with_its_reason(new_project):
    """On digits with published values of MNIST; of a study that published nothing."""
    project = new_project()
    for study, said in (("ashxjain", "those are on MNIST"), ("tiny", "Study tiny has no published results")):
        target = f"results/digits/{study}/published.html"
        done = project.snakemake("-n", target, config=(f"study={study}",), check=False)
        assert done.returncode
        assert said in done.stdout
        assert "Traceback (most recent call last)" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_a_study_runs_and_its_files_name_every_condition(results, conditions, study):
    folder, expected = results(study), conditions(study)
    assert all((folder / file).stat().st_size > 0 for file in FILES)
    assert list(pd.read_csv(folder / "summary.csv")["condition"]) == list(expected)
    assert len(pd.read_csv(folder / "last_five.csv")) == len(expected)  # one epoch each
    for name, condition in expected.items():
        checkpoint = torch.load(folder / name / "seed0/checkpoint.pt", weights_only=True)
        assert checkpoint["condition"] == condition
    comparison = pd.read_csv(folder / "published.csv")
    assert set(comparison["condition"]) == set(expected)
    readme = comparison["condition"].str.endswith("-readme")
    assert comparison.loc[readme, "published"].isna().all()
    assert comparison.loc[~readme & (comparison["quantity"] == "best_accuracy"), "published"].between(98, 100).all()


@pytest.mark.slow
@pytest.mark.parametrize(("study", "name"), [("satyajitghana", "l1-bn"), ("ashxjain", "l2-bn")])
def test_a_penalty_with_lambda_0_is_the_same_run_as_no_penalty(results, study, name):
    """satyajitghana's "l1" and ashxjain's "l2" ran without a penalty: the same seed gives the same numbers."""
    runs = [
        pd.read_csv(results(study) / chosen / "seed0/metrics.csv").drop(columns=["seconds", "run", "digest"])
        for chosen in ("none-bn", name)
    ]
    assert runs[0].equals(runs[1])
