"""The one table of data sets: name, shape and number of images, classes and source of each."""

from collections.abc import Mapping

from normreg.config import own_datasets
from normreg.config.dataset_spec import MNIST_PIXELS, DatasetSpec, Downloaded, IdxFiles

__all__ = ["DATASETS", "DatasetSpec", "IdxFiles", "find", "names"]

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


def names() -> list[str]:
    """The names of all data sets at hand: the built-in ones, and those of files in config/datasets."""
    return [*DATASETS, *own_datasets.names()]


def find(name: str) -> DatasetSpec:
    """The data set of this name: a built-in one, or one that has a file in config/datasets.

    Raises:
        ConfigError: there is none; there are two of this name; or the file or its images cannot be used.
    """
    if name in DATASETS:
        own_datasets.check_unused(name)
        return DATASETS[name]
    return own_datasets.find(name, DATASETS)
