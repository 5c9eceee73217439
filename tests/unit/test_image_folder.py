"""Data sets of one's own in folders of images, as people have them."""

import os
import subprocess
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from own_data import describe, folder, images, picture, prepare, refused
from PIL import Image

from normreg.config import datasets
from normreg.data import image_folder, sources
from normreg.errors import DataError

pytestmark = pytest.mark.usefixtures("place")


def said(caplog):
    """What preparing logs before its last line."""
    with caplog.at_level("INFO", logger="normreg"):
        prepare()
    *lines, _ = caplog.messages
    return lines


def test_a_folder_is_read_as_torchvision_reads_it(caplog):
    """Also folders in class folders, and their order."""
    from torchvision.datasets import ImageFolder as Torchvision

    folder(count=8)
    picture("f/train/cat/10.JPG", images(1, 9, 11, 3)[0], format="JPEG")
    picture("f/train/dog/z.jpeg", images(1, 9, 11, 3)[0])
    for path in ("cat/b/a/1.png", "cat/b.png", "cat/b/c.png", "cat/b-c/0.PNG", "dog/0/0/0.png"):
        picture(f"f/train/{path}", images(1, 9, 11, 3)[0])
    describe("folder: f\n")
    spec = datasets.find("mine")
    assert (spec.shape, spec.class_names, spec.train_images, spec.test_images) == ((3, 9, 11), ("cat", "dog"), 23, 16)
    data = prepare()
    for split in ("train", "test"):
        expected = Torchvision(f"f/{split}")
        pixels, labels = getattr(data, f"{split}_images"), getattr(data, f"{split}_labels")
        assert labels.tolist() == expected.targets
        assert list(getattr(data, f"{split}_files")) == [os.path.relpath(path, "f") for path, _ in expected.samples]
        for found, (image, _) in zip(pixels, expected, strict=True):
            assert np.array_equal(np.moveaxis(found, 0, 2), np.asarray(image))


def test_a_folder_without_splits_in_gray():
    made = folder(splits=("",), side=(10, 8), count=10)
    describe("folder: f\ntest_share: 0.3\nclasses: [a cat, a dog]\n")
    spec = datasets.find("mine")
    assert spec.class_names == ("a cat", "a dog")
    assert (spec.shape, spec.train_images, spec.test_images) == ((1, 10, 8), 14, 6)
    data = prepare()
    for split, count in (("train", 7), ("test", 3)):
        pixels, labels, files = (getattr(data, f"{split}_{what}") for what in ("images", "labels", "files"))
        assert [np.array_equal(image, made[file]) for image, file in zip(pixels, files, strict=True)] == [True] * len(
            files
        )
        assert [file.startswith("cat/") for file in files] == (labels == 0).tolist()
        assert np.bincount(labels).tolist() == [count, count]
    assert sorted((*data.train_files, *data.test_files)) == sorted(made)


def test_images_are_converted_and_resized_by_pillow():
    colour, gray = images(1, 40, 30, 3)[0], images(1, 16, 16)[0]
    pixels = {"train/a/0.png": colour, "train/b/0.png": gray, "test/a/0.png": images(1, 16, 16, 3)[0]}
    pixels["test/b/0.png"] = gray
    for path, one in pixels.items():
        picture(f"f/{path}", one)
    picture("f/train/b/1.png", np.arange(256, dtype=np.uint8).reshape(16, 16))
    Image.open("f/train/b/1.png").convert("P").save("f/train/b/1.png")
    for channels, mode in ((1, "L"), (3, "RGB")):
        describe(f"folder: f\nsize: [12, 20]\nchannels: {channels}\n")
        data = prepare()
        assert data.shape == (channels, 12, 20)
        for found, path in ((data.train_images[0], "train/a/0.png"), (data.test_images[0], "test/a/0.png")):
            expected = Image.fromarray(pixels[path]).convert(mode).resize((20, 12), Image.Resampling.BILINEAR)
            assert np.array_equal(found if channels == 1 else np.moveaxis(found, 0, 2), np.asarray(expected))


# --- what belongs to it


