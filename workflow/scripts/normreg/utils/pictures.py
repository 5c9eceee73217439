"""Reads image files of 8 bits a channel with Pillow, in the same way for data sets and for predictions."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from normreg.errors import DataError
from normreg.utils.files import regular_file

if TYPE_CHECKING:
    from PIL import Image

# Not all that Pillow knows: it runs Ghostscript for PostScript, and takes any content for some old formats.
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF", "QOI")
ENDINGS = tuple(  # in lower case
    ".png .apng .jpg .jpeg .jpe .jfif .webp .tif .tiff .bmp .gif .ppm .pgm .pbm .pnm .avif .qoi".split()
)
_LARGEST = 2**30  # bytes of a file: more than any image has that Pillow does not call a decompression bomb
_GRAY = ("1", "L", "LA")
_COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB")
_ORIENTATION = 274  # EXIF's number of this tag


@dataclass(frozen=True)
class Header:
    """What a file says of its image before its pixels are read.

    Attributes:
        height: in pixels.
        width: in pixels.
        channels: 1 or 3.
        transparent: whether a pixel can be transparent; from `decode`: whether one is.
        rotated: whether EXIF says that the image is to be turned before it is shown.
        animated: whether there are several frames, or pages.
    """

    height: int
    width: int
    channels: int
    transparent: bool
    rotated: bool
    animated: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, self.height, self.width

    def __str__(self) -> str:
        return f"{'gray' if self.channels == 1 else 'colour'}, {self.height} x {self.width}"


class PictureError(DataError):
    """A file that cannot be used as an image.

    Attributes:
        what: what is wrong with it. It continues a sentence that begins with the file's name.
        remedy: a sentence that says what to do.
    """

    def __init__(self, path: Path, what: str, remedy: str) -> None:
        """The message has all three parts."""
        super().__init__(f"{path} {what}. {remedy}")
        self.what, self.remedy = what, remedy


def read_header(path: Path) -> Header:
    """Size and kind of an image.

    Raises:
        PictureError: the file is no image, or not of 8 bits a channel.
    """
    with _opened(path) as image:
        return _describe(image)


def decode(path: Path, shape: tuple[int, int, int], resized: bool, converted: bool) -> tuple[np.ndarray, Header]:
    """The pixels of an image, uint8 (H, W) if `shape` has one channel, else (3, H, W), and the header of its file.

    Of several frames it is the first one. Transparent pixels are laid on white, as viewers show them. EXIF's rotation
    is not applied, as torchvision does not apply it either. Colour becomes gray by the weights of ITU-R 601 (Pillow's
    mode L). Then the size is changed by Pillow's bilinear filter, which averages over all pixels that it makes smaller
    (antialiasing).

    Args:
        path: an image file.
        shape: channels, height and width.
        resized: whether to change the size if it differs.
        converted: whether to turn gray into colour, or colour into gray, if it differs.

    Raises:
        PictureError: the file cannot be read as an image, or differs from `shape` in what must not be changed.
    """
    from PIL import Image

    with _opened(path) as image:
        found = _describe(image)
        channels, height, width = shape
        if found.channels != channels and not converted:
            raise _UnfitError(
                f"is {'gray' if found.channels == 1 else 'colour'}, expected {'gray' if channels == 1 else 'colour'} "
                "as the first images",
                "Set `channels` to 1 or 3 in the file of the data set, which converts all images.",
            )
        if (found.height, found.width) != (height, width) and not resized:
            raise _UnfitError(
                f"has {found.height} x {found.width} pixels (height x width), expected {height} x {width} as the first "
                "image",
                "Set `size` in the file of the data set, which resizes all images.",
            )
        opaque, transparent = _opaque(image)
        pixels = opaque.convert("L" if channels == 1 else "RGB")
        if pixels.size != (width, height):
            pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
        array = np.asarray(pixels)
        return (array if channels == 1 else np.moveaxis(array, 2, 0)), replace(found, transparent=transparent)


class _UnfitError(Exception):
    """What is wrong with an image, and what to do: parts of a `PictureError`."""


@contextmanager
def _opened(path: Path) -> Iterator["Image.Image"]:
    """An open image. Whatever goes wrong with it becomes a `PictureError`."""
    from PIL import Image, UnidentifiedImageError  # imported here: most data sets need no Pillow

    do = "Replace it, or leave it out."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata: a line for each image
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(regular_file(path, _LARGEST), formats=_FORMATS) as image:
                yield image
    except _UnfitError as unfit:
        raise PictureError(path, *unfit.args) from None
    except MemoryError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise PictureError(path, f"is a very large image ({error})", do) from None
    except Exception as error:  # Pillow and its decoders raise errors of many kinds for a damaged file
        why = getattr(error, "strerror", None) or " ".join(str(error).split())[:160] or type(error).__name__
        why = "it is no image" if isinstance(error, UnidentifiedImageError) else why
        raise PictureError(path, f"cannot be read as an image ({why})", do) from error


def _describe(image: "Image.Image") -> Header:
    depth = _depth(image)
    if depth:
        raise _UnfitError(
            f"has pixels of {depth}, expected 8 bits a channel",
            "Convert all images with one scale, such as `(x // 257).astype('uint8')` for values up to 65535.",
        )
    animated = getattr(image, "is_animated", False) and image.format != "MPO"  # this is one photograph, and previews
    channels = 1 if image.mode in _GRAY else 3
    return Header(image.height, image.width, channels, image.has_transparency_data, _rotated(image), animated)


def _rotated(image: "Image.Image") -> bool:
    if "exif" not in image.info or image.format == "TIFF":  # Pillow turns TIFF by itself
        return False
    with suppress(Exception):  # damaged metadata is no damaged image
        return bool(image.getexif().get(_ORIENTATION, 1) != 1)
    return False


def _depth(image: "Image.Image") -> str:
    """Bits of a channel, if they are not 8 or fewer. Of colour Pillow keeps the high byte, and does not say so."""
    if image.mode == "F":
        return "floating point"
    if image.mode not in (*_GRAY, *_COLOUR):
        return "more than 8 bits a channel" if image.mode.startswith("I") else f"Pillow's mode {image.mode}"
    # What the decoder is told: the layout of the stored pixels and, for PPM, their largest value.
    told = [tile.args if isinstance(tile.args, tuple) else (tile.args,) for tile in getattr(image, "tile", ())]
    wide = any(isinstance(arg, str) and re.search(";16[BLN]", arg) for args in told for arg in args)
    scaled = image.format == "PPM" and any(isinstance(arg, int) and arg > 255 for args in told for arg in args)
    return "16 bits a channel" if wide or scaled else ""


def _opaque(image: "Image.Image") -> tuple["Image.Image", bool]:
    """An image whose transparent pixels are laid on white, and whether it has some. It is decoded here."""
    from PIL import Image

    image.load()
    if not image.has_transparency_data:
        return image, False
    layers = image.convert("RGBA")
    alpha = np.asarray(layers.getchannel("A"))
    if not alpha.any():
        raise _UnfitError("has only transparent pixels", "Save it without its alpha channel, or leave it out.")
    return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers), bool(alpha.min() < 255)
