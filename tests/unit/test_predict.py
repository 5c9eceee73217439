"""Prediction for image files of one's own, with checkpoints and files that may come from anybody."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from normreg import predict
from normreg.config import networks
from normreg.errors import ConfigError, DataError, NormregError, printable
from normreg.models.build import build
from normreg.models.description import DataShape, PythonNetwork
from normreg.training import checkpoint

PNG = b"\x89PNG\r\n\x1a\n"
CODE = """\
from pathlib import Path
from torch import nn
Path("ran").touch()
def build(spec):
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10))
"""


@pytest.fixture
def saved(condition, provenance, blobs, tmp_path, monkeypatch) -> Path:
    """A checkpoint in the working directory. It is not trained: what it says is no matter here."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    checkpoint.save("c.pt", build(condition()), condition(), provenance())
    Image.fromarray(blobs.test_images[0]).save("0.png")
    return Path("c.pt")


def change(path: Path, **parts: Any) -> Path:
    """Writes a checkpoint again with other parts. A key such as `condition__norm` is one inside of a part."""
    content = torch.load(path, weights_only=True)
    for key, value in parts.items():
        part, _, inner = key.partition("__")
        if inner:
            content[part][inner.replace("__", ".")] = value
        else:
            content[part] = value
    torch.save(content, path)
    return path


def call(capfd, *words: str) -> tuple[int, list[str], list[str]]:
    """The command's exit status, its lines of CSV, and what it says beside them."""
    status = predict.main(words)
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    return status, out.splitlines(), err.splitlines()


# --- images


def test_classes_and_confidences_are_those_of_the_model(saved, blobs, condition) -> None:
    for number, image in enumerate(blobs.test_images[:3]):
        Image.fromarray(image).save(f"{number}.png")
    model = build(condition())
    model.load_state_dict(torch.load(saved, weights_only=True)["state_dict"])
    pixels = torch.as_tensor(blobs.test_images[:3]).double().div(255).sub(0.1307).div(0.3081)
    with torch.no_grad():
        shares = model.eval().double()(pixels[:, None]).softmax(1)
    rows = list(predict.predict(saved, [f"{number}.png" for number in range(3)], top=10))
    assert [row.image for row in rows] == [f"{number}.png" for number in range(3) for _ in range(10)]
    assert [row.rank for row in rows] == [*range(1, 11)] * 3
    for number, expected in enumerate(shares.tolist()):
        found = {row.label: row.confidence for row in rows[10 * number : 10 * number + 10]}
        assert [found[name] for name in blobs.class_names] == pytest.approx([100 * share for share in expected], 1e-4)
        confidences = [row.confidence for row in rows[10 * number : 10 * number + 10]]
        assert confidences == sorted(confidences, reverse=True)


def test_what_was_done_to_an_image_is_said(saved, capfd) -> None:
    """An image as those of the training is nothing to speak of; a screenshot is far from a digit of 28 x 28."""
    noise = np.random.default_rng(0).integers(0, 256, (1642, 1444, 3), dtype=np.uint8)
    for name, array in {
        "screenshot": noise,
        "resized": noise[:40, :30, 0],
        "colour": noise[:28, :28],
        "narrow": noise[:28, :200, 0],
        "tiny": noise[:7, :7, 0],
    }.items():
        Image.fromarray(np.ascontiguousarray(array)).save(f"{name}.png")
    half = Image.fromarray(np.dstack([noise[:28, :28, 0]] * 2), "LA")
    half.save("half.png", save_all=True, append_images=[half.rotate(90)])
    names = ("0", "screenshot", "resized", "colour", "narrow", "tiny", "half")
    status, rows, said = call(capfd, "c.pt", *(f"{name}.png" for name in names))
    assert status == 0
    assert len(rows) == 8
    far = "far from the training images: unless those were made from such files, its class means nothing"
    assert said == [
        "predict: screenshot.png: colour, made gray; 1642 x 1444 pixels (height x width), resized to 28 x 28; " + far,
        "predict: resized.png: 40 x 30 pixels (height x width), resized to 28 x 28",
        "predict: colour.png: colour, made gray",
        "predict: narrow.png: 28 x 200 pixels (height x width), resized to 28 x 28; " + far,
        "predict: tiny.png: 7 x 7 pixels (height x width), resized to 28 x 28; " + far,
        "predict: half.png: several frames, the first of them taken; transparent pixels, laid on white",
    ]


