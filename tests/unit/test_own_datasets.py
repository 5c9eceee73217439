"""Data sets of one's own: what their files say, what is found in them, what is prepared, and what is refused."""

import io
import json
import os
import socket
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from own_data import arrays, describe, folder, images, prepare, refused, write_npz

from normreg.config import datasets
from normreg.data import image_folder, own, sources
from normreg.data.specs import ImageFolder, NpzFile
from normreg.errors import ConfigError, DataError

pytestmark = pytest.mark.usefixtures("place")

# --- names


def test_a_built_in_name_and_an_unknown_one_are_refused():
    assert datasets.find("mnist").name == "MNIST"
    describe("npz: a.npz\n", "mnist")
    with pytest.raises(ConfigError, match=r"config/datasets/mnist\.yaml: 'mnist' is the name of a built-in data set"):
        datasets.find("mnist")
    Path("config/datasets/mnist.yaml").unlink()
    describe("npz: a.npz\n", "birds-2")
    message = (
        r"config: key 'dataset': found 'bird-2', but there is no config/datasets/bird-2\.yaml\. Did you mean "
        r"'birds-2'\? Data sets at hand: mnist, fashion-mnist, kmnist, digits, cifar10, birds-2\."
    )
    with pytest.raises(ConfigError, match=message):
        datasets.find("bird-2")
    assert datasets.names()[-1] == "birds-2"


# --- .npz files


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int16, np.uint64, ">i4"])
@pytest.mark.parametrize("last", [(), (1,)])
def test_gray_images_of_a_file_with_each_kind_of_labels(kind, last):
    found = arrays(side=(9, 11, *last))
    found["y_train"] = found["y_train"].astype(kind).reshape(-1, *last)
    write_npz(found)
    spec = datasets.find("mine")
    assert (spec.key, spec.name, spec.shape, spec.class_names) == ("mine", "mine", (1, 9, 11), ("0", "1", "2"))
    assert (spec.train_images, spec.test_images, spec.digest, spec.normalise) == (12, 6, None, None)
    data = prepare()
    assert np.array_equal(data.train_images, found["x_train"].reshape(12, 9, 11))
    assert np.array_equal(data.test_images, found["x_test"].reshape(6, 9, 11))
    assert data.train_labels.dtype == np.uint8
    assert data.train_labels.tolist() == [0, 1, 2] * 4
    assert data.shape == (1, 9, 11)
    assert np.isnan(data.normalise).all()


def test_colour_images_as_medmnist_has_them_and_what_is_left_out(caplog):
    train, test = images(10, 28, 28, 3), images(4, 28, 28, 3)
    labels = np.array([[1], [0]] * 5, dtype=np.uint8)
    found = {"train_images": train, "val_images": test, "test_images": test}
    found |= {"train_labels": labels, "val_labels": labels[:4], "test_labels": labels[:4]}
    write_npz(found, "npz: a.npz\nname: Cells\nclasses: [healthy, ill]\n")
    with caplog.at_level("INFO", logger="normreg"):
        data = prepare()
    assert caplog.messages[0] == "mine: left out: val_images, val_labels"
    assert datasets.find("mine").name == "Cells"
    assert data.class_names.tolist() == ["healthy", "ill"]
    assert data.train_labels.tolist() == [1, 0] * 5
    for channel in range(3):
        assert np.array_equal(data.train_images[:, channel], train[..., channel])
        assert np.array_equal(data.test_images[:, channel], test[..., channel])
    assert data.shape == (3, 28, 28)


