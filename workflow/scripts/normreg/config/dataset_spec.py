"""What is known of a data set before any file is read. The module `datasets` has the table of those that are built in.

Training reads this module and not the table, so that a new data set retrains nothing.
"""

from dataclasses import dataclass
from typing import Literal

from normreg.models.description import DataShape

Normalise = tuple[tuple[float, ...], tuple[float, ...]]  # of pixels of 0 to 1: means and deviations of the channels
MNIST_PIXELS: Normalise = ((0.1307,), (0.3081,))  # of MNIST; used for every built-in set of gray images
Sums = tuple[str, str, str, str]  # checksums of train images, train labels, test images and test labels


@dataclass(frozen=True)
class IdxFiles:
    """Four gzipped IDX files that torchvision downloads. MNIST has this format.

    Attributes:
        downloader: the name of torchvision's class.
        sha256: checksums of the uncompressed contents, in hexadecimal. None: not checked.
        gzip_md5: checksums of the published `.gz` files, for data with no other published sums. None: not checked.
    """

    downloader: str
    sha256: Sums | None = None
    gzip_md5: Sums | None = None


@dataclass(frozen=True)
class Downloaded:
    """Files of another format that torchvision downloads, checks by its own MD5 sums, and reads.

    Attributes:
        downloader: the name of torchvision's class.
    """

    downloader: str


@dataclass(frozen=True)
class NpzFile:
    """A `.npz` file of one's own, see `config.npz_facts`.

    Attributes:
        path: the file, absolute.
        sha256: its checksum, in hexadecimal. None: not checked.
        test_share: the share of the images that become the test split. None: the file has a test split.
    """

    path: str
    sha256: str | None
    test_share: float | None


@dataclass(frozen=True)
class ImageFolder:
    """A folder of image files of one's own, see `config.folder_facts`.

    Attributes:
        path: the folder, absolute.
        resized: whether the images are resized to the height and width of the data set.
        converted: whether gray and colour images are turned into each other. If not, all must be of one kind.
        test_share: the share of the images that become the test split. None: the folder has a test split.
    """

    path: str
    resized: bool
    converted: bool
    test_share: float | None


@dataclass(frozen=True)
class DatasetSpec:
    """The facts of a data set that are known before any file is read."""

    key: str  # its name in the configuration and in paths
    name: str  # its name in titles
    shape: tuple[int, int, int]  # channels, height and width of an image
    class_names: tuple[str, ...]
    train_images: int
    test_images: int
    source: IdxFiles | Downloaded | NpzFile | ImageFolder | Literal["scikit-learn"]
    digest: str | None = (
        None  # digest of the prepared arrays, see `Dataset.digest`; None: only the digest in the prepared file counts
    )
    normalise: Normalise | None = None  # None: computed from the images that a run trains on

    @property
    def network_shape(self) -> DataShape:
        """What a network must fit."""
        return DataShape(*self.shape, len(self.class_names))
