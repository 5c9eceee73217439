"""Where the data sets come from: a folder of IDX files, torchvision's downloader, or scikit-learn's digits.

Every file is checked against published sums before use, and no data set ever stands in for another.
"""

import contextlib
import http.client
import io
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from normreg.data import digits, idx
from normreg.data.dataset import CLASS_NAMES, Dataset
from normreg.errors import DataError
from normreg.utils.jobs import log

_TIMEOUT = 20.0  # seconds without a byte before the downloader gives up; it has no limit of its own


@dataclass(frozen=True)
class Source:
    """Four IDX files (train images, train labels, test images, test labels), and torchvision's class that gets them."""

    downloader: str
    files: tuple[idx.Spec, idx.Spec, idx.Spec, idx.Spec]


_Sums = tuple[str | None, str | None, str | None, str | None]
_NONE: _Sums = (None, None, None, None)
_FILE_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def make_source(downloader: str, train: int, test: int, sha256: _Sums = _NONE, gzip_md5: _Sums = _NONE) -> Source:
    """A source of `train` and `test` images of 28x28 in ten classes; the sums are those of `idx.Spec`, one per file."""
    shapes = ((train, 28, 28), (train,), (test, 28, 28), (test,))
    maxima = (255, 9, 255, 9)
    a, b, c, d = map(idx.Spec, _FILE_NAMES, shapes, maxima, sha256, gzip_md5)
    return Source(downloader, (a, b, c, d))


_MNIST_SHA256 = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
# The MD5 sums are torchvision's (a test compares them), of the files as published.
_FASHION_MNIST_MD5 = (
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79",
    "bb300cfdad3c16e7a12a480ee83cd310",
)
_KMNIST_MD5 = (
    "bdb82020997e1d708af4cf47b453dcf7",
    "e144d726b3acfaa3e44228e80efcd344",
    "5c965bf0a639b31b8f53240b1b52f4d7",
    "7320c461ea6c1c855c0b718fb2a4b134",
)
PUBLISHED: Mapping[str, Source] = {
    "mnist": make_source("MNIST", 60000, 10000, sha256=_MNIST_SHA256),
    "fashion-mnist": make_source("FashionMNIST", 60000, 10000, gzip_md5=_FASHION_MNIST_MD5),
    "kmnist": make_source("KMNIST", 60000, 10000, gzip_md5=_KMNIST_MD5),
}


def prepare(name: str, mnist_dir: str | None, cache: Path, published: Mapping[str, Source] = PUBLISHED) -> Dataset:
    """The data set `name`, checked, and one line in the log about where it came from.

    Args:
        name: mnist, fashion-mnist, kmnist or digits.
        mnist_dir: a folder with MNIST's four files, `~` allowed; read for mnist only. None or "": use `cache`.
        cache: folder for downloaded files; those already there are used without network. Not used for digits.
        published: sources by name; the published ones, except in tests.

    Raises:
        DataError: one paragraph that names the file, what was found, what was expected and what to do.
    """
    if name == "digits":
        data, origin = digits.load(), "scikit-learn"
    elif name not in published:
        raise DataError(f"unknown data set {name!r}; expected one of {', '.join((*published, 'digits'))}.")
    elif name == "mnist" and mnist_dir:
        folder = _user_folder(mnist_dir)
        remedy = (
            "Put the published file there, or set mnist_dir to another folder (`--config mnist_dir=/path/to/mnist`)."
        )
        data, origin = read_folder(name, folder, published[name], remedy), str(folder)
    else:
        folder = cache.absolute()
        _complete(name, folder, published[name])
        remedy = "Delete it and run the same command again, which downloads it, or put the published file there."
        data, origin = read_folder(name, folder, published[name], remedy), str(folder)
    sizes = f"{len(data.train_labels)} train and {len(data.test_labels)} test images"
    log.info("%s: %s from %s, digest %s", name, sizes, origin, data.digest()[:12])
    return data


def read_folder(name: str, folder: Path, source: Source, remedy: str) -> Dataset:
    """The four files of `source` in `folder`, under any of the accepted names.

    Raises:
        DataError: a file is missing, cannot be read or is not the published one; `remedy` ends the message.
    """
    a, b, c, d = (_read(spec, folder, remedy) for spec in source.files)
    return Dataset(a, b, c, d, np.array(CLASS_NAMES[name]))


def _read(spec: idx.Spec, folder: Path, remedy: str) -> np.ndarray:
    path = _find(spec, folder)
    if path is None:
        raise DataError(f"{folder} holds none of {', '.join(spec.file_names)}; expected one of them. {remedy}")
    return idx.read(path, spec, remedy)


def _find(spec: idx.Spec, folder: Path) -> Path | None:
    try:
        return spec.find(folder)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be searched for {spec.name} ({error.strerror}); expected a folder this user may read. "
            "Change its permissions or use another folder."
        ) from error


def _user_folder(mnist_dir: str) -> Path:
    folder = Path(mnist_dir)
    with contextlib.suppress(RuntimeError):  # ~someone who does not exist: stays as it is and is not found
        folder = folder.expanduser()
    folder = folder.absolute()
    try:
        if folder.is_dir():
            return folder
        found = "is not a folder" if folder.exists() else "does not exist"
    except OSError as error:
        found = f"cannot be read ({error.strerror})"
    raise DataError(
        f"mnist_dir: {folder} {found}; expected a folder with MNIST's four files, {', '.join(_FILE_NAMES)}, each as it "
        "is or with .gz. Correct `--config mnist_dir=...`, or set it to null to download them."
    )


def _complete(name: str, folder: Path, source: Source) -> None:
    """Downloads the files that `folder` lacks. An interrupted download leaves at most a folder the next run removes."""
    missing = [spec for spec in source.files if _find(spec, folder) is None]
    if not missing:
        return
    partial = folder / "partial"
    log.info("%s: downloading to %s", name, folder)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with _quiet_with_timeout():
            from torchvision import datasets  # takes seconds, and is not needed for local files

            getattr(datasets, source.downloader)(partial, download=True)
        for spec in missing:
            file_name = f"{spec.name}.gz"
            (partial / source.downloader / "raw" / file_name).replace(folder / file_name)
    # What urllib, http and torchvision raise for a bad connection, address, proxy or file; or a disk that is full.
    except (OSError, RuntimeError, ValueError, ImportError, http.client.HTTPException) as error:
        raise DataError(_ways_on(name, folder, missing, error)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def _quiet_with_timeout() -> Iterator[None]:
    """Hides torchvision's progress bars, which fill a log, and limits every wait for the network."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(before)


def _ways_on(name: str, folder: Path, missing: list[idx.Spec], error: Exception) -> str:
    names = ", ".join(f"{file_name}.gz" for file_name in _FILE_NAMES)
    ways = [f"put {names} into {folder}", "train on scikit-learn's digits, without network: `--config dataset=digits`"]
    if name == "mnist":
        ways[0] += " (or the same without .gz)"
        ways.insert(0, "name a folder that holds the four files: `--config mnist_dir=/path/to/mnist`")
    listed = "; ".join(f"({i}) {way}" for i, way in enumerate(ways, start=1))
    lacking = ", ".join(spec.file_names[0] for spec in missing)
    return (
        f"{name}: {folder} lacks {lacking}, and the download failed; is there a network? Ways on: {listed}. "
        f"The downloader says: {' '.join(str(error).split())}"
    )