@pytest.mark.parametrize("names", [("x", "y"), ("x_train", "y_train")])
def test_a_share_of_each_class_becomes_the_test_split(names):
    labels = np.repeat([0, 1, 2], [50, 7, 1])
    pixels = images(58, 8, 8)
    np.savez("a.npz", **dict(zip(names, (pixels, labels), strict=True)))
    describe("npz: a.npz\ntest_share: 0.2\n")
    spec = datasets.find("mine")
    assert (spec.train_images, spec.test_images) == (40 + 6 + 1, 10 + 1 + 0)
    data = prepare()
    assert np.bincount(data.test_labels, minlength=3).tolist() == [10, 1, 0]
    places = {image.tobytes(): place for place, image in enumerate(pixels)}
    train, test = ([places[image.tobytes()] for image in part] for part in (data.train_images, data.test_images))
    assert sorted(train + test) == list(range(58))
    assert train == sorted(train)
    assert labels[train].tolist() == data.train_labels.tolist()
    again = own.divide(labels, 0.2)
    assert [part.tolist() for part in again] == [train, test]


def test_the_images_of_the_test_share_are_always_the_same():
    """Fixed for ever: other images would change results."""
    assert own.divide(np.arange(12) % 2, 0.3)[1].tolist() == [3, 4, 7, 10]
    assert [own.test_images(*one) for one in ((10, 0.25), (1, 0.9), (5, 0.5), (100, 0.999))] == [3, 0, 3, 99]


def test_more_than_256_classes_have_wider_labels():
    labels = np.arange(600) % 300
    write_npz(arrays(600, 600, side=(8, 8), y_train=labels, y_test=labels))
    data = prepare()
    assert (data.train_labels.dtype, len(data.class_names)) == (np.uint16, 300)
    assert np.array_equal(data.train_labels, labels)


def test_given_means_and_a_checksum():
    from hashlib import sha256

    np.savez("a.npz", **arrays(side=(9, 11, 3)))
    found = sha256(Path("a.npz").read_bytes()).hexdigest()
    given = "normalise: {mean: [0.5, 0.25, 0], std: [1, 0.5, 0.2]}"
    describe(f"npz: a.npz\nsha256: {found.upper()}\n{given}\n")
    assert prepare().normalise.tolist() == [[0.5, 0.25, 0.0], [1.0, 0.5, 0.2]]
    assert sources.content(datasets.find("mine")) == found
    describe(f"npz: a.npz\nsha256: {'0' * 64}\n")
    with pytest.raises(DataError, match=rf"a\.npz: its SHA-256 is {found}, expected 0000"):
        prepare()


def test_paths_may_be_absolute_or_of_the_home(place, monkeypatch):
    write_npz(arrays(), f"npz: {place}/a.npz\n")
    assert datasets.find("mine").train_images == 12
    monkeypatch.setenv("HOME", str(place))
    describe("npz: ~/a.npz\n")
    assert datasets.find("mine").source == NpzFile(str(place / "a.npz"), None, None)
    assert "no-such-user/a.npz: cannot be read (No such file or directory)" in refused("npz: ~no-such-user/a.npz\n")


