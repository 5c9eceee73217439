"""The CPU engine in a real Snakemake run: compiled once, recorded, and no reason to train again."""

import shutil

import pandas as pd
import pytest
import torch


@pytest.fixture(scope="module")
def trained(run_once):
    """A condition of the tiny study trained with numba, in a new project: its kernels are compiled."""

    def run(project):
        project.keep("l2-gbn")
        project.snakemake("results/digits/tiny/summary.csv", config=("engine=numba",))

    return run_once("engine", run)


def test_the_engine_is_recorded(trained):
    runs = trained.folder / "results/digits/tiny"
    assert torch.load(runs / "l2-gbn/seed0/checkpoint.pt", weights_only=True)["engine"] == "numba"
    assert trained.read("logs/train/digits/tiny/l2-gbn/seed0.log").count("engine numba") == 1
    assert set(pd.read_csv(runs / "summary.csv")["engine"]) == {"numba"}


def test_metrics_agree_with_the_saved_models_predictions(trained):
    summary = pd.read_csv(trained.folder / "results/digits/tiny/summary.csv")
    expected = 100 * (1 - summary["mistakes"] / 891)
    assert summary["final_accuracy"].to_list() == pytest.approx(expected.to_list(), abs=1e-3)


def test_kernels_are_compiled_once_and_kept(trained):
    kernels = trained.folder / "resources/engine/kernels"
    assert sorted(path.name.partition("_")[0] for path in kernels.iterdir()) == ["network", "shared"]
    first_training = min((trained.folder / "results").rglob("metrics.csv"), key=lambda path: path.stat().st_mtime)
    assert all(path.stat().st_mtime < first_training.stat().st_mtime for path in kernels.iterdir())


def test_neither_another_engine_nor_lost_kernels_train_again(trained, tmp_path):
    goal = "results/digits/tiny/summary.csv"
    copy = trained.copy(tmp_path / "copy")
    assert not copy.stale(goal, config=("engine=torch",))
    shutil.rmtree(copy.folder / "resources/engine")
    assert not copy.stale(goal, config=("engine=numba",))


@pytest.mark.slow  # tests/unit/test_engine_cache.py trains with damaged kernels in the default suite
def test_a_training_job_compiles_damaged_kernels_again(trained, tmp_path):
    """It says so, once a file, and trains to the same numbers."""
    copy = trained.copy(tmp_path / "copy")
    (shared,) = (copy.folder / "resources/engine/kernels").glob("shared_*")
    shared.write_bytes(shared.read_bytes()[:-1000])
    metrics = "results/digits/tiny/l2-gbn/seed0/metrics.csv"
    (copy.folder / metrics).unlink()
    copy.snakemake(metrics, config=("engine=numba",))
    log = copy.read("logs/train/digits/tiny/l2-gbn/seed0.log")
    assert log.count(f"{shared.relative_to(copy.folder)} is damaged") == 1
    after, before = (
        pd.read_csv(project.folder / metrics).drop(columns=["seconds", "digest"]) for project in (copy, trained)
    )
    pd.testing.assert_frame_equal(after, before)
