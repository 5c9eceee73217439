"""What is known of a data set before any file is read, and the table of those that are built in."""

from collections.abc import Mapping
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
    """A `.npz` file of one's own, see `data.npz_file`.

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
    """A folder of image files of one's own, see `data.image_folder`.

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


_MNIST_SHAPE = (1, 28, 28)
_DIGITS = tuple(f"{i} ({word})" for i, word in enumerate("zero one two three four five six seven eight nine".split()))
_CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_HIRAGANA = tuple("o (お)|ki (き)|su (す)|tsu (つ)|na (な)|ha (は)|ma (ま)|ya (や)|re (れ)|wo (を)".split("|"))
_MNIST_SHA256 = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
# MD5 sums of the published files, copied from torchvision. A test compares them.
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

# The numbers in common use for CIFAR-10: means and standard deviations of the pixels of its 50,000 training images,
# rounded to four digits.
_CIFAR10_PIXELS = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))

_SPECS = (
    DatasetSpec(
        "mnist",
        "MNIST",
        _MNIST_SHAPE,
        _DIGITS,
        60_000,
        10_000,
        IdxFiles("MNIST", sha256=_MNIST_SHA256),
        digest="822f3d9c088eb53d310c5ad9c2cb46840553fd3e49f42fd0b7e2a2ea4415d206",
        normalise=MNIST_PIXELS,
    ),
    DatasetSpec(
        "fashion-mnist",
        "Fashion-MNIST",
        _MNIST_SHAPE,
        _CLOTHES,
        60_000,
        10_000,
        IdxFiles("FashionMNIST", gzip_md5=_FASHION_MNIST_MD5),
        normalise=MNIST_PIXELS,
    ),
    DatasetSpec(
        "kmnist",
        "KMNIST",
        _MNIST_SHAPE,
        _HIRAGANA,
        60_000,
        10_000,
        IdxFiles("KMNIST", gzip_md5=_KMNIST_MD5),
        normalise=MNIST_PIXELS,
    ),
    # The first 906 images are for training: the eighth contiguous sheet of digits begins there.
    DatasetSpec(
        "digits",
        "digits",
        _MNIST_SHAPE,
        _DIGITS,
        906,
        891,
        "scikit-learn",
        digest="d6f65a9d7f3a4f48d7c55e7437bf199c7166ac386e0283310dbdb6f8aa67fae1",
        normalise=MNIST_PIXELS,
    ),
    DatasetSpec(
        "cifar10",
        "CIFAR-10",
        (3, 32, 32),
        _CIFAR10,
        50_000,
        10_000,
        Downloaded("CIFAR10"),
        normalise=_CIFAR10_PIXELS,
    ),
)
DATASETS: Mapping[str, DatasetSpec] = {spec.key: spec for spec in _SPECS}