def test_it_goes_on_after_every_file_that_cannot_be_read(saved, capfd) -> None:
    """A pipe, a device and 30 GB are never opened; names are not UTF-8, or would act on the terminal."""
    os.mkfifo("pipe.png")
    Path("folder.png").mkdir()
    Path("device.png").symlink_to("/dev/zero")
    Path("loop.png").symlink_to("loop.png")
    Path("text.png").write_text("no image")
    Path("cut.png").write_bytes(Path("0.png").read_bytes()[:60])
    with open("large.png", "wb") as file:
        file.write(PNG)
        file.truncate(30 * 2**30)
    odd = [os.fsdecode(b"\xff\xfe.png"), "a\x1b[2Jb.png", "line\nend.png", "=1+1,\u202egnp.png"]
    for name in odd:
        Path(name).write_bytes(Path("0.png").read_bytes())
    wrong = ["pipe.png", "folder.png", "device.png", "loop.png", "text.png", "cut.png", "large.png", "none.png", "a\0b"]
    wrong += ["none\x1b[2J\n.png", os.fsdecode(b"none\xff.png")]
    status, rows, said = call(capfd, "c.pt", *wrong[:4], odd[0], *wrong[4:], *odd[1:], "0.png")
    assert status == 1
    names = [r"\udcff\udcfe.png", r"a\x1b[2Jb.png", r"line\nend.png", r'"=1+1,\u202egnp.png"', "0.png"]
    assert [row.rsplit(",", 3)[0] for row in rows[1:]] == names
    assert len({row[len(name) :] for row, name in zip(rows[1:], names, strict=True)}) == 1  # all are the same image
    assert len(said) == len(wrong)
    for line, name in zip(said, wrong, strict=True):
        assert line.isprintable()
        assert line.startswith(f"predict: {printable(name)} ")
        assert "cannot be read" in line


def test_an_output_that_is_full_or_closed_is_no_traceback(saved, root) -> None:
    command = [sys.executable, "-m", "normreg.predict", "c.pt", "0.png"]
    environment = os.environ | {"PYTHONPATH": str(root / "workflow/scripts")}
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, text=True)
    assert (done.returncode, done.stderr) == (1, "predict: the output cannot be written (No space left on device)\n")
    done = subprocess.run(["sh", "-c", '"$@" | true', "sh", *command], capture_output=True, env=environment, text=True)
    assert done.stderr == ""


def test_library_stops_at_the_first_image_that_cannot_be_read(saved) -> None:
    rows = predict.predict(saved, ["0.png", "none.png", "0.png"])
    assert next(rows).image == "0.png"
    with pytest.raises(DataError, match=r"none\.png cannot be read"):
        next(rows)


# --- checkpoints are data


