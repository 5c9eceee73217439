"""The CPU engine in a real Snakemake run: with kept kernels, recorded, and no reason to train again."""

import shutil

import pandas as pd
import pytest
import torch

from normreg.engines.numba_cpu import kernels
from normreg.engines.numba_cpu.stages import make_stages
from normreg.models.description import MNIST_LIKE
from normreg.models.networks import built_in

KERNELS = "resources/engine/kernels"
METRICS = "results/digits/tiny/l2-gbn/seed0/metrics.csv"
LOG = "logs/train/digits/tiny/l2-gbn/seed0.log"


@pytest.fixture(scope="module")
def trained(run_once, kernel_cache):
    """A condition of the tiny study trained with numba, in a new project that has its kernels."""

    def run(project):
        project.keep("l2-gbn")
        kernels.load_shared(kernel_cache)
        kernels.load_network(make_stages(built_in("gilf641"), MNIST_LIKE), kernel_cache)
        shutil.copytree(kernel_cache, project.folder / KERNELS, ignore=shutil.ignore_patterns(".*"))
        project.snakemake("results/digits/tiny/summary.csv", config=("engine=numba",))

    return run_once("engine", run)


def test_the_engine_is_recorded(trained):
    runs = trained.folder / "results/digits/tiny"
    assert torch.load(runs / "l2-gbn/seed0/checkpoint.pt", weights_only=True)["engine"] == "numba"
    assert trained.read(LOG).count("engine numba") == 1
    assert set(pd.read_csv(runs / "summary.csv")["engine"]) == {"numba"}


def test_metrics_agree_with_the_saved_models_predictions(trained):
    summary = pd.read_csv(trained.folder / "results/digits/tiny/summary.csv")
    expected = 100 * (1 - summary["mistakes"] / 891)
    assert summary["final_accuracy"].to_list() == pytest.approx(expected.to_list(), abs=1e-3)


def test_kernels_that_are_there_are_not_compiled(trained):
    assert "compiling kernels" not in trained.read(LOG)
    trained_at = (trained.folder / METRICS).stat().st_mtime
    assert all(path.stat().st_mtime < trained_at for path in (trained.folder / KERNELS).iterdir())


@pytest.mark.slow  # the tests of the engine in tests/unit compile into the folder that they name
def test_missing_kernels_are_compiled_once_and_kept(trained, tmp_path):
    copy = trained.copy(tmp_path / "copy")
    shutil.rmtree(copy.folder / "resources/engine")
    (copy.folder / METRICS).unlink()
    copy.snakemake(METRICS, config=("engine=numba",))
    made = sorted((copy.folder / KERNELS).iterdir())
    assert [path.name.partition("_")[0] for path in made] == ["network", "shared"]
    assert [copy.read(LOG).count(f"compiling kernels into {path.relative_to(copy.folder)}") for path in made] == [1, 1]


def test_neither_another_engine_nor_lost_kernels_train_again(trained, tmp_path):
    goal = "results/digits/tiny/summary.csv"
    copy = trained.copy(tmp_path / "copy")
    assert not copy.stale(goal, config=("engine=torch",))
    shutil.rmtree(copy.folder / "resources/engine")
    assert not copy.stale(goal, config=("engine=numba",))


@pytest.mark.slow  # tests/unit/test_engine_cache.py loads damaged kernels of a small module in the default suite
def test_a_training_job_compiles_damaged_kernels_again(trained, tmp_path):
    """It says so, once a file, and trains to the same numbers."""
    copy = trained.copy(tmp_path / "copy")
    (shared,) = (copy.folder / KERNELS).glob("shared_*")
    shared.write_bytes(shared.read_bytes()[:-1000])
    (copy.folder / METRICS).unlink()
    copy.snakemake(METRICS, config=("engine=numba",))
    assert copy.read(LOG).count(f"{shared.relative_to(copy.folder)} is damaged") == 1
    after, before = (
        pd.read_csv(project.folder / METRICS).drop(columns=["seconds", "digest"]) for project in (copy, trained)
    )
    pd.testing.assert_frame_equal(after, before)