def pickled():
    return np.array([{"a": 1}] * 12, dtype=object)


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"x_train": None}, ["x_train is missing, expected x_train and y_train and x_test and y_test"]),
        ({"y_test": None}, ["y_test is missing"]),
        ({"x_train": None, "y_train": None}, ["has the arrays x_test, y_test; expected the images and labels of"]),
        ({"train_images": images(12, 9, 11)}, ["expected one pair of x_train and y_train or train_images"]),
        ({"x_test": None, "y_test": None}, ["has no test split; give it one, or give `test_share: 0.2`"]),
        (
            {"x_train": images(12, 9, 11) / 255},
            ["x_train is float64 (12, 9, 11)", "of 0 to 1 by `np.round(255 *"],
        ),
        ({"x_train": images(12, 9, 11) / 1}, ["floats of 0 to 255 become bytes by `np.round(x).astype(np.uint8)`"]),
        ({"x_train": images(12, 9, 11).astype(int)}, ["x_train is int64", "0 to 255 become bytes by `x.astype("]),
        ({"x_train": images(12, 9, 11) > 9}, ["x_train is bool", "become bytes by `255 * x.astype(np.uint8)`"]),
        ({"x_train": pickled()}, ["x_train is Python objects (12,)", "never unpickled"]),
        ({"y_train": pickled()}, ["y_train is Python objects (12,), expected a whole number"]),
        ({"x_train": images(12, 3, 32, 32)}, ["x_train is uint8 (12, 3, 32, 32)", "the channels come last"]),
        ({"x_train": images(12, 9, 11, 4)}, ["x_train is uint8 (12, 9, 11, 4), expected images"]),
        ({"x_train": images(12, 99)}, ["x_train is uint8 (12, 99), expected images"]),
        ({"x_train": images(12, 7, 11)}, ["x_train: has 7 x 11 pixels (height x width), expected 8 to 96 each"]),
        ({"x_train": images(12, 8, 97)}, ["x_train: has 8 x 97 pixels"]),
        ({"x_train": images(0, 8, 97)}, ["x_train has 0 images"]),
        ({"x_test": images(6, 9, 12)}, ["x_test is uint8 (6, 9, 12), expected images as those of x_train"]),
        ({"x_test": images(6, 9, 11, 3)}, ["x_test is uint8 (6, 9, 11, 3), expected images as those of x_train"]),
        ({"y_train": np.arange(11) % 3}, ["y_train is int64 (11,), expected a whole number for each image", "(12,)"]),
        ({"y_train": np.eye(12, 3, dtype=int)}, ["y_train is int64 (12, 3)"]),
        ({"y_train": np.arange(12) / 1}, ["y_train is float64 (12,)"]),
        ({"y_train": np.arange(12) - 1}, ["y_train has the label -1; expected 0 and up"]),
        ({"y_train": np.full(12, 2**63, np.uint64)}, ["y_train has the label 9223372036854775808"]),
        ({"y_train": np.arange(12) % 3 + 1}, ["class '0' has no training image, but 2 test images", "count from 0"]),
        ({"y_test": np.arange(6) % 3 + 1}, ["class '3' has no training image, but 2 test images"]),
        ({"y_train": np.arange(12) + 1000}, ["has 1,012 classes, expected 2 to 1,000"]),
        ({"y_train": np.zeros(12, int), "y_test": np.zeros(6, int)}, ["has 1 class, expected 2 to 1,000"]),
        ({"y_test": np.zeros(6, int)}, ["the test split has images of 1 class, expected 2 at least"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_a_file_that_cannot_be_used_says_why(changes, fragments):
    write_npz(arrays(**changes))
    message = refused()
    assert message.startswith("config/datasets/mine.yaml: key 'npz': ")
    assert all(fragment in message for fragment in fragments), message


def test_nothing_is_unpickled(monkeypatch):
    """An array of Python objects would run code of the file's author."""

    class Trap:
        def __reduce__(self):
            return (exec, ("open('ran', 'w')",))

    trap = np.empty(12, dtype=object)
    trap[:] = [Trap() for _ in range(12)]
    for name in ("x_train", "y_train", "other"):
        write_npz(arrays(**{name: trap}))
        if name == "other":
            prepare()
        else:
            refused()
    assert not Path("ran").exists()


def test_damaged_files_are_one_message():
    write_npz(arrays())
    whole = Path("a.npz").read_bytes()
    for content, fragment in (
        (whole[:-30], "cannot be read as a .npz file"),
        (whole[: len(whole) // 2], "cannot be read as a .npz file"),
        (b"", "cannot be read as a .npz file"),
        (b"\x93NUMPY", "File is not a zip file"),
    ):
        Path("a.npz").write_bytes(content)
        assert fragment in refused("npz: a.npz\n")
    flipped = bytearray(whole)
    flipped[whole.index(b"y_train.npy") + 150] ^= 0xFF  # inside the labels
    Path("a.npz").write_bytes(flipped)
    assert "a.npz: cannot be read" in refused("npz: a.npz\n")
    Path("a.npz").unlink()
    assert "a.npz: cannot be read (No such file or directory)" in refused("npz: a.npz\n")
    Path("a.npz").mkdir()
    assert "a.npz: cannot be read (it is a folder" in refused("npz: a.npz\n")


@pytest.mark.parametrize("command", ["find", "content"])
def test_what_has_no_end_is_refused_before_it_is_opened(place, command, monkeypatch):
    """A reader of a pipe waits for ever, one of /dev/zero reads until memory ends. Both are found at a dry run."""
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(place)
        listener.bind("socket")
        for name, kind in (("pipe", "a pipe"), ("/dev/zero", "a device"), ("socket", "a socket")):
            if command == "find":
                assert f"cannot be read (it is {kind}" in refused(f"npz: {name}\n")
                continue
            write_npz(arrays())
            spec = datasets.find("mine")
            Path("a.npz").unlink()
            Path("a.npz").symlink_to(name)
            with pytest.raises(DataError, match=rf"a\.npz: cannot be read \(it is {kind}"):
                sources.content(spec)
            Path("a.npz").unlink()


def test_a_header_that_promises_more_than_there_is():
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 28, 28)})
    found = arrays()
    write_npz(found)
    with zipfile.ZipFile("a.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["x_train.npy"] = header.getvalue() + b"\0" * 100
    with zipfile.ZipFile("a.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert "x_train.npy: it says uint8 (1000000000000, 28, 28) of 784000000000000 bytes, but 100" in refused()


def test_memory_is_looked_at_before_it_is_used(monkeypatch):
    write_npz(arrays())
    folder()
    monkeypatch.setattr(own, "available", lambda: 1000)
    with pytest.raises(DataError, match=r"a\.npz: needs about 0 MiB of memory, but 0 MiB are left\. Take fewer"):
        prepare()
    describe("folder: f\n")
    with pytest.raises(DataError, match=r"/f: needs about 0 MiB of memory"):
        prepare()


def test_the_memory_that_is_left_is_that_of_the_machine_or_of_its_control_group(monkeypatch, tmp_path):
    monkeypatch.setattr(own, "_GROUP", tmp_path)
    rows = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    assert 0 < own.available() <= int(rows["MemTotal"].split()[0]) * 1024
    (tmp_path / "memory.current").write_text("900\n")
    for most, left in (("max\n", None), ("1000\n", 100)):
        (tmp_path / "memory.max").write_text(most)
        assert (own.available() == 100) is (left == 100)


def test_images_without_any_spread_are_refused_when_prepared():
    write_npz(arrays(x_train=np.full((12, 9, 11), 9, np.uint8)))
    with pytest.raises(DataError, match="channel 0: all pixels of the training images have the value 9"):
        prepare()


# --- keys


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("name: x\n", ["has neither of the keys npz and folder; expected one of them"]),
        ("npz: a.npz\nfolder: f\n", ["has both of the keys npz and folder"]),
        ("npz: a.npz\nsize: [8, 8]\n", ["key 'size' has no use with npz; leave it out"]),
        ("npz: a.npz\nchannels: 3\n", ["key 'channels' has no use with npz"]),
        ("folder: f\nsha256: " + "a" * 64, ["key 'sha256' has no use with folder"]),
        ("npzz: a\n", ["unknown key 'npzz'. Did you mean 'npz'?"]),
        ("npz: 3\n", ["key 'npz': found 3 (to YAML it is no text: put it in quotes)"]),
        ("npz: a.npz\ntest_share: 1\n", ["key 'test_share': found 1; expected the share", "below 1"]),
        ("folder: f\nsize: [32]\n", ["key 'size': found [32]; expected height and width"]),
        ("folder: f\nsize: [32, 97]\n", ["key 'size.2': found 97; expected a whole number from 8 to 96"]),
        ("folder: f\nchannels: 2\n", ["key 'channels': found 2; expected 1 (gray) or 3 (colour)"]),
        ("npz: a.npz\nclasses: [a, a]\n", ["key 'classes': found ['a', 'a']; expected the names", "different"]),
        ("npz: a.npz\nclasses: [0, 1]\n", ["key 'classes.1': found 0 (to YAML it is no text"]),
        ("npz: a.npz\nclasses: [a, b]\n", ["has labels up to 2, expected 0 to 1, because `classes` has 2 names"]),
        ("npz: a.npz\nclasses: [a, b, c, d]\n", ["class 'd' has no training image"]),
        ("npz: a.npz\nsha256: abc\n", ["key 'sha256': found 'abc'; expected the SHA-256 sum"]),
        ("npz: a.npz\nnormalise: {mean: [0.5]}\n", ["key 'normalise.std' is missing"]),
        ("npz: a.npz\nnormalise: {mean: [0.5], std: [0]}\n", ["key 'normalise.std.1': found 0"]),
        ("npz: a.npz\nnormalise: {mean: [.nan], std: [1]}\n", ["key 'normalise.mean.1': found nan"]),
        ("npz: a.npz\nnormalise: {mean: [0.5], std: [1, 1]}\n", ["'normalise.std': found 2 numbers; expected 1, one"]),
        ("- npz\n", ["the file: found ['npz']; expected a map of keys"]),
        ("npz: [\n", ["not readable as YAML"]),
    ],
)
def test_wrong_keys(text, fragments):
    np.savez("a.npz", **arrays())
    message = refused(text)
    assert all(fragment in message for fragment in fragments), message


# --- what a rerun depends on


def test_what_preparation_depends_on_is_the_content_and_not_the_place():
    folder()
    describe("folder: f\n")
    spec = datasets.find("mine")
    before, described = sources.content(spec), datasets.describe(spec)
    Path("f/train/notes.txt").write_text("left out")
    Path("f/train/cat/0.png").touch()
    Path("f").rename("g")
    describe("folder: g\nname: other\n")
    spec = datasets.find("mine")
    assert isinstance(spec.source, ImageFolder)
    assert (sources.content(spec), datasets.describe(spec)) == (before, described)
    Path("g/train/cat/0.png").rename("g/train/cat/00.png")
    assert sources.content(spec) != before
    describe("folder: g\nchannels: 1\n")
    assert datasets.describe(datasets.find("mine")) != described
    assert datasets.describe(datasets.find("digits")) is None


def test_files_that_are_as_they_were_are_not_read_again(monkeypatch):
    """Sixty thousand photographs take minutes to read, and Snakemake asks at each start."""
    folder()
    describe("folder: f\n")
    spec, memo, now = datasets.find("mine"), Path("memo.json"), time.time()
    before = sources.content(spec, memo)
    assert not memo.exists()  # a change in the same moment could leave the times as they are
    monkeypatch.setattr(time, "time", lambda: now + 60)
    assert sources.content(spec, memo) == before
    with monkeypatch.context() as blind:
        blind.setattr(image_folder, "regular_file", None)
        assert sources.content(spec, memo) == before
    for content in ("", "[1]", json.dumps({"a": "b"})):
        memo.write_text(content)
        assert sources.content(spec, memo) == before


def test_a_changed_image_is_seen_though_its_size_and_its_time_are_kept(place, monkeypatch):
    folder()
    describe("folder: f\n")
    spec, memo, file = datasets.find("mine"), Path("memo.json"), Path("f/train/cat/0.png")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    before, status, content = sources.content(spec, memo), file.stat(), bytearray(file.read_bytes())
    assert memo.exists()
    content[-20] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert sources.content(spec, memo) != before


def test_what_snakemake_reads_imports_neither_pytorch_nor_pandas(place):
    """Snakemake reads its files anew for every job."""
    import subprocess

    folder()
    describe("folder: f\n")
    code = (
        "import sys; from normreg.config import datasets; datasets.find('digits')\n"
        "assert 'numpy' not in sys.modules; datasets.find('mine')\n"
        "sys.exit(any(m in sys.modules for m in ('torch', 'torchvision', 'pandas', 'matplotlib')))"
    )
    scripts = Path(sources.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(scripts)}, check=True)
