"""Data sets of one's own in real Snakemake runs: what is trained on, what reruns, and what bad input says."""

import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

NPZ = "config/datasets/mine.yaml"
MINE, PICTURES = ("dataset=mine",), ("dataset=pictures",)
PREPARED = "resources/pictures.npz"


def make(project):
    """Two data sets: `mine` is a .npz file on which one condition trains, `pictures` is a folder that is prepared."""
    random = np.random.default_rng(1)
    pixels, labels = random.integers(0, 200, (90, 28, 28), dtype=np.uint8), np.arange(90) % 3
    pixels[:, :, 9:12] += labels[:, None, None].astype(np.uint8) * 20
    data = {"x_train": pixels[:60], "y_train": labels[:60], "x_test": pixels[60:], "y_test": labels[60:]}
    folder = project.folder
    (folder / "own").mkdir()
    np.savez_compressed(folder / "own/mine.npz", **data)
    for number in range(12):
        path = folder / f"own/pictures/{'cat' if number % 2 else 'dog'}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (28, 28, 3), dtype=np.uint8)).save(path)
    (folder / "config/datasets").mkdir(exist_ok=True)
    (folder / NPZ).write_text("npz: own/mine.npz\n")
    (folder / "config/datasets/pictures.yaml").write_text("folder: own/pictures\ntest_share: 0.5\n")
    project.keep("none-bn")
    project.snakemake("training", config=MINE)
    project.snakemake(PREPARED, config=PICTURES)


@pytest.fixture
def copy(run_once, tmp_path):
    """A copy of a project that has trained on a data set of its own."""
    return run_once("own-data", make).copy(tmp_path / "project")


def test_a_run_trains_on_the_images_of_the_file_and_on_their_own_mean(copy):
    with np.load(copy.folder / "resources/mine.npz") as prepared, np.load(copy.folder / "own/mine.npz") as own:
        assert np.array_equal(prepared["train_images"], own["x_train"])
        assert np.array_equal(prepared["test_labels"], own["y_test"])
    saved = torch.load(copy.folder / "results/mine/tiny/none-bn/seed0/checkpoint.pt", weights_only=True)
    assert saved["dataset"] == "mine"
    assert copy.stale("training", config=MINE) == Counter()
    assert copy.stale(PREPARED, config=PICTURES) == Counter()


def test_a_touch_a_comment_a_title_and_another_place_rerun_nothing(copy):
    for path in (copy.folder / "own").rglob("*"):
        path.touch()
    (copy.folder / "own").rename(copy.folder / "elsewhere")
    (copy.folder / NPZ).write_text("# A comment.\nname: My images\nnpz: elsewhere/mine.npz\n")
    copy.edit("config/datasets/pictures.yaml", "own/pictures", "elsewhere/pictures")
    assert copy.stale("training", config=MINE) == Counter()
    assert copy.stale(PREPARED, config=PICTURES) == Counter()


def test_another_content_or_another_key_prepares_and_trains_again(copy):
    again = Counter(["prepare_data", "train none-bn 0", "training"])
    shutil.copy(copy.folder / "own/mine.npz", copy.folder / "kept.npz")
    with np.load(copy.folder / "own/mine.npz") as own:
        arrays = dict(own)
    arrays["x_train"][0, 0, 0] ^= 1
    np.savez_compressed(copy.folder / "own/mine.npz", **arrays)
    assert copy.stale("training", config=MINE) == again
    shutil.copy(copy.folder / "kept.npz", copy.folder / "own/mine.npz")
    assert copy.stale("training", config=MINE) == Counter()
    (copy.folder / NPZ).write_text("npz: own/mine.npz\nnormalise: {mean: [0.5], std: [0.5]}\n")
    assert copy.stale("training", config=MINE) == again

    picture = next((copy.folder / "own/pictures/cat").iterdir())
    content = picture.read_bytes()
    Image.new("RGB", (28, 28)).save(picture)
    assert copy.stale(PREPARED, config=PICTURES) == Counter(["prepare_data"])
    picture.write_bytes(content)
    copy.edit("config/datasets/pictures.yaml", "0.5", "0.25")
    assert copy.stale(PREPARED, config=PICTURES) == Counter(["prepare_data"])


def test_bad_input_is_one_message_before_any_job_or_in_the_job_that_sees_it(copy):
    for config, message in (
        (("dataset=absent",), "found 'absent', but there is no config/datasets/absent.yaml. Data sets at hand: mnist,"),
        (MINE, "config/datasets/mine.yaml: key 'npz': "),
    ):
        (copy.folder / "own/mine.npz").write_bytes(b"no archive")
        done = copy.snakemake("-n", "training", config=config, check=False)
        assert done.returncode != 0
        assert message in done.stdout
        assert "Traceback" not in done.stdout
        assert len(done.stdout.splitlines()) < 8
    broken = sorted((copy.folder / "own/pictures/dog").iterdir())[1]
    broken.write_bytes(b"no picture")
    done = copy.snakemake(PREPARED, config=PICTURES, check=False)
    assert done.returncode != 0
    assert f"error: {broken} cannot be read as an image" in done.stdout
    assert "Error in rule prepare_data:\n" in done.stdout  # `quiet: rules` would hide it, and a job that is killed
    assert "Traceback" not in done.stdout


def test_jobs_ask_for_the_memory_of_their_images(copy):
    asked = copy.snakemake("-n", "--quiet=host", "--forceall", "training", config=MINE).stdout
    assert "mem_mb=2000" in asked
    with np.load(copy.folder / "own/mine.npz") as own:
        arrays = dict(own)
    arrays["x_train"] = np.zeros((20_000, 28, 28, 3), np.uint8)  # 47 MB
    arrays["y_train"], arrays["x_test"] = np.arange(20_000) % 3, arrays["x_train"][:30]
    np.savez_compressed(copy.folder / "own/mine.npz", **arrays)
    assert "mem_mb=2188" in copy.snakemake("-n", "--quiet=host", "training", config=MINE).stdout
