"""IDX files: what is read, and every way in which a file can be wrong."""

import gzip
import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from normreg.data import idx
from normreg.errors import DataError

REMEDY = "Do this about it."
IMAGES = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2)
LABELS = np.array([5, 0, 9], dtype=np.uint8)
# Written out by hand: type 8, 3 dimensions, 3 x 2 x 2 big-endian, twelve values; 1 dimension, 3 values.
IMAGE_BYTES = bytes.fromhex("00000803 00000003 00000002 00000002") + bytes(range(12))
LABEL_BYTES = bytes.fromhex("00000801 00000003 050009")
IMAGE_SPEC = idx.Spec("train-images-idx3-ubyte", (3, 2, 2), hashlib.sha256(IMAGE_BYTES).hexdigest())
LABEL_SPEC = idx.Spec("train-labels-idx1-ubyte", (3,), hashlib.sha256(LABEL_BYTES).hexdigest())


def write(folder: Path, content: bytes, name: str = "train-images-idx3-ubyte") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def failure(path: Path, spec: idx.Spec) -> str:
    with pytest.raises(DataError) as caught:
        idx.read(path, spec, REMEDY)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.endswith(REMEDY)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])
def test_reads_images_and_labels(tmp_path: Path, pack: type[bytes]) -> None:
    images = idx.read(write(tmp_path, pack(IMAGE_BYTES)), IMAGE_SPEC, REMEDY)
    labels = idx.read(write(tmp_path, pack(LABEL_BYTES)), LABEL_SPEC, REMEDY)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)
    assert images.dtype == labels.dtype == np.uint8
    assert images.flags.writeable


def test_reads_a_gzip_file_named_gz_and_one_of_several_members(tmp_path: Path) -> None:
    members = gzip.compress(IMAGE_BYTES[:20]) + gzip.compress(IMAGE_BYTES[20:])
    np.testing.assert_array_equal(idx.read(write(tmp_path, members, "x.gz"), IMAGE_SPEC, REMEDY), IMAGES)


def test_spec_knows_size_and_names() -> None:
    assert IMAGE_SPEC.size == len(IMAGE_BYTES)
    raw = ("train-images-idx3-ubyte", "train-images.idx3-ubyte")
    assert IMAGE_SPEC.file_names == (*raw, f"{raw[0]}.gz", f"{raw[1]}.gz")
    assert replace(IMAGE_SPEC, gzip_md5="0").file_names == (f"{raw[0]}.gz", f"{raw[1]}.gz")


@pytest.mark.parametrize("name", IMAGE_SPEC.file_names)
def test_finds_each_accepted_name(tmp_path: Path, name: str) -> None:
    assert IMAGE_SPEC.find(tmp_path) is None
    path = write(tmp_path, b"", name)
    assert IMAGE_SPEC.find(tmp_path) == path


WHOLE = gzip.compress(IMAGE_BYTES)
BAD_CONTENT: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", ["is not the published file", "only 0 bytes (uncompressed), expected 28"]),
    "web page": (b"<html>sign in</html>", ["is not the published file", "only 20 bytes"]),
    "web page of this size": (b"<html>sign in now!!!</html>\n", ["is not the published file", "SHA-256"]),
    "labels": (LABEL_BYTES, ["another one under this name", "only 11 bytes", "expected 28"]),
    "other shape": (struct.pack(">4I", 0x803, 4, 2, 2) + bytes(12), ["SHA-256"]),
    "short": (IMAGE_BYTES[:-1], ["only 27 bytes", "expected 28"]),
    "trailing": (IMAGE_BYTES + b"\0", ["more than 28 bytes", "expected 28"]),
    "short gzip content": (gzip.compress(IMAGE_BYTES[:-1]), ["only 27 bytes", "expected 28"]),
    "trailing gzip content": (gzip.compress(IMAGE_BYTES + b"\0"), ["more than 28 bytes", "expected 28"]),
    "one value": (IMAGE_BYTES[:-1] + b"\x0a", ["SHA-256"]),
    "cut gzip": (WHOLE[:-9], ["damaged or incomplete gzip", "ended before"]),
    "cut gzip header": (WHOLE[:5], ["damaged or incomplete gzip"]),
    "gzip with wrong sum": (WHOLE[:-8] + bytes(4) + WHOLE[-4:], ["damaged or incomplete gzip", "CRC"]),
    "gzip with bad blocks": (WHOLE[:10] + b"\xff" * 20, ["damaged or incomplete gzip"]),
    "gzip with junk after it": (WHOLE + b"junk", ["damaged or incomplete gzip", "Not a gzipped file"]),
}


@pytest.mark.parametrize("case", BAD_CONTENT)
def test_bad_content_is_one_clear_message(tmp_path: Path, case: str) -> None:
    content, fragments = BAD_CONTENT[case]
    message = failure(write(tmp_path, content), IMAGE_SPEC)
    assert [f for f in fragments if f not in message] == [], message


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])
def test_sha256_is_of_the_uncompressed_content(tmp_path: Path, pack: type[bytes]) -> None:
    path = write(tmp_path, pack(IMAGE_BYTES))
    right = hashlib.sha256(IMAGE_BYTES).hexdigest()
    np.testing.assert_array_equal(idx.read(path, replace(IMAGE_SPEC, sha256=right), REMEDY), IMAGES)
    message = failure(path, replace(IMAGE_SPEC, sha256="0" * 64))
    assert right in message
    assert f"expected {'0' * 64}" in message
    assert "another one under this name" in message


def test_gzip_md5_is_of_the_file(tmp_path: Path) -> None:
    path, spec = write(tmp_path, WHOLE, "images.gz"), replace(IMAGE_SPEC, sha256=None)
    right = hashlib.md5(WHOLE, usedforsecurity=False).hexdigest()
    np.testing.assert_array_equal(idx.read(path, replace(spec, gzip_md5=right), REMEDY), IMAGES)
    message = failure(path, replace(spec, gzip_md5="0" * 32))
    assert f"its MD5 is {right}, expected {'0' * 32}" in message


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[int] = []
    read = gzip.GzipFile.read

    def counting(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        content = read(self, size)
        unpacked.append(len(content))
        return content

    monkeypatch.setattr(gzip.GzipFile, "read", counting)
    message = failure(write(tmp_path, gzip.compress(IMAGE_BYTES + bytes(10_000_000))), IMAGE_SPEC)
    assert "more than 28 bytes" in message
    assert unpacked == [29]


def test_a_long_raw_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path, IMAGE_BYTES)
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # a terabyte that takes no space: reading it all would end the test
    assert "more than 28 bytes" in failure(path, IMAGE_SPEC)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert "cannot be read (No such file" in failure(tmp_path / "absent", IMAGE_SPEC)
    assert "cannot be read (it is a folder, expected a regular file)" in failure(tmp_path, IMAGE_SPEC)


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, IMAGE_BYTES)

    def refuse(*_: object) -> None:  # chmod would not stop a test run by root
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read (Permission denied)" in failure(path, IMAGE_SPEC)