def test_no_code_that_a_checkpoint_names_runs(condition, provenance, tmp_path, capfd, monkeypatch) -> None:
    """The checkpoint is of somebody else, and names a Python file that lies here."""
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text(CODE)
    Path("config/networks").mkdir(parents=True)
    Path("config/networks/code.py").write_text(CODE)
    digest = networks.python_file(Path("evil.py")).digest
    network, shape = PythonNetwork("evil.py", digest), DataShape(*provenance()["shape"])
    settings = condition(network="code")
    model = build(settings, shape, network)
    checkpoint.save("c.pt", model, settings, provenance() | {"network": {"python": digest}})
    Image.new("L", (28, 28)).save("0.png")
    Path("ran").unlink()
    for name in ("evil", str(tmp_path / "evil"), "../evil", "code", "a/../../evil", "~/evil", "evil\n"):
        change(Path("c.pt"), condition__network=name)
        status, rows, (said,) = call(capfd, "c.pt", "0.png")
        assert status == 1
        assert rows == []
        assert "Python code" in said or "key 'condition.network': found" in said
        with pytest.raises(DataError):
            checkpoint.revive("c.pt", checkpoint.load("c.pt"))
        if name not in ("evil", "code"):
            with pytest.raises(ConfigError, match="expected a name of lower-case letters, digits and hyphens"):
                networks.find(name)
    assert not Path("ran").exists()
    change(Path("c.pt"), condition__network="code")
    status, rows, said = call(capfd, "c.pt", "0.png", "--network", "evil.py")
    assert (status, len(rows), said) == (0, 2, [])
    Path("ran").unlink()
    Path("evil.py").write_text(CODE.replace("3, 3)", "3, 3, bias=False)"))
    status, _, (said,) = call(capfd, "c.pt", "0.png", "--network", "evil.py")
    assert status == 1
    assert "was trained with other code than evil.py has now" in said
    assert not Path("ran").exists()
    # The workflow's own jobs say which network they mean, and find it themselves.
    restored = checkpoint.restore("c.pt", provenance()["run"], "d")
    assert all(torch.equal(a, b) for a, b in zip(restored.model.parameters(), model.parameters(), strict=True))


def test_a_network_that_has_no_use_or_is_none_is_refused(saved, capfd) -> None:
    Path("code.py").write_text(CODE)
    Path("empty.py").write_text("")
    os.mkfifo("pipe.py")
    for file, said in (
        ("code.py", "c.pt: holds its whole network, so code.py has no use"),
        ("empty.py", "empty.py: defines no function `build`"),
        ("pipe.py", "pipe.py: cannot be read as Python"),
        ("none.py", "none.py: cannot be read as Python"),
    ):
        status, rows, (line,) = call(capfd, "c.pt", "0.png", "--network", file)
        assert (status, rows) == (1, [])
        assert line.startswith(f"predict: {said}")
    assert not Path("ran").exists()