def test_endings_of_all_kinds_are_read_and_litter_is_no_matter(caplog):
    folder(count=2)
    for ending in ("webp", "TIF", "bmp", "gif", "jfif", "ppm", "avif"):
        picture(f"f/train/cat/x.{ending}", images(1, 9, 11, 3)[0], format="JPEG" if ending == "jfif" else None)
    for name in (".hidden.png", ".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r"):
        for below in ("", "train/", "train/cat/"):
            Path(f"f/{below}{name}").write_text("x")
    for name in (
        "__MACOSX/._a.png",
        ".ipynb_checkpoints/0.png",
        "train/__MACOSX/cat/._0.png",
        "train/cat/@eaDir/0.png",
    ):
        Path("f", name).parent.mkdir(parents=True)
        Path("f", name).write_text("x")
    describe("folder: f\n")
    assert datasets.find("mine").class_names == ("cat", "dog")
    assert said(caplog) == []
    assert len(prepare().train_files) == 11


def test_what_is_left_out_is_counted_by_its_ending(caplog):
    folder(count=20)
    for name in ("README", "labels.csv", "train/cat/a.TXT", "train/cat/b.txt", "test/dog/notes", "train/x.png"):
        Path("f", name).write_text("x")
    describe("folder: f\n")
    assert said(caplog) == [
        "mine: left out: 2 .txt, 1 without ending (no images); 1 without ending, 1 .csv, 1 .png beside the class "
        "folders"
    ]


@pytest.mark.parametrize("beside", ["train/cat/{}.heic", "train/{}.png", "{}.jpg"])
def test_more_than_a_tenth_left_out_is_refused(beside):
    folder(count=9)
    for number in range(4):
        Path("f", beside.format(number)).write_text("x")
    describe("folder: f\n")
    assert datasets.find("mine").train_images == 18  # 4 of 40
    Path("f", beside.format(4)).write_text("x")
    message = refused("folder: f\n")
    assert f"/f: 5 of 41 files would be left out, more than a tenth: 5 {Path(beside).suffix} " in message
    assert "Convert these files, or move them out of this folder." in message


def test_hundreds_of_endings_and_odd_ones_stay_one_line(caplog):
    folder(count=300)
    for number in range(40):
        Path(f"f/train/cat/a.{number}").write_text("x")
    Path("f/train/cat/a.\x1b[31m\n").write_text("x")
    describe("folder: f\n")
    (line,) = said(caplog)
    assert "33 others" in line
    assert len(line) < 200


# --- splits


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Training", "Testing"),
        ("TRAIN", "Val"),
        ("training_set", "test_set"),
        ("train", "valid"),
        ("Train", "VALIDATION"),
        ("cifar-train", "cifar-test"),
    ],
)
@pytest.mark.parametrize("share", ["", "test_share: 0.2\n"])
def test_common_names_of_splits_are_known(train, test, share):
    folder((f"{train}/", f"{test}/"))
    if share:
        assert "has a test split, so `test_share` has no use" in refused(f"folder: f\n{share}")
        return
    describe("folder: f\n")
    data = prepare()
    assert {file.split("/")[0] for file in data.train_files} == {train}
    assert {file.split("/")[0] for file in data.test_files} == {test}


def test_of_test_and_val_it_is_test_and_that_is_said(caplog):
    folder(("train/", "test/", "val/", "extra/"))
    describe("folder: f\n")
    beside = [f"the folder {name} (6 images), because train and test are the splits" for name in ("extra", "val")]
    assert said(caplog) == [f"mine: left out: {'; '.join(beside)}"]
    assert prepare().test_files[0] == "test/cat/0.png"


def test_a_test_folder_without_classes_is_no_test_split(caplog):
    """As in competitions: its images have no labels."""
    folder(("train/", "val/"))
    picture("f/test/1.png", images(1, 9, 11, 3)[0])
    describe("folder: f\n")
    assert "the folder test (1 image), because train and val are the splits" in said(caplog)[0]
    Path("f/val").rename("v")
    for share in ("", "test_share: 0.2\n"):
        message = refused(f"folder: f\n{share}")
        assert "f/test: has no folders, expected one folder of images for each class. If its images have no" in message
        assert "/f/train itself, with `test_share`." in message


