"""Image files of every kind that people have: pixels as Pillow has them, or a reason."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from normreg.utils import pictures
from normreg.utils.pictures import PictureError

RANDOM = np.random.default_rng(5)
SHAPE = (3, 12, 10)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def noise(*side):
    return RANDOM.integers(0, 256, side, dtype=np.uint8)


def decode(name, shape=SHAPE):
    pixels, header = pictures.decode(Path(name), shape, resized=False, converted=True)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (shape if shape[0] == 3 else shape[1:])
    return (np.moveaxis(pixels, 0, 2) if shape[0] == 3 else pixels), header


def why(name):
    with pytest.raises(PictureError) as caught:
        pictures.decode(Path(name), SHAPE, resized=True, converted=True)
    assert str(caught.value).startswith(f"{name} ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "TIFF", "ppm", "qoi", "webp"])
def test_formats_without_losses_give_the_pixels_that_were_saved(ending):
    pixels = noise(12, 10, 3)
    Image.fromarray(pixels).save(f"a.{ending}", **({"lossless": True} if ending == "webp" else {}))
    found, header = decode(f"a.{ending}")
    assert np.array_equal(found, pixels)
    assert (header.transparent, header.rotated, header.animated) == (False, False, False)


@pytest.mark.parametrize("ending", ["jpg", "jpe", "jfif", "gif", "avif", "webp"])
def test_formats_with_losses_give_what_pillow_shows(ending):
    Image.fromarray(noise(12, 10, 3)).save(f"a.{ending}", **({"format": "JPEG"} if ending == "jpe" else {}))
    with Image.open(f"a.{ending}") as image:
        assert np.array_equal(decode(f"a.{ending}")[0], np.asarray(image.convert("RGB")))


def test_every_ending_is_pillows_of_a_format_that_is_read_and_in_the_document(root):
    Image.init()
    document = (root / "config/README.md").read_text(encoding="utf-8")
    for ending in pictures.ENDINGS:
        assert Image.registered_extensions()[ending] in pictures._FORMATS
        assert f"`{ending}`" in document


def test_the_ending_does_not_decide():
    Image.fromarray(noise(12, 10, 3)).save("a.png", format="JPEG")
    assert decode("a.png")[1].shape == SHAPE


@pytest.mark.parametrize("name", ["a.pgm", "a.pbm", "a.png", "a.bmp", "a.tif"])
def test_gray_and_black_and_white(name):
    mode = "1" if name in ("a.pbm", "a.bmp") else "L"
    image = Image.fromarray(noise(12, 10)).convert(mode)
    image.save(name)
    found, header = decode(name, (1, 12, 10))
    assert np.array_equal(found, np.asarray(image.convert("L")))
    assert header.channels == 1


@pytest.mark.parametrize(("name", "mode"), [("a.jpg", "CMYK"), ("a.tif", "CMYK"), ("b.tif", "LAB"), ("c.tif", "YCbCr")])
def test_other_colour_spaces_become_red_green_and_blue(name, mode):
    Image.fromarray(noise(12, 10, 3)).convert(mode).save(name)
    with Image.open(name) as image:
        assert image.mode == mode
        assert np.array_equal(decode(name)[0], np.asarray(image.convert("RGB")))


# --- transparency


@pytest.mark.parametrize("ending", ["png", "webp", "tif"])
def test_transparent_pixels_are_laid_on_white(ending):
    pixels = noise(12, 10, 4)
    Image.fromarray(pixels).save(f"a.{ending}", **({"lossless": True, "exact": True} if ending == "webp" else {}))
    found, header = decode(f"a.{ending}")
    assert header.transparent
    alpha = pixels[..., 3:] / 255
    expected = alpha * pixels[..., :3] + (1 - alpha) * 255
    assert np.abs(found - expected).max() <= 1


def test_black_ink_that_is_only_in_the_alpha_channel_is_seen():
    ink = np.zeros((12, 10, 4), np.uint8)
    ink[3:6, :, 3] = 255
    Image.fromarray(ink).save("a.png")
    Image.fromarray(ink).convert("LA").save("b.png")
    expected = np.where(ink[..., 3] > 0, 0, 255)
    for name in ("a.png", "b.png"):
        assert np.array_equal(decode(name)[0], np.repeat(expected[..., None], 3, 2))
        assert np.array_equal(decode(name, (1, 12, 10))[0], expected)


@pytest.mark.parametrize("ending", ["png", "gif"])
def test_a_transparent_colour_of_a_palette(ending):
    pixels = np.zeros((12, 10), np.uint8)
    pixels[:, 5:] = 1
    image = Image.fromarray(pixels).convert("P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(f"a.{ending}", transparency=1)
    found, header = decode(f"a.{ending}")
    assert header.transparent
    assert found[0, 0].tolist() == [255, 0, 0]
    assert found[0, 9].tolist() == [255, 255, 255]


def test_an_alpha_channel_without_a_transparent_pixel_changes_nothing():
    pixels = noise(12, 10, 4)
    pixels[..., 3] = 255
    Image.fromarray(pixels).save("a.png")
    found, header = decode("a.png")
    assert not header.transparent
    assert np.array_equal(found, pixels[..., :3])


def test_an_image_of_transparent_pixels_alone_is_refused():
    pixels = noise(12, 10, 4)
    pixels[..., 3] = 0
    Image.fromarray(pixels).save("a.png")
    assert "has only transparent pixels. Save it without its alpha channel" in why("a.png")


# --- several frames, rotation


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tif"])
def test_of_several_frames_it_is_the_first(ending):
    first, second = Image.new("RGB", (10, 12), (200, 0, 0)), Image.new("RGB", (10, 12), (0, 200, 0))
    first.save(f"a.{ending}", save_all=True, append_images=[second])
    found, header = decode(f"a.{ending}")
    assert header.animated
    assert found[..., 0].min() > 190
    assert found[..., 1].max() < 10


def test_a_photograph_with_a_preview_is_one_image():
    image = Image.fromarray(noise(12, 10, 3))
    image.save("a.jpg", format="MPO", save_all=True, append_images=[image.resize((5, 6))])
    assert not decode("a.jpg")[1].animated


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_a_rotation_in_exif_is_said_and_not_applied(ending):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(noise(12, 10, 3)).save(f"a.{ending}", exif=exif)
    assert decode(f"a.{ending}")[1].rotated


# --- more than 8 bits


def png16(kind, channels):
    """A PNG of 16 bits a channel with 12 bits of content, which Pillow cannot write."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = RANDOM.integers(0, 4096, (12, 10 * channels)).astype(">u2")
    content = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", 10, 12, 16, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def tiff16():
    """A TIFF of 16 bits a channel, in colour, which Pillow cannot write."""
    tags = {256: (4, 10), 257: (4, 12), 258: (3, 200), 259: (3, 1), 262: (3, 2), 273: (4, 220), 277: (3, 3)}
    tags |= {278: (4, 12), 279: (4, 720)}
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, (kind, value) in tags.items():
        head += struct.pack("<HHII", tag, kind, 3 if tag == 258 else 1, value)
    head += struct.pack("<I", 0)
    return head.ljust(200, b"\0") + struct.pack("<HHH", 16, 16, 16).ljust(20, b"\0") + noise(720).tobytes()


