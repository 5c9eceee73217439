"""Data sets from a folder and from the downloader. No test needs a network, and none leaves this machine."""

import gzip
import hashlib
import http.server
import logging
import os
import pickle
import socket
import struct
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from normreg.data import idx, sources
from normreg.data.dataset import Dataset
from normreg.data.specs import DATASETS, DatasetSpec, IdxFiles
from normreg.errors import DataError

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SCRIPTS = Path(sources.__file__).parents[2]
RANDOM = np.random.default_rng(0)
ARRAYS = (
    RANDOM.integers(0, 256, (4, 28, 28), dtype=np.uint8),
    np.array([5, 0, 4, 9], dtype=np.uint8),
    RANDOM.integers(0, 256, (2, 28, 28), dtype=np.uint8),
    np.array([7, 2], dtype=np.uint8),
)


def files_of(spec: DatasetSpec) -> list[idx.Spec]:
    """What a data set's four IDX files have to hold."""
    assert isinstance(spec.source, IdxFiles)
    return sources.idx_files(spec, spec.source)


_PLAIN = replace(DATASETS["mnist"], train_images=4, test_images=2, source=IdxFiles("MNIST"), digest=None)
RAW = {
    name: struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()
    for name, array in zip(NAMES, ARRAYS, strict=True)
}
ZIPPED = {name: gzip.compress(content, mtime=0) for name, content in RAW.items()}
_SHA = tuple(hashlib.sha256(RAW[name]).hexdigest() for name in NAMES)
_MD5 = tuple(hashlib.md5(ZIPPED[name], usedforsecurity=False).hexdigest() for name in NAMES)
TINY = {
    "digits": DATASETS["digits"],
    "mnist": replace(_PLAIN, source=IdxFiles("MNIST", sha256=(_SHA[0], _SHA[1], _SHA[2], _SHA[3]))),
    "kmnist": replace(_PLAIN, key="kmnist", source=IdxFiles("KMNIST", gzip_md5=(_MD5[0], _MD5[1], _MD5[2], _MD5[3]))),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the four tiny files, gzipped."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in ZIPPED.items():
        (folder / f"{name}.gz").write_bytes(content)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "resources" / "download" / "x"


def failure(name: str, mnist_dir: str | None, cache: Path) -> str:
    with pytest.raises(DataError) as caught:
        sources.prepare(TINY[name], mnist_dir, cache)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_tiny(data: Dataset) -> None:
    found = (data.train_images, data.train_labels, data.test_images, data.test_labels)
    for array, expected in zip(found, ARRAYS, strict=True):
        np.testing.assert_array_equal(array, expected)


# --- a folder


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dotted", [False, True])
def test_folder_with_each_kind_of_name(
    tmp_path: Path, cache: Path, suffix: str, dotted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    for name, content in (ZIPPED if suffix else RAW).items():
        (tmp_path / f"{name.replace('-idx', '.idx') if dotted else name}{suffix}").write_bytes(content)
    with caplog.at_level(logging.INFO, logger="normreg"):
        data = sources.prepare(TINY["mnist"], str(tmp_path), cache)
    assert_tiny(data)
    assert data.class_names[4] == "4 (four)"
    assert caplog.messages == [f"mnist: 4 train and 2 test images from {tmp_path}, digest {data.digest()[:12]}"]
    assert not cache.exists()


@pytest.mark.parametrize("inside", ["the file", "nothing", "gzipped"])
def test_archives_have_folders_named_like_the_files(tmp_path: Path, cache: Path, inside: str) -> None:
    """Kaggle's has a folder for each file, and beside it the file with a dot in its name."""
    for name, content in RAW.items():
        (tmp_path / name).mkdir()
        if inside == "the file":
            (tmp_path / name / name).write_bytes(content)
        elif inside == "gzipped":
            (tmp_path / name / f"{name}.gz").write_bytes(ZIPPED[name])
        else:
            (tmp_path / name.replace("-idx", ".idx")).write_bytes(content)
    assert_tiny(sources.prepare(TINY["mnist"], str(tmp_path), cache))


@pytest.mark.parametrize("below", ["raw", "MNIST/raw"])
def test_the_folders_of_torchvision_are_known(tmp_path: Path, cache: Path, below: str) -> None:
    (tmp_path / below).mkdir(parents=True)
    for name, content in RAW.items():
        (tmp_path / below / name).write_bytes(content)
    assert_tiny(sources.prepare(TINY["mnist"], str(tmp_path), cache))


def test_a_folder_in_the_place_of_a_file_is_said(folder: Path, cache: Path) -> None:
    (folder / f"{NAMES[0]}.gz").unlink()
    (folder / NAMES[0]).mkdir()
    assert f"{folder / NAMES[0]} cannot be read (it is a folder" in failure("mnist", str(folder), cache)


def test_tilde_is_expanded(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert_tiny(sources.prepare(TINY["mnist"], "~/data", cache))


def test_relative_folder_is_named_in_full(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert_tiny(sources.prepare(TINY["mnist"], "data", cache))
    assert str(folder.parent / "absent") in failure("mnist", "absent", cache)


@pytest.mark.parametrize("where", ["absent", "~nobody-of-this-name/mnist"])
def test_missing_folder(tmp_path: Path, cache: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    message = failure("mnist", where, cache)
    assert f"mnist_dir: {tmp_path / where} does not exist" in message
    assert all(name in message for name in NAMES)
    assert not cache.exists()


def test_folder_that_is_a_file(folder: Path, cache: Path) -> None:
    message = failure("mnist", str(folder / f"{NAMES[0]}.gz"), cache)
    assert "is not a folder; expected a folder with MNIST's four files" in message


@pytest.mark.parametrize("name", NAMES)
def test_missing_file_names_what_would_do(folder: Path, cache: Path, name: str) -> None:
    (folder / f"{name}.gz").unlink()
    message = failure("mnist", str(folder), cache)
    dotted = name.replace("-idx", ".idx")
    assert f"{folder} holds none of {name}, {dotted}, {name}.gz, {dotted}.gz" in message
    assert "--config mnist_dir=" in message
    assert not cache.exists(), "a wrong mnist_dir must not start a download"


def swap(folder: Path, a: str, b: str) -> None:
    one, other = (folder / f"{name}.gz" for name in (a, b))
    one.rename(folder / "x")
    other.rename(one)
    (folder / "x").rename(other)


def test_images_and_labels_swapped(folder: Path, cache: Path) -> None:
    swap(folder, NAMES[0], NAMES[1])
    message = failure("mnist", str(folder), cache)
    assert f"{NAMES[0]}.gz is not the published file (is it another one under this name?): it holds only" in message


def test_train_and_test_swapped(folder: Path, cache: Path) -> None:
    swap(folder, NAMES[0], NAMES[2])
    assert f"{NAMES[0]}.gz is not the published file" in failure("mnist", str(folder), cache)


@pytest.mark.parametrize("name", NAMES)
def test_one_changed_value_is_another_data_set(folder: Path, cache: Path, name: str) -> None:
    changed = RAW[name][:-1] + bytes([RAW[name][-1] ^ 1])
    (folder / f"{name}.gz").write_bytes(gzip.compress(changed))
    message = failure("mnist", str(folder), cache)
    assert f"{folder / name}.gz" in message
    assert "SHA-256" in message
    assert hashlib.sha256(RAW[name]).hexdigest() in message


def test_folder_without_permission(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bool:  # chmod would not stop a test run by root
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", refuse)
        message = failure("mnist", str(folder), cache)
    assert f"{folder} cannot be searched for {NAMES[0]} (Permission denied)" in message
    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_dir", refuse)
        message = failure("mnist", str(folder), cache)
    assert f"mnist_dir: {folder} cannot be read (Permission denied)" in message


# --- the cache and the downloader


def fake_download(monkeypatch: pytest.MonkeyPatch, error: Exception) -> list[Path]:
    """Makes torchvision's downloader leave half a file and raise `error`; returns the folders it was given."""
    from torchvision import datasets

    roots: list[Path] = []

    def download(self: datasets.MNIST) -> None:
        roots.append(Path(self.root))
        Path(self.raw_folder).mkdir(parents=True)
        (Path(self.raw_folder) / f"{NAMES[0]}.gz").write_bytes(ZIPPED[NAMES[0]][:50])
        print("noise", file=sys.stderr)
        raise error

    monkeypatch.setattr(datasets.MNIST, "download", download)
    return roots


@pytest.mark.parametrize("name", ["mnist", "kmnist"])
@pytest.mark.parametrize(
    "error",
    [
        URLError("Name or service not known"),
        RuntimeError("Error downloading:\nTried a, got:\nName or service not known"),
        TimeoutError("Name or service not known"),
        ValueError("Name or service not known"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_network_is_one_message_with_the_ways_on(
    name: str, error: Exception, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    roots = fake_download(monkeypatch, error)
    message = failure(name, None, cache)
    assert len(roots) == 1
    assert message.startswith(f"{name}: {cache} lacks {NAMES[0]}")
    assert "is there a network?" in message
    assert "Name or service not known" in message
    assert all(f"{n}.gz" in message for n in NAMES)
    assert f"into {cache}" in message
    assert "--config dataset=digits" in message
    assert ("--config mnist_dir=" in message) == (name == "mnist")
    assert list(cache.iterdir()) == [], "nothing half-written may stay"
    assert capsys.readouterr() == ("", "")


def test_the_network_is_not_waited_for_without_limit(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    limits: list[float | None] = []

    def download(_: datasets.MNIST) -> None:
        limits.append(socket.getdefaulttimeout())
        raise TimeoutError("timed out")

    monkeypatch.setattr(datasets.MNIST, "download", download)
    assert "timed out" in failure("mnist", None, cache)
    assert limits == [20]
    assert socket.getdefaulttimeout() is None


def test_a_cache_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    message = failure("mnist", None, tmp_path / "file" / "cache")
    assert "Not a directory" in message
    assert "--config mnist_dir=" in message


@pytest.mark.parametrize("name", ["mnist", "kmnist"])
def test_a_full_cache_needs_no_network(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    roots = fake_download(monkeypatch, URLError("none"))
    assert_tiny(sources.prepare(TINY[name], None, folder))
    assert_tiny(sources.prepare(TINY[name], "", folder))
    assert roots == []


def test_mnist_dir_is_for_mnist_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_download(monkeypatch, URLError("none"))
    assert_tiny(sources.prepare(TINY["kmnist"], "/absent", folder))


def test_a_damaged_file_in_the_cache_is_not_replaced_silently(folder: Path) -> None:
    path = folder / f"{NAMES[2]}.gz"
    path.write_bytes(ZIPPED[NAMES[2]][:-20])
    message = failure("mnist", None, folder)
    assert f"{path} is a damaged or incomplete gzip file" in message
    assert "Delete it and run the same command again" in message


def test_kmnist_is_checked_as_published(folder: Path) -> None:
    path = folder / f"{NAMES[1]}.gz"
    path.write_bytes(gzip.compress(RAW[NAMES[1]], compresslevel=1, mtime=1))
    assert f"{path} is not the published file (is it another one under this name?): its MD5 is" in failure(
        "kmnist", None, folder
    )


def test_kmnist_without_gz_has_no_sum_to_check(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_download(monkeypatch, URLError("none"))
    (folder / f"{NAMES[1]}.gz").unlink()
    (folder / NAMES[1]).write_bytes(RAW[NAMES[1]])
    assert f"kmnist: {folder} lacks {NAMES[1]}.gz, and" in failure("kmnist", None, folder)


@pytest.fixture
def mirror(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A web server on this machine in place of torchvision's mirrors; yields the paths asked for."""
    from torchvision import datasets

    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(datasets.MNIST, "resources", list(zip((f"{n}.gz" for n in NAMES), _MD5, strict=True)))
    yield asked
    server.shutdown()
    server.server_close()


def test_downloads_what_is_missing_then_never_again(
    mirror: list[str], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cache / "partial" / "MNIST" / "raw").mkdir(parents=True)  # as a killed download leaves it
    (cache / "partial" / "MNIST" / "raw" / NAMES[0]).write_bytes(RAW[NAMES[0]][:40])
    (cache / NAMES[1]).write_bytes(RAW[NAMES[1]])
    assert_tiny(sources.prepare(TINY["mnist"], None, cache))
    assert mirror
    mirror.clear()
    assert_tiny(sources.prepare(TINY["mnist"], None, cache))
    assert mirror == []
    assert {path.name for path in cache.iterdir()} == {NAMES[1], *(f"{NAMES[i]}.gz" for i in (0, 2, 3))}
    assert capsys.readouterr() == ("", "")


def test_a_damaged_download_is_not_kept(mirror: list[str], folder: Path, cache: Path) -> None:
    path = folder / f"{NAMES[3]}.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert "corrupted" in failure("mnist", None, cache)
    assert list(cache.iterdir()) == []


def test_sums_are_those_of_torchvision() -> None:
    from torchvision import datasets

    for name in ("fashion-mnist", "kmnist"):
        source = DATASETS[name].source
        assert isinstance(source, IdxFiles)
        expected = getattr(datasets, source.downloader).resources
        assert [(f"{spec.name}.gz", spec.gzip_md5) for spec in files_of(DATASETS[name])] == expected


def test_every_published_file_has_a_sum() -> None:
    downloaded = {spec.key: spec for spec in DATASETS.values() if isinstance(spec.source, IdxFiles)}
    for spec in downloaded.values():
        files = files_of(spec)
        assert tuple(file.name for file in files) == NAMES
        assert all((file.sha256 is None) != (file.gzip_md5 is None) for file in files), spec.key
    for name in ("mnist", "fashion-mnist", "kmnist"):
        shapes = [file.shape for file in files_of(downloaded[name])]
        assert shapes == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_local_data_needs_no_torch(name: str, folder: Path, cache: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from normreg.errors import DataError\n"
        "from normreg.config import datasets; from normreg.data import sources\n"
        "try: sources.prepare(datasets.find(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))\n"
        "except DataError: pass\n"  # the tiny files are not the published ones
        "sys.exit(any(m in sys.modules for m in ('torch', 'torchvision')))"
    )
    env = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    subprocess.run([sys.executable, "-c", code, name, str(folder), str(cache)], env=env, check=True)


# --- CIFAR-10


@pytest.fixture
def cifar(folder: Path, mirror: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """A small file in CIFAR-10's format on the web server; gives the rows of its two batches, red before green."""
    from torchvision.datasets import CIFAR10

    rows = {name: RANDOM.integers(0, 256, (5, 3072), dtype=np.uint8) for name in ("data_batch_1", "test_batch")}
    contents = {name: {"data": data, "labels": [0, 1, 2, 3, 9]} for name, data in rows.items()}
    contents["batches.meta"] = {"label_names": list(DATASETS["cifar10"].class_names)}
    md5 = {}
    with tarfile.open(folder / CIFAR10.filename, "w:gz") as archive:
        for name, content in contents.items():
            (folder / name).write_bytes(pickle.dumps(content))
            md5[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
            archive.add(folder / name, f"{CIFAR10.base_folder}/{name}")
    monkeypatch.setattr(CIFAR10, "url", f"{datasets_url(mirror)}{CIFAR10.filename}")
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5((folder / CIFAR10.filename).read_bytes()).hexdigest())
    monkeypatch.setattr(CIFAR10, "train_list", [["data_batch_1", md5["data_batch_1"]]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5["batches.meta"]})
    return rows


def datasets_url(mirror: list[str]) -> str:
    from torchvision import datasets

    assert mirror == []
    return str(datasets.MNIST.mirrors[0])


def test_cifar10_is_downloaded_once_and_checked(
    cifar: dict[str, np.ndarray], mirror: list[str], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = DATASETS["cifar10"]
    data = sources.prepare(spec, "/absent", cache)
    assert set(mirror) == {"/cifar-10-python.tar.gz"}
    assert data.shape == spec.shape == (3, 32, 32)
    for images, name in ((data.train_images, "data_batch_1"), (data.test_images, "test_batch")):
        np.testing.assert_array_equal(images.reshape(5, 3072), cifar[name])
    assert data.train_labels.dtype == np.uint8
    assert data.test_labels.tolist() == [0, 1, 2, 3, 9]
    assert data.class_names.tolist() == list(spec.class_names)
    assert data.normalise.tolist() == [[0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]]
    mirror.clear()
    assert sources.prepare(spec, None, cache).digest() == data.digest()
    assert mirror == []
    batch = cache / "cifar-10-batches-py/data_batch_1"
    batch.write_bytes(batch.read_bytes()[:-1])  # as a killed extraction leaves it
    assert sources.prepare(spec, None, cache).digest() == data.digest()
    assert capsys.readouterr() == ("", "")


def test_cifar10_without_its_sum_or_without_network_is_one_message(
    cifar: dict[str, np.ndarray], folder: Path, cache: Path
) -> None:
    (folder / "cifar-10-python.tar.gz").write_bytes(b"another file")
    with pytest.raises(DataError, match=r"cifar10: .* lacks the data set, .*the download failed.*corrupted") as caught:
        sources.prepare(DATASETS["cifar10"], None, cache)
    assert f"put cifar-10-python.tar.gz into {cache}" in str(caught.value)
    assert "--config dataset=digits" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_classes_of_cifar10_are_ten_and_its_sums_are_torchvisions() -> None:
    from torchvision.datasets import CIFAR10

    spec = DATASETS["cifar10"]
    assert (len(set(spec.class_names)), spec.train_images, spec.test_images) == (10, 50_000, 10_000)
    assert all(len(md5) == 32 for _, md5 in [*CIFAR10.train_list, *CIFAR10.test_list])


# --- the real MNIST


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="set MNIST_DIR to a folder with MNIST's four files")
def test_real_mnist(cache: Path) -> None:
    data = sources.prepare(DATASETS["mnist"], os.environ["MNIST_DIR"], cache)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(data.train_labels).tolist() == counts
    assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert data.train_images.shape == (60000, 28, 28)
    assert data.test_images.shape == (10000, 28, 28)
    assert round(float(data.train_images.mean()) / 255, 4) == 0.1307


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="set MNIST_DIR to a folder with MNIST's four files")
def test_real_mnist_with_another_sum(cache: Path) -> None:
    mnist = DATASETS["mnist"]
    assert isinstance(mnist.source, IdxFiles)
    assert mnist.source.sha256
    other = replace(mnist, source=replace(mnist.source, sha256=("0" * 64, *mnist.source.sha256[1:])))
    with pytest.raises(DataError, match="ba891046"):
        sources.prepare(other, os.environ["MNIST_DIR"], cache)