def test_splits_with_a_prefix_and_in_a_folder_of_their_own_name_are_known(caplog):
    """As in Kaggle's archives."""
    folder(("seg_train/seg_train/", "seg_test/seg_test/"))
    picture("f/seg_pred/seg_pred/1.png", images(1, 9, 11, 3)[0])
    describe("folder: f\n")
    (line,) = said(caplog)
    assert line == "mine: left out: the folder seg_pred (1 image), because seg_train and seg_test are the splits"
    data = prepare()
    assert data.class_names.tolist() == ["cat", "dog"]
    assert data.test_files[0] == "seg_test/seg_test/cat/0.png"


def test_a_folder_that_is_left_out_may_be_odd(caplog):
    folder()
    Path("f/other").symlink_to(".")
    describe("folder: f\n")
    assert said(caplog) == ["mine: left out: the folder other, because train and test are the splits"]


def test_kinds_of_trains_are_classes():
    for name in ("bullet train", "steam_train", "test-tube", "bus"):
        for number in range(4):
            picture(f"f/{name}/{number}.png", images(1, 9, 11)[0])
    describe("folder: f\ntest_share: 0.5\n")
    assert datasets.find("mine").class_names == ("bullet train", "bus", "steam_train", "test-tube")


def test_classes_may_have_the_names_of_splits():
    for name in ("train", "bus", "valid", "invalid"):
        for number in range(4):
            picture(f"f/{name}/{number}.png", images(1, 9, 11)[0])
    describe("folder: f\ntest_share: 0.5\n")
    assert datasets.find("mine").class_names == ("bus", "invalid", "train", "valid")


def test_two_folders_of_one_split_are_refused():
    folder(("train/", "Training/", "test/"))
    assert "the folders Training and train are one split; keep one of them" in refused("folder: f\n")


def test_both_forms_of_unicode_are_one_name():
    names = {form: unicodedata.normalize(form, "café") for form in ("NFC", "NFD")}
    for split, form in (("train", "NFC"), ("test", "NFD")):
        for name in (names[form], "tea"):
            picture(f"f/{split}/{name}/0.png", images(1, 9, 11)[0])
    describe("folder: f\n")
    data = prepare()
    assert data.class_names.tolist() == [names["NFC"], "tea"]
    assert data.test_labels.tolist() == [0, 1]
    assert data.test_files[0] == f"test/{names['NFD']}/0.png"
    picture(f"f/train/{names['NFD']}/0.png", images(1, 9, 11)[0])
    assert "its name is there twice, in two Unicode forms" in refused("folder: f\n")


# --- what cannot be used


def add(path, *side):
    return lambda: picture(f"f/{path}", images(1, *side)[0])


def write(path, content=b"x"):
    return lambda: (Path("f", path).parent.mkdir(parents=True, exist_ok=True), Path("f", path).write_bytes(content))


def move(path, target):
    return lambda: Path("f", path).rename(Path("f", target))