DEEP = {
    "rgb.png": lambda: png16(2, 3),
    "rgba.png": lambda: png16(6, 4),
    "gray-and-alpha.png": lambda: png16(4, 2),
    "gray.png": lambda: png16(0, 1),
    "rgb.tif": tiff16,
    "rgb.ppm": lambda: b"P6 10 12 65535\n" + noise(720).tobytes(),
    "gray.pgm": lambda: b"P5 10 12 4095\n" + bytes(240),
}


@pytest.mark.parametrize("name", DEEP)
def test_more_than_8_bits_a_channel_is_refused(name):
    """Pillow keeps the high byte of colour: of 12 bits in 16 there would be 16 values left."""
    Path(name).write_bytes(DEEP[name]())
    assert "bits a channel, expected 8 bits a channel. Convert all images with one scale" in why(name)
    with pytest.raises(PictureError):
        pictures.read_header(Path(name))


def test_numbers_that_are_no_bytes_are_refused():
    Image.fromarray(RANDOM.random((12, 10), dtype=np.float32)).save("a.tif")
    Image.fromarray(RANDOM.integers(0, 2**20, (12, 10), dtype=np.int32)).save("b.tif")
    assert "has pixels of floating point, expected 8 bits a channel" in why("a.tif")
    assert "has pixels of more than 8 bits a channel" in why("b.tif")


# --- what is no image


def test_damaged_files_say_why():
    Image.fromarray(noise(64, 64, 3)).save("a.jpg")
    Image.fromarray(noise(64, 64, 3)).save("a.png")
    for name in ("a.jpg", "a.png"):
        Path(f"cut-{name}").write_bytes(Path(name).read_bytes()[:3000])
        assert "truncated" in why(f"cut-{name}")
    Path("empty.png").touch()
    Path("text.jpg").write_text("<html>404</html>" * 100)
    Path("script.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")  # Pillow would run Ghostscript
    for name in ("empty.png", "text.jpg", "script.png"):
        assert why(name) == f"{name} cannot be read as an image (it is no image). Replace it, or leave it out."


def test_what_is_no_file_says_what_it_is():
    Path("folder.png").mkdir()
    Path("nowhere.png").symlink_to("absent.png")
    Path("loop.png").symlink_to("loop.png")
    os.mkfifo("pipe.png")
    assert "(it is a folder, expected a regular file)" in why("folder.png")
    assert "(it is a pipe, expected a regular file)" in why("pipe.png")
    assert "(No such file or directory)" in why("nowhere.png")
    assert "(Too many levels of symbolic links)" in why("loop.png")


def test_a_decompression_bomb_is_refused(monkeypatch):
    Image.fromarray(noise(64, 64, 3)).save("huge.png")
    for most in (3000, 1000):  # Pillow warns above the first, and has an error above twice as many
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        assert "huge.png is a very large image" in why("huge.png")
