"""Damaged input files, a full disk, too little memory: one message, the earlier file kept, nothing half-written."""

import errno
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from normreg.analysis import predictions
from normreg.data import dataset
from normreg.errors import DataError
from normreg.models.build import build
from normreg.training import checkpoint
from normreg.utils import files, jobs

RUN = "digits/x/l1-bn/seed0 0123456789abcdef"


@pytest.fixture
def saved(condition, tmp_path, provenance):
    path = tmp_path / "c.pt"
    checkpoint.save(path, build(condition()), condition(), provenance())
    return path


# --- checkpoints


def test_a_flipped_bit_anywhere_in_the_weights_is_noticed(saved):
    whole = saved.read_bytes()
    with zipfile.ZipFile(saved) as parts:
        weights = [part for part in parts.infolist() if "/data/" in part.filename and part.file_size]
    assert len(weights) > 20
    for part in weights:
        name_length, extra_length = (
            whole[part.header_offset + i] + 256 * whole[part.header_offset + i + 1] for i in (26, 28)
        )
        damaged = bytearray(whole)
        damaged[part.header_offset + 30 + name_length + extra_length + part.file_size // 2] ^= 4
        saved.write_bytes(damaged)
        with pytest.raises(DataError, match=r"c\.pt: .*CRC-32 of its part .*Delete it and run the same command again"):
            checkpoint.load(saved)
    saved.write_bytes(whole)
    assert checkpoint.load(saved)["run"] == RUN


def test_a_compressed_checkpoint_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "c.pt", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", bytes(10_000_000))
    with pytest.raises(DataError, match="its parts are compressed"):
        checkpoint.load(tmp_path / "c.pt")


def test_the_file_does_not_depend_on_the_process_that_wrote_it(saved, tmp_path, condition, provenance):
    model = checkpoint.revive(saved, checkpoint.load(saved)).model
    checkpoint.save(tmp_path / "other.pt", model, condition(), provenance())
    assert (tmp_path / "other.pt").read_bytes() == saved.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"run": "digits/x/l2-bn/seed0 0"}, "holds the run digits/x/l1-bn/seed0, expected digits/x/l2-bn/seed0"),
        ({"run": "digits/x/l1-bn/seed0 0"}, "holds the run digits/x/l1-bn/seed0 under other settings"),
        ({"data_digest": "e"}, "its data_digest is d, expected e"),
    ],
)
def test_a_checkpoint_of_another_run_names_what_differs(saved, provenance, change, message):
    right = {name: provenance()[name] for name in ("run", "data_digest")}
    checkpoint.restore(saved, **right)
    with pytest.raises(DataError, match=rf"c\.pt: {message}.*Delete it"):
        checkpoint.restore(saved, **(right | change))


@pytest.mark.parametrize("weights", [{}, {"conv1.weight": 3}, "ashxjain"], ids=str)
def test_weights_that_do_not_fit_the_network(saved, condition, weights):
    content = torch.load(saved, weights_only=True)
    content["state_dict"] = build(condition(network=weights)).state_dict() if weights == "ashxjain" else weights
    torch.save(content, saved)
    with pytest.raises(DataError, match=r"c\.pt: its weights do not fit its network \(.*Delete it"):
        checkpoint.revive(saved, checkpoint.load(saved))


# --- predictions and data

LOGITS, LABELS = np.zeros((5, 10), np.float32), np.arange(5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": LOGITS + 1}, "its content was changed after it was written"),
        ({"logits": LOGITS[:, :9]}, "its content was changed after it was written"),
        ({"logits": LOGITS.reshape(10, 5)}, "its content was changed after it was written"),
        ({"labels": LABELS.astype(np.uint64)}, "its content was changed after it was written"),
        ({"labels": LABELS[::-1]}, "its content was changed after it was written"),
        ({"indices": LABELS[:3]}, "its content was changed after it was written"),
        ({"indices": np.array([None] * 5)}, "cannot be read as predictions .*pickle"),
        ({"engine": np.array("numba")}, "its content was changed after it was written"),
        ({"run": np.array(3)}, "does not say which run it belongs to"),
        ({"run": np.array("digits/x/l2-bn/seed0 0")}, "holds the run digits/x/l2-bn/seed0, expected digits/x/l1-bn"),
        ({"run": np.array("digits/x/l1-bn/seed0 0")}, "holds the run digits/x/l1-bn/seed0 under other settings"),
    ],
)
def test_predictions_edited_by_hand(tmp_path, change, message):
    predictions.save(tmp_path / "p.npz", LOGITS, LABELS, RUN, "torch")
    with np.load(tmp_path / "p.npz") as saved:
        arrays = dict(saved)
    np.savez(tmp_path / "p.npz", **(arrays | change))
    with pytest.raises(DataError, match=rf"p\.npz: .*{message}.*Delete it and run the same command again"):
        predictions.load(tmp_path / "p.npz", LABELS, RUN)


def test_predictions_of_other_images_are_refused(tmp_path):
    predictions.save(tmp_path / "p.npz", LOGITS, LABELS, RUN, "torch")
    for labels in (LABELS[::-1], LABELS[:4]):
        with pytest.raises(DataError, match=r"p\.npz: its labels are not those of the images"):
            predictions.load(tmp_path / "p.npz", labels, RUN)


def test_the_splits_of_a_file_cannot_be_exchanged(tmp_path):
    """Both splits have 5 images with the same labels, so that only the digest knows which logits are whose."""
    predictions.save(tmp_path / "p.npz", LOGITS, LABELS, RUN, "torch", (LOGITS + 1, LABELS))
    with np.load(tmp_path / "p.npz") as saved:
        arrays = dict(saved)
    moved = {name: arrays[f"holdout_{name}"] for name in ("logits", "digest")}
    np.savez(tmp_path / "p.npz", **(arrays | moved))
    with pytest.raises(DataError, match=r"p\.npz: its content was changed after it was written"):
        predictions.load(tmp_path / "p.npz", LABELS, RUN)