@pytest.mark.parametrize(
    ("change", "more", "fragments"),
    [
        (
            write("train/ox/a.heic"),
            "",
            ["f/train/ox: has no image, but 1 .heic; expected files with the"],
        ),
        (lambda: Path("f/train/ox").mkdir(), "", ["f/train/ox: has no image; expected files with the endings .png,"]),
        (add("test/ox/0.png", 9, 11, 3), "", ["f/test/ox: is a class that", "f/train lacks; it has cat, dog"]),
        (move("test/cat", "test/Cat"), "", ["f/test/Cat: is a class that", "f/train lacks; it has cat."]),
        (move("test", "more"), "", ["has a folder train, but no folder with a test split, such as test or val"]),
        (move("train", "more"), "", ["has a folder test, but no folder with a training split"]),
        (move("train/dog", "dog"), "", ["f/test/dog: is a class that", "f/train lacks; it has cat."]),
        (lambda: (move("train/dog", "d")(), move("test/dog", "e")()), "", ["f: has 1 class, cat. Name the folder in"]),
        (move("test/dog", "dog"), "", ["the test split has images of 1 class, expected 2 at least"]),
        (lambda: None, "test_share: 0.2", ["has a test split, so `test_share` has no use"]),
        (lambda: None, "classes: [a, b, c]", ["has 2 classes, but `classes` has 3 names"]),
        (add("train/cat/0.png", 9, 12, 3), "", ["dog/0.png: is colour, 9 x 11, but", "cat/0.png is colour, 9 x 12"]),
        (add("train/cat/0.png", 9, 11), "", ["dog/0.png: is colour, 9 x 11, but", "gray", "`channels: 1`"]),
        (add("train/cat/0.png", 100, 11, 3), "channels: 3", ["cat/0.png is colour, 100 x 11; expected images of one"]),
        (write("train/cat/0.png"), "", ["f/train/cat/0.png cannot be read as an image (it is no image)"]),
        (move("train/cat", "train/cat\n"), "", [r"f/train lacks; it has cat\n"]),
        (
            add("train/a\n/0.png", 9, 11, 3),
            "",
            [r"has a folder 'a\n'; expected a name of 80 characters at most without control"],
        ),
        (lambda: Path("f/train/cat/up").symlink_to(".."), "", ["cat/up: is a link to a folder that it lies in"]),
        (lambda: Path("f/train/cat/up").symlink_to("../cat"), "", ["cat/up: is a link to a folder that it lies in"]),
        (lambda: Path("f/train/cat/up").symlink_to("../.."), "", ["cat/up: is a link to a folder that it lies in"]),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(change, more, fragments):
    folder()
    change()
    message = refused(f"folder: f\n{more}\n")
    assert message.startswith("config/datasets/mine.yaml: key 'folder': ")
    assert all(fragment in message for fragment in fragments), message


def test_the_folder_around_the_right_one_is_named():
    folder(("a/train/", "a/test/"))
    assert "f: has 1 class, a. Name the folder in which the folders are the classes" in refused(
        "folder: f\ntest_share: 0.5"
    )


def test_links_to_folders_and_files_are_followed():
    folder()
    Path("f/train").rename("elsewhere")
    Path("f/train").symlink_to("../elsewhere")
    Path("f/train/cat/x.png").symlink_to("../dog/0.png")
    Path("f/train/dog/more").symlink_to("../cat")
    Path("f/train/cat/x").symlink_to("x")  # a link to itself, which has no ending of an image
    for number in range(10):
        picture(f"f/test/cat/x{number}.png", images(1, 9, 11, 3)[0])
    describe("folder: f\n")
    assert prepare().train_files[-2:] == ("train/dog/more/2.png", "train/dog/more/x.png")


def test_links_that_multiply_are_refused():
    """Thirty folders, each with two links to the next one, are a billion paths."""
    folder()
    for number in range(30):
        Path(f"more/{number}").mkdir(parents=True)
        for name in "ab":
            Path(f"more/{number}/{name}").symlink_to(f"../{number + 1}")
    Path("more/30").mkdir()
    Path("f/train/cat/more").symlink_to("../../../more/0")
    assert "is a link to a folder that it lies in, or that is read already; delete it" in refused("folder: f\n")


def test_folders_may_be_deeper_than_python_can_recurse():
    folder()
    deep = "f/train/cat"
    for _ in range(1200):
        deep += "/d"
        os.mkdir(deep)
    try:
        picture(f"{deep}/0.png", images(1, 9, 11, 3)[0])
        describe("folder: f\n")
        assert prepare().train_files[3] == f"{deep.removeprefix('f/')}/0.png"
    finally:
        subprocess.run(["rm", "-r", "f"], check=True)  # Python cannot, so pytest could not clean up


def test_sides_and_missing_folders():
    folder(side=(7, 9, 3))
    assert "cat/0.png: has 7 x 9 pixels (height x width), expected 8 to 96 each" in refused("folder: f\n")
    assert "absent: cannot be read (No such file or directory)" in refused("folder: absent\n")
    Path("empty").mkdir()
    assert "empty: has no folders, expected one folder" in refused("folder: empty\ntest_share: 0.5\n")
    assert "empty: has no test split" in refused("folder: empty\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (write("train/dog/2.png"), r"f/train/dog/2\.png cannot be read as an image \(it is no image\)"),
        (add("test/cat/1.png", 9, 12, 3), r"f/test/cat/1\.png has 9 x 12 pixels .* expected 9 x 11 .*Set `size`"),
        (add("train/cat/1.png", 9, 11), r"f/train/cat/1\.png is gray, expected colour .*Set `channels`"),
    ],
)
def test_an_image_that_only_preparation_sees_is_named(change, message):
    folder()
    change()
    describe("folder: f\n")
    with pytest.raises(DataError, match=message):
        prepare()


def test_all_broken_images_are_named_at_once():
    folder(count=20)
    Path("f/train/cat/3.png").write_bytes(Path("f/train/cat/3.png").read_bytes()[:200])
    Path("f/test/dog/0.png").write_bytes(b"")
    picture("f/train/dog/5.png", images(1, 9, 12, 3)[0])
    describe("folder: f\n")
    with pytest.raises(DataError) as caught:
        prepare()
    message = str(caught.value)
    assert "/f: 3 of 80 images cannot be used: train/cat/3.png cannot be read as an image (image file is" in message
    assert "test/dog/0.png cannot be read as an image (it is no image)" in message
    assert "train/dog/5.png has 9 x 12 pixels" in message
    assert "Replace it, or leave it out. Set `size` in the file of the data set, which resizes all" in message
    for number in range(20):
        Path(f"f/train/cat/{number}.png").write_bytes(b"x")
    # The first image of a class is looked at before any job. All others follow then.
    message = refused("folder: f\n")
    assert "21 of 80 images cannot be used: " in message
    assert "; and 1 more. Replace it" in message


def test_what_cannot_be_opened_is_named_before_any_job():
    folder()
    describe("folder: f\n")
    spec = datasets.find("mine")
    Path("f/train/cat/7.png").symlink_to("absent")
    Path("f/train/cat/8.png").symlink_to("8.png")
    os.mkfifo("f/train/cat/9.png")
    Path("f/test/dog/2.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"/f: 4 of 15 images cannot be used: ") as caught:
        sources.content(spec)
    for name in ("cat/7.png", "cat/8.png", "cat/9.png", "test/dog/2.png"):
        assert f"{name} cannot be read" in str(caught.value)


# --- what is changed in images is said


def test_transparency_rotation_and_frames_are_counted(caplog):
    folder(side=(9, 9, 4))
    exif = Image.Exif()
    exif[274] = 6
    for number in range(2):
        picture(f"f/train/cat/x{number}.jpg", images(1, 9, 9, 3)[0], exif=exif)
    frames = [Image.fromarray(images(1, 9, 9, 3)[0]) for _ in range(2)]
    frames[0].save("f/train/cat/y.gif", save_all=True, append_images=frames[1:])
    describe("folder: f\n")
    assert said(caplog) == [
        "mine: 12 images with transparent pixels, which are laid on white; 2 images with a rotation in EXIF, which is "
        "not applied; 1 image with several frames or pages, of which the first one counts"
    ]


def drawings(colour):
    """A folder of squares in one colour on a transparent background."""
    for split in ("train", "test"):
        for name in ("a", "b"):
            for number in range(3):
                pixels = np.zeros((9, 9, 4), np.uint8)
                pixels[number : number + 4, 2:6] = (*colour, 255)
                picture(f"f/{split}/{name}/{number}.png", pixels)
    describe("folder: f\n")


def test_black_drawings_on_a_transparent_background_are_seen():
    drawings((0, 0, 0))
    data = prepare()
    assert (data.train_images[0] == np.where(np.asarray(Image.open("f/train/a/0.png"))[..., 3] > 0, 0, 255)).all()


def test_white_drawings_on_a_transparent_background_are_refused_with_the_cause():
    drawings((255, 255, 255))
    with pytest.raises(DataError, match=r"/f: all pixels are white once transparent ones are laid on white\. Is"):
        prepare()


def test_a_long_preparation_says_how_far_it_is(caplog, monkeypatch):
    folder(count=5)
    describe("folder: f\n")
    monkeypatch.setattr(image_folder, "_QUIET", -1)
    lines = said(caplog)
    assert len(lines) == 19
    assert lines[6].startswith("mine: 7 of 20 images read, about 0 min left")
