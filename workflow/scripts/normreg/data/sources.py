"""Gets the data sets: from a folder of IDX files, torchvision's downloader, scikit-learn's digits, or one's own files.

Every IDX file is checked against published sums before use. No data set is ever used in place of another.
"""

import contextlib
import http.client
import io
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from normreg.data import digits, idx, image_folder, npz_file
from normreg.data.dataset import Dataset, label_type
from normreg.data.pixels import mean_and_std
from normreg.data.specs import DatasetSpec, Downloaded, IdxFiles, ImageFolder, NpzFile
from normreg.errors import DataError
from normreg.utils.files import expanded
from normreg.utils.jobs import log

_TIMEOUT = 20.0  # seconds without a byte until the download fails; without this the downloader would wait for ever
# urllib, http and torchvision raise these for a bad connection, address, proxy or file. So does a full disk.
FAILURES = (OSError, RuntimeError, ValueError, ImportError, http.client.HTTPException)
_FILE_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@contextlib.contextmanager
def quiet_with_timeout() -> Iterator[None]:
    """Hides torchvision's progress bars, because they would fill the log, and limits every wait for the network."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(before)


def _load_cifar(spec: DatasetSpec, source: Downloaded, cache: Path) -> Dataset:
    """The data set. Files in `cache` that have the right sums need no network, and others are downloaded again.

    Raises:
        DataError: the files are not there and cannot be downloaded.
    """
    from torchvision import datasets  # imported here because it takes seconds

    downloader = getattr(datasets, source.downloader)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with quiet_with_timeout():
            splits = [downloader(cache, train=train, download=True) for train in (True, False)]
    except FAILURES as error:
        raise DataError(
            f"{spec.key}: {cache} lacks the data set, or a part of it, and the download failed; is there a network? "
            f"Ways on: (1) put {downloader.filename} into {cache}; (2) train on scikit-learn's digits, without "
            f"network: `--config dataset=digits`. The downloader says: {' '.join(str(error).split())}"
        ) from error
    kind = label_type(len(spec.class_names))
    # torchvision has (N, 32, 32, 3)
    images = [np.ascontiguousarray(np.moveaxis(np.asarray(split.data, dtype=np.uint8), 3, 1)) for split in splits]
    labels = [np.array(split.targets, dtype=kind) for split in splits]
    return Dataset.of(spec, images[0], labels[0], images[1], labels[1])


def idx_files(spec: DatasetSpec, source: IdxFiles) -> list[idx.Spec]:
    """The expected content of the four files: train images, train labels, test images, test labels."""
    _, *side = spec.shape
    shapes = ((spec.train_images, *side), (spec.train_images,), (spec.test_images, *side), (spec.test_images,))
    none = (None,) * len(_FILE_NAMES)
    rows = zip(_FILE_NAMES, shapes, source.sha256 or none, source.gzip_md5 or none, strict=True)
    return [idx.Spec(*row) for row in rows]


def prepare(spec: DatasetSpec, mnist_dir: str | None, cache: Path) -> Dataset:
    """The data set, checked. Logs one line that says where it came from.

    Args:
        spec: the data set.
        mnist_dir: a folder with MNIST's four files. `~` is allowed. Used only for mnist. None or "": use `cache`.
        cache: folder for downloaded files. Files that are already there need no network. Not used for local data.

    Raises:
        DataError: one paragraph that names the file, what was found, what was expected and what to do.
    """
    data, origin = _load(spec, mnist_dir, cache.absolute())
    if spec.digest not in (None, data.digest()):
        raise DataError(
            f"{spec.key}: the content from {origin} has digest {data.digest()[:12]}, expected {str(spec.digest)[:12]}. "
            "Install the versions of requirements.lock and run the same command again."
        )
    if spec.normalise is None:
        mean_and_std(data.train_images)  # its error comes here, and not first in every training
    sizes = f"{len(data.train_labels)} train and {len(data.test_labels)} test images"
    log.info("%s: %s from %s, digest %s", spec.key, sizes, origin, data.digest()[:12])
    return data


def content(spec: DatasetSpec, memory: Path | None = None) -> str | None:
    """SHA-256 of the files of a data set of one's own, in hexadecimal. None for a built-in one.

    Args:
        spec: the data set.
        memory: the file with the digests of files that are as they were, see `files.remembered`.

    Raises:
        DataError: a file cannot be read, or is not the one of `sha256`.
    """
    match spec.source:
        case NpzFile():
            return npz_file.content(spec.source, memory)
        case ImageFolder():
            return image_folder.content(spec.source, memory)
        case _:
            return None


def _load(spec: DatasetSpec, mnist_dir: str | None, cache: Path) -> tuple[Dataset, str]:
    """The data set and where it came from."""
    match spec.source:
        case IdxFiles():
            return _load_idx(spec, spec.source, mnist_dir, cache)
        case Downloaded():
            return _load_cifar(spec, spec.source, cache), str(cache)
        case NpzFile():
            return npz_file.load(spec, spec.source), spec.source.path
        case ImageFolder():
            return image_folder.load(spec, spec.source), spec.source.path
        case _:
            return digits.load(), spec.source


def _load_idx(spec: DatasetSpec, source: IdxFiles, mnist_dir: str | None, cache: Path) -> tuple[Dataset, str]:
    files = idx_files(spec, source)
    if spec.key == "mnist" and mnist_dir:
        folder = _user_folder(mnist_dir)
        below = (folder, folder / "raw", folder / source.downloader / "raw")  # the last two are torchvision's
        folder = next((place for place in below if files[0].find(place)), folder)
        remedy = (
            "Put the published file there, or set mnist_dir to another folder (`--config mnist_dir=/path/to/mnist`)."
        )
    else:
        folder = cache
        _complete(spec, source, files, folder)
        remedy = "Delete it and run the same command again, which downloads it, or put the published file there."
    arrays = []
    for file in files:
        path = file.find(folder)
        if path is None:
            raise DataError(f"{folder} holds none of {', '.join(file.file_names)}; expected one of them. {remedy}")
        arrays.append(idx.read(path, file, remedy))
    return Dataset.of(spec, *arrays), str(folder)


def _user_folder(mnist_dir: str) -> Path:
    folder = expanded(mnist_dir).absolute()
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


def _complete(data: DatasetSpec, source: IdxFiles, files: list[idx.Spec], folder: Path) -> None:
    """Downloads the files that `folder` lacks.

    An interrupted download leaves at most the folder `partial`. The next download removes it.
    """
    missing = [file for file in files if file.find(folder) is None]
    if not missing:
        return
    partial = folder / "partial"
    log.info("%s: downloading to %s", data.key, folder)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with quiet_with_timeout():
            from torchvision import datasets  # imported here: it takes seconds, and local files do not need it

            getattr(datasets, source.downloader)(partial, download=True)
        for file in missing:
            file_name = f"{file.name}.gz"
            (partial / source.downloader / "raw" / file_name).replace(folder / file_name)
    except FAILURES as error:
        raise DataError(_ways_on(data.key, folder, missing, error)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


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
