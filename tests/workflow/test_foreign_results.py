"""Results of another study or of other settings, on the real command line: refused before or by the job that reads."""

import shutil

import numpy as np

TINY = "results/digits/tiny"


def test_a_study_copied_under_another_name_is_refused_before_any_job(copy):
    shutil.copytree(copy.folder / TINY, copy.folder / "results/digits/mine")
    shutil.copy(copy.folder / "config/studies/tiny.yaml", copy.folder / "config/studies/mine.yaml")
    done = copy.snakemake("results/digits/mine/summary.csv", config=("study=mine",), check=False)
    assert done.returncode != 0
    said = "metrics.csv: holds the run digits/tiny/none-bn/seed0, expected digits/mine/none-bn/seed0. Delete it"
    assert f"results/digits/mine/none-bn/seed0/{said}" in done.stdout


def test_a_touch_does_not_make_results_of_other_settings_current(copy):
    copy.edit("config/studies/tiny.yaml", "epochs: 1", "epochs: 2")
    copy.snakemake("--touch", "--forceall")
    assert {f"train {name} 0" for name in ("none-bn", "l1-bn", "l2-gbn")} <= set(copy.stale())


def test_swapped_results_and_permuted_labels_are_refused_by_the_jobs_that_read_them(copy):
    for file in ("predictions.npz", "weights.csv"):
        shutil.copy(copy.folder / TINY / "none-bn/seed0" / file, copy.folder / TINY / "l1-bn/seed0" / file)
    done = copy.snakemake(f"{TINY}/summary.csv", "--forcerun", "summarise", check=False)
    assert done.returncode != 0
    said = "predictions.npz: holds the run digits/tiny/none-bn/seed0, expected digits/tiny/l1-bn/seed0"
    assert f"{TINY}/l1-bn/seed0/{said}" in done.stdout
    with np.load(copy.folder / "resources/digits.npz") as arrays:
        changed = dict(arrays)
    changed["train_labels"] = np.random.default_rng(0).permutation(changed["train_labels"])
    np.savez_compressed(copy.folder / "resources/digits.npz", **changed)
    done = copy.snakemake(f"{TINY}/none-bn/seed0/checkpoint.pt", "--forcerun", "train", check=False)
    assert "resources/digits.npz: its images and labels are not those that were prepared" in done.stdout
    assert "Traceback (most recent call last)" not in done.stdout
