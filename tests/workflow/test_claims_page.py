"""The page of claims in real Snakemake runs: who has one, what an edit of the file reruns, and what a mistake says."""

from collections import Counter

import pandas as pd
import pytest

PAGE = "results/digits/tiny/claims.html"
CLAIMS = """
T1-lambda:
  study: tiny
  text: The L1 factor is 1e-5.
  evidence: It is in the file.
  settings: [{key: conditions.l1-bn.lambdas.l1, claimed: 1.0e-5}]
T1-l1:
  study: tiny
  text: L1 makes the loss fluctuate.
  evidence: None.
  tests: [{with: l1-bn, without: none-bn, quantity: train_loss, statistic: rises, from_epoch: 1, direction: higher}]
"""


@pytest.fixture
def claimed(go_on_once, tmp_path):
    """A project whose tiny study has claims, with its page."""

    def run(project):
        path = project.folder / "config/claims.yaml"
        path.write_text(path.read_text() + CLAIMS)
        project.snakemake(PAGE)

    return go_on_once("claimed", run).copy(tmp_path / "project")


def test_a_study_with_claims_has_a_table_and_a_page(claimed):
    table = pd.read_csv(claimed.folder / "results/digits/tiny/claims.csv")
    assert table["claim"].to_list() == ["T1-lambda", "T1-l1"]
    assert table["verdict"].to_list() == ["supported", "not testable"]
    assert table["why"][1] == "This run is on digits, the claim is about MNIST."
    assert "L1 makes the loss fluctuate." in claimed.read(PAGE)


def test_an_edit_of_the_claims_of_a_study_renews_its_page_alone(claimed):
    claimed.edit("config/claims.yaml", "L1 changes nothing.", "L1 changes a lot.")  # of another study
    assert claimed.stale() == Counter()
    claimed.edit("config/claims.yaml", "L1 makes the loss", "L1 made the loss")
    assert claimed.stale() == Counter(["judge_claims"])
    claimed.edit("config/studies/tiny.yaml", "galleries:", "margin: {accuracy: 0.2}\ngalleries:")
    stale = claimed.stale(PAGE)
    assert stale["judge_claims"] == 1
    assert not any(job.startswith("train") for job in stale)


@pytest.mark.parametrize(
    ("settings", "pages"),
    [
        (("epochs=25",), 1),
        pytest.param((), 1, marks=pytest.mark.slow),  # the test above, of the tiny study
        pytest.param(
            ("epochs=2",), 0, marks=pytest.mark.slow
        ),  # tests/unit/test_claims.py: a renamed run has no claims
    ],
)
def test_only_the_study_itself_has_the_page(claimed, settings, pages):
    """`epochs=2` is another run than the published one. ashxjain has 25 epochs."""
    assert claimed.stale(config=("study=ashxjain", *settings))["judge_claims"] == pages


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "with: l1-bn, without: none-bn, quantity: train_loss",
            "with: l9, without: none-bn, quantity: train_loss",
            "l9",
        ),
        # Each message of a wrong claim is in tests/unit/test_claims.py.
        pytest.param(
            "study: tiny\n  text: L1 makes", "study: tiny2\n  text: L1 makes", "tiny2", marks=pytest.mark.slow
        ),
        pytest.param(
            "quantity: train_loss, statistic: rises",
            "quantity: luck, statistic: rises",
            "luck",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_wrong_claim_is_one_message_before_any_job(claimed, old, new, message):
    claimed.edit("config/claims.yaml", old, new)
    done = claimed.snakemake("-n", check=False)
    assert done.returncode != 0
    assert "config/claims.yaml: key 'T1-l1." in done.stdout
    assert f"found '{message}'; expected" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_study_without_claims_has_no_page(claimed):
    done = claimed.snakemake("-n", "results/digits/controlled/claims.csv", check=False)
    assert done.returncode != 0
    assert "config/claims.yaml has no claim about the study controlled" in done.stdout
    assert "Traceback (most recent call last)" not in done.stdout


@pytest.mark.slow
def test_claims_about_settings_of_a_published_study_are_judged_on_any_data(run_once):
    def run(project):
        project.edit("config/studies/ashxjain.yaml", "\nepochs: 25", "\nepochs: 1")
        project.snakemake("results/digits/ashxjain/claims.csv", config=("study=ashxjain",))

    table = pd.read_csv(run_once("ashxjain-claims", run).folder / "results/digits/ashxjain/claims.csv")
    assert table["claim"].nunique() == 10
    settled = table[table["verdict"] != "not testable"]
    assert dict(zip(settled["claim"], settled["verdict"], strict=True)) == {
        "A4-epochs": "contradicted",
        "A4-lambda": "contradicted",
    }