@pytest.mark.parametrize("kind", ["truncated", "flipped"])
def test_damaged_arrays(tmp_path, blobs, kind):
    predictions.save(tmp_path / "p.npz", np.random.default_rng(0).normal(size=(50, 10)), np.zeros(50), RUN, "torch")
    dataset.save(blobs, tmp_path / "d.npz")
    for name, load in (("p.npz", lambda path: predictions.load(path, np.zeros(50), RUN)), ("d.npz", dataset.load)):
        content = bytearray((tmp_path / name).read_bytes())
        content[300] ^= 1
        (tmp_path / name).write_bytes(content if kind == "flipped" else content[:300])
        with pytest.raises(DataError, match=rf"{name}: cannot be read as .*Delete it and run the same command again"):
            load(tmp_path / name)


def test_a_data_file_with_other_arrays(tmp_path, blobs):
    np.savez(tmp_path / "d.npz", **(vars(blobs) | {"test_labels": blobs.test_labels[::-1]}), digest=blobs.digest())
    with pytest.raises(DataError, match=r"d\.npz: its images and labels are not those that were prepared"):
        dataset.load(tmp_path / "d.npz")


# --- the machine

FULL = """
import resource, sys, io
from pathlib import Path
import numpy as np
from normreg.analysis import predictions
from normreg.data import dataset
from normreg.models.build import build
from normreg.report import html
from normreg.training import checkpoint, loop
from normreg.utils import jobs
from normreg.report import style
from matplotlib.figure import Figure
import pandas as pd
folder = Path(sys.argv[1])
blob = np.random.default_rng(0).integers(0, 255, (400, 28, 28), dtype=np.uint8)
labels = np.zeros(400, np.uint8)
data = dataset.Dataset(blob, labels, blob, labels, np.array(["x"]))
drawn = Figure()
drawn.subplots().plot([1, 2])
many = [loop.Epoch(e, *[1 / 3] * 7) for e in range(400)]
model = build({"network": "gilf641", "norm": "bn", "num_splits": 1, "dropout": 0.1})
writers = {
    "c.pt": lambda p: checkpoint.save(p, model, {}, {}),
    "m.csv": lambda p: loop.write_metrics(many, p, "r"),
    "p.npz": lambda p: predictions.save(p, blob.reshape(-1, 98)[:, :10].astype(float), np.zeros(3200), "r", "torch"),
    "d.npz": lambda p: dataset.save(data, p),
    "t.html": lambda p: html.write_page(p, "t", ["x" * 9000], {"": pd.DataFrame({"a": range(500)})}),
    "f.png": lambda p: style.save(drawn, p),
    "f.svg": lambda p: style.save(drawn, p),
}
if len(sys.argv) > 2:
    for name in writers: (folder / name).write_text("earlier")
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))  # a write past it fails with EFBIG, as one to a full disk does
for name, write in writers.items():
    try:
        with jobs.job(folder / "log"):
            write(folder / name)
    except SystemExit as end:
        assert end.code == 1
        print((folder / "log").read_text(), end="")
    else:
        print("written:", name)
"""


# A new file goes the same way: half of it would be a file too many, or half of the one that was there.
@pytest.mark.parametrize(
    "earlier", [pytest.param([], marks=pytest.mark.slow), ["earlier"]], ids=["new", "earlier file"]
)
def test_a_full_disk_is_one_message_and_keeps_the_earlier_file(root, tmp_path, earlier):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), *earlier],
        cwd=root / "workflow/scripts",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names = ["c.pt", "m.csv", "p.npz", "d.npz", "t.html", "f.png", "f.svg"]
    assert done.stdout.splitlines() == [
        f"error: {tmp_path / name}: File too large. Make room on that disk and run the same command again; earlier "
        "files are kept."
        for name in names
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["log", *(names if earlier else [])])
    assert all((tmp_path / name).read_text() == "earlier" for name in names if earlier)


@pytest.mark.parametrize(
    "allocate", [lambda: np.empty(1 << 58, np.uint8), lambda: torch.empty(1 << 50)], ids=["n", "t"]
)
def test_too_little_memory_is_said_with_what_to_do(allocate):
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        allocate()
    reason = jobs.explain(caught.value)
    assert reason is not None
    assert reason.startswith("not enough memory (")
    assert "--cores 1" in reason


def write_half(path, number):
    with files.replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError(number, "refused", str(temporary))


def test_a_folder_that_is_a_file_and_a_disk_that_is_read_only(tmp_path):
    (tmp_path / "results").write_text("x")
    with pytest.raises(OSError, match="results") as caught, files.replacing(tmp_path / "results/m.csv") as temporary:
        temporary.write_text("never")
    reason = jobs.explain(caught.value)
    assert reason is not None
    assert f"{tmp_path / 'results'}: " in reason
    assert "Make it a place this user may write to and run the same command again" in reason
    for number in (errno.EROFS, errno.EACCES):  # chmod would not stop a test run by root
        with pytest.raises(OSError, match=r"m\.csv") as caught:
            write_half(tmp_path / "m.csv", number)
        assert str(jobs.explain(caught.value)).startswith(f"{tmp_path / 'm.csv'}: refused. Make it a place")
    assert [p.name for p in tmp_path.iterdir()] == ["results"]


@pytest.mark.parametrize(
    "error", [FileNotFoundError(2, "no", "x"), RuntimeError("shape"), ValueError("x"), OSError("x")]
)
def test_other_errors_keep_their_traceback(error):
    assert jobs.explain(error) is None
