"""Reads image files with Pillow. PNG and JPEG only, 8 bits a channel."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from normreg.errors import DataError
from normreg.utils.files import regular_file

if TYPE_CHECKING:
    from PIL import Image

_LARGEST = 2**30  # bytes of a file: more than any image has that Pillow does not call a decompression bomb
ENDINGS = (".png", ".jpg", ".jpeg")  # in lower case
_GRAY = ("1", "L", "LA")
_COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


@dataclass(frozen=True)
class Header:
    """What a file says of its image before its pixels are read."""

    height: int
    width: int
    channels: int  # 1 or 3
    transparent: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, self.height, self.width

    def __str__(self) -> str:
        return f"{'gray' if self.channels == 1 else 'colour'}, {self.height} x {self.width}"


def read_header(path: Path) -> Header:
    """Size and kind of an image.

    Raises:
        DataError: the file is no image, or not of 8 bits a channel. The message names it.
    """
    with _opened(path) as image:
        return _describe(image)


def decode(path: Path, shape: tuple[int, int, int], resized: bool, converted: bool) -> tuple[np.ndarray, Header]:
    """The pixels of an image, uint8 (H, W) if `shape` has one channel, else (3, H, W), and the header of its file.

    Colour becomes gray by the weights of ITU-R 601 (Pillow's mode L). Then the size is changed by Pillow's bilinear
    filter, which averages over all pixels that it makes smaller (antialiasing). Transparency is left out, as in
    torchvision's ImageFolder.

    Args:
        path: a PNG or JPEG file.
        shape: channels, height and width.
        resized: whether to change the size if it differs.
        converted: whether to turn gray into colour, or colour into gray, if it differs.

    Raises:
        DataError: the file cannot be read as an image, or differs from `shape` in what must not be changed.
    """
    with _opened(path) as image:
        found = _describe(image)
        channels, height, width = shape
        if found.channels != channels and not converted:
            raise _UnfitError(
                f"is {'gray' if found.channels == 1 else 'colour'}, expected {'gray' if channels == 1 else 'colour'} "
                "as the first images; set `channels` to 1 or 3 in the file of the data set, which converts all images"
            )
        if (found.height, found.width) != (height, width) and not resized:
            raise _UnfitError(
                f"has {found.height} x {found.width} pixels (height x width), expected {height} x {width} as the first "
                "image; set `size` in the file of the data set, which resizes all images"
            )
        pixels = image.convert("L" if channels == 1 else "RGB")
        if pixels.size != (width, height):
            from PIL import Image

            pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
        array = np.asarray(pixels)
        return (array if channels == 1 else np.moveaxis(array, 2, 0)), found


class _UnfitError(Exception):
    """What is wrong with an image. Its text continues a sentence that begins with the file's name."""


@contextmanager
def _opened(path: Path) -> Iterator["Image.Image"]:
    """An open image. Whatever goes wrong with it becomes one message that names the file."""
    from PIL import Image  # imported here: most data sets need no Pillow

    do = "Replace it, or leave it out."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(regular_file(path, _LARGEST), formats=("PNG", "JPEG")) as image:
                yield image
    except _UnfitError as unfit:
        raise DataError(f"{path} {unfit}.") from None
    except MemoryError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is a very large image ({error}). {do}") from None
    except Exception as error:  # Pillow and its decoders raise errors of many kinds for a damaged file
        why = getattr(error, "strerror", None) or " ".join(str(error).split())[:160] or type(error).__name__
        raise DataError(f"{path} cannot be read as a PNG or JPEG image ({why}). {do}") from error


def _describe(image: "Image.Image") -> Header:
    if image.mode not in (*_GRAY, *_COLOUR):
        raise _UnfitError(f"has pixels of Pillow's mode {image.mode}, expected 8 bits a channel; convert it")
    transparent = image.mode.endswith("A") or "transparency" in image.info
    return Header(image.height, image.width, 1 if image.mode in _GRAY else 3, transparent)