WIDE = {"conv": {"channels": 8192, "kernel": 14, "padding": 10}}
HUGE = {"layers": [WIDE, WIDE, "global_max_pool", {"conv": {"channels": "classes", "kernel": 1}}]}
GROWING = {"layers": [{"conv": {"channels": 1, "kernel": 1, "padding": 31}}] * 500}
ONE = torch.ones(1)
HOSTILE: dict[str, dict[str, Any]] = {
    "normalise of texts": {"normalise": ["x", "y"]},
    "normalise that is nan": {"normalise": [[float("nan")], [0.3]]},
    "normalise that is infinite": {"normalise": [[0.1], [float("inf")]]},
    "normalise by zero": {"normalise": [[0.1], [0.0]]},
    "normalise of three channels": {"normalise": [[0.1] * 3, [0.3] * 3]},
    "normalise of lists": {"normalise": [[[0.1]], [[0.3]]]},
    "normalise of tensors": {"normalise": [ONE, ONE]},
    "no classes": {"classes": []},
    "classes of numbers": {"classes": [*range(10)]},
    "a class less": {"classes": [*"abcdefghi"]},
    "a class that clears the screen": {"classes": [*"abcdefghi", "\x1b[2J"]},
    "a class that is a script": {"classes": [*"abcdefghi", "<script>"]},
    "a class of a megabyte": {"classes": [*"abcdefghi", "x" * 2**20]},
    "a shape of tensors": {"shape": [ONE, ONE, ONE, ONE]},
    "a shape of two numbers each": {"shape": [torch.ones(2)] * 4},
    "a norm of a megabyte": {"condition__norm": "x" * 2**20},
    "a huge shape": {"shape": [1, 10**9, 10**9, 10]},
    "a negative shape": {"shape": [1, -28, 28, 10]},
    "a shape of two": {"shape": [28, 28]},
    "classes beyond number": {"shape": [1, 28, 28, 10**12]},
    "two channels": {"shape": [2, 28, 28, 10]},
    "a norm that is none": {"condition__norm": "evil"},
    "a norm that is a tensor": {"condition__norm": ONE},
    "splits of text": {"condition__num_splits": "2"},
    "a dropout of two": {"condition__dropout": 2.0},
    "a network of another kind": {"condition__network": 3},
    "a network of nothing": {"network": {}},
    "layers that are none": {"network": {"layers": [{"eval": {}}]}},
    "a layer of text": {"network": {"layers": [{"conv": {"channels": "evil"}}]}},
    "a network that does not fit": {"network": {"layers": ["relu"]}},
    "a network of 50 gigabytes": {"network": HUGE},
    "a network whose images grow": {"network": GROWING},
    "weights of texts": {"state_dict": {"conv1.weight": "x"}},
    "weights under numbers": {"state_dict": {3: ONE}},
    "no weights": {"state_dict": {}},
    "weights in a list": {"state_dict": [ONE]},
    "a weight of another shape": {"state_dict__conv1__weight": torch.ones(3)},
    "one number for all weights": {"state_dict__conv1__weight": torch.ones(1).expand(10, 10, 1, 1)},
    "a sparse weight": {"state_dict__conv1__weight": torch.ones(10, 1, 3, 3).to_sparse()},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_checkpoint_is_one_sentence(saved, capfd, kind: str) -> None:
    change(saved, **HOSTILE[kind])
    status, rows, (said,) = call(capfd, "c.pt", "0.png")
    assert (status, rows) == (1, [])
    assert said.isprintable()
    assert said.startswith("predict: c.pt: ")
    assert said.endswith("Give a checkpoint.pt of results/ first, and then images.")
    assert len(said) < 600


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_no_numbers_give_no_class(saved, capfd, value: float) -> None:
    state = torch.load(saved, weights_only=True)["state_dict"]
    for name in ("conv1.weight", "norm1.running_var"):
        changed = state[name].clone()
        changed.view(-1)[0] = value
        change(saved, state_dict=state | {name: changed})
        status, rows, (said,) = call(capfd, "c.pt", "0.png")
        assert (status, rows) == (1, [])
        assert f"c.pt: its weights {name} are not all finite numbers" in said


def test_what_is_no_checkpoint_is_one_sentence(saved, capfd) -> None:
    os.mkfifo("pipe.pt")
    Path("folder.pt").mkdir()
    with open("sparse.pt", "wb") as file:
        file.truncate(2**43)
    with zipfile.ZipFile("c.pt") as parts:
        entries = [part for part in parts.infolist() if "/data/" in part.filename]
    Path("overlap.pt").write_bytes(Path("c.pt").read_bytes())  # its directory lists one part a thousand times
    with zipfile.ZipFile("overlap.pt", "a") as archive:
        archive.filelist += entries * 1000
        archive._didModify = True  # type: ignore[attr-defined]
    for name, reason in {
        "pipe.pt": "it is a pipe, expected a regular file",
        "folder.pt": "it is a folder, expected a regular file",
        "/dev/zero": "it is a device, expected a regular file",
        "sparse.pt": "it has 8,796,093,022,208 bytes, expected 4,294,967,296 at most",
        "0.png": "File is not a zip file",
        "none.pt": "No such file or directory",
        "a\0b": "null",
        "overlap.pt": "its parts have more bytes than the file",
    }.items():
        status, rows, (said,) = call(capfd, name, "0.png")
        assert (status, rows) == (1, [])
        assert reason in said
    with pytest.raises(NormregError):
        list(predict.predict("pipe.pt", []))
