"""Every published study runs on digits from its configuration alone, and what it trained is what its file says."""

import pandas as pd
import pytest
import torch

CONDITIONS = {
    "gilf641": [f"{penalty}-{norm}" for norm in ("bn", "gbn") for penalty in ("none", "l1", "l2", "l1l2")],
    "hardayaleva5": ["none-gbn", "l1-bn", "l2-bn", "l1l2-bn", "l1l2-gbn"],
    "satyajitghana": ["none-bn", "l1-bn", "l2-bn", "l1l2-bn", "l1-bn-readme", "l1l2-bn-readme"],
    "noopuragr": ["none-bn", "l2-bn", "l1-bn", "l1l2-bn"],
    "ashxjain": [
        *("none-bn", "l1-bn", "l2-bn", "l1l2-bn", "none-gbn", "l1l2-gbn"),
        *("l1-bn-readme", "l2-bn-readme", "l1l2-bn-readme", "l1l2-gbn-readme"),
    ],
}
FILES = ("published.html", "published.png", "small_multiples_accuracy.png", "validation_loss.svg", "last_five.csv")


@pytest.fixture(scope="module")
def studies(new_project):
    """All five studies trained for one epoch on digits, and compared with what they published."""
    project = new_project()
    targets = [f"results/digits/{study}/{file}" for study in CONDITIONS for file in FILES]
    project.snakemake(*targets, config=("epochs=1",))
    return project.folder / "results/digits"


def test_published_names_all_five_and_their_files(new_project):
    jobs = new_project().stale("published")
    trained = sum(count for job, count in jobs.items() if job.startswith("train "))
    assert trained == sum(map(len, CONDITIONS.values()))
    assert jobs["compare_published"] == jobs["plot_published"] == jobs["list_layers"] == 5


@pytest.mark.parametrize("study", CONDITIONS)
def test_the_conditions_of_a_study_and_its_files(studies, study):
    summary = pd.read_csv(studies / study / "summary.csv")
    assert sorted(summary["condition"]) == sorted(CONDITIONS[study])
    assert all((studies / study / file).stat().st_size > 0 for file in FILES)
    comparison = pd.read_csv(studies / study / "published.csv")
    assert set(comparison["condition"]) == set(CONDITIONS[study])
    readme = comparison["condition"].str.endswith("-readme")
    assert comparison.loc[readme, "published"].isna().all()
    assert comparison.loc[~readme & (comparison["quantity"] == "best_accuracy"), "published"].between(98, 100).all()
    last = pd.read_csv(studies / study / "last_five.csv")
    assert len(last) == len(CONDITIONS[study])  # one epoch each


@pytest.mark.parametrize(
    ("study", "condition", "expected"),
    [
        ("gilf641", "none-bn", {"batch_size": 128, "norm": "bn"}),
        ("gilf641", "l1l2-gbn", {"batch_size": 64, "num_splits": 2}),
        ("hardayaleva5", "none-gbn", {"batch_size": 64, "num_splits": 4}),
        ("satyajitghana", "l1l2-bn", {"batch_size": 128, "penalty": "l1l2"}),
        ("noopuragr", "l2-bn", {"batch_size": 32}),
    ],
)
def test_a_checkpoint_carries_the_overrides_it_was_trained_with(studies, study, condition, expected):
    checkpoint = torch.load(studies / study / condition / "seed0/checkpoint.pt", weights_only=True)
    assert expected.items() <= checkpoint["condition"].items()


def test_a_penalty_with_lambda_0_is_the_same_run_as_no_penalty(studies):
    """satyajitghana's "l1" and ashxjain's "l2" ran without a penalty: the same seed gives the same numbers."""
    for study, name in (("satyajitghana", "l1-bn"), ("ashxjain", "l2-bn")):
        runs = [
            pd.read_csv(studies / study / n / "seed0/metrics.csv").drop(columns="seconds") for n in ("none-bn", name)
        ]
        assert runs[0].equals(runs[1])
