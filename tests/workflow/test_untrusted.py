"""Names and paths nobody meant well, and files somebody damaged, on the real command line."""

import base64
import gzip
import json
import os
import pickle
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from normreg import predict

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def contents(folder: Path) -> dict[Path, bytes]:
    """The file, or every file below `folder` but Python's byte code."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in (folder, *folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_hostile_names_run_nothing_and_nothing_is_written_elsewhere(finished, new_project, nasty):
    """A whole run in a folder, and with a mnist_dir, whose name a shell would act on if it were unquoted."""
    folder = finished.folder
    assert [path.name for path in folder.parents[1].iterdir()] == [nasty]
    assert [path.name for path in folder.parent.iterdir()] == ["project"]
    fresh = new_project().folder
    generated = {path.name for path in folder.iterdir()} - {path.name for path in fresh.iterdir()}
    assert generated == {"results", "resources", "logs", ".snakemake"}
    for path in fresh.iterdir():
        assert contents(folder / path.name) == contents(path)
    assert not list(folder.rglob("ran"))


@pytest.mark.parametrize("name", [pytest.param("../x", marks=pytest.mark.slow), "$(touch ran)"])
def test_a_hostile_study_name_is_refused(finished, name):
    done = finished.snakemake("-n", config=(f"study={name}",), check=False)
    assert done.returncode != 0
    assert f"config: key 'study': found '{name}'; expected the name of a file in config/studies" in done.stdout
    assert "Traceback" not in done.stdout
    assert not list(finished.folder.rglob("ran"))


class Evil:
    """Unpickled by a careless reader, it makes a folder named `ran`."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_damaged_results_are_each_one_message_and_never_run_code(copy):
    runs = copy.folder / "results/digits/tiny"
    flipped = runs / "none-bn/seed0/checkpoint.pt"
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    evil = runs / "l1-bn/seed0/checkpoint.pt"
    evil.write_bytes(pickle.dumps(Evil()))
    metrics = runs / "l2-gbn/seed0/metrics.csv"
    metrics.write_text(metrics.read_text().replace("\n1,", "\n1,a", 1))
    targets = [f"results/digits/tiny/{name}/seed0/predictions.npz" for name in ("none-bn", "l1-bn")]
    targets.append("results/digits/tiny/l2-gbn/curves.png")
    done = copy.snakemake(*targets, check=False)
    assert "results are empty or end too early" in done.stdout
    assert "l1-bn/seed0/checkpoint.pt" in done.stdout
    evil.write_bytes(pickle.dumps(Evil()) + b"PK\x05\x06" + bytes(18))  # now it ends as an archive does
    done = copy.snakemake(*targets, check=False)
    assert done.returncode != 0
    assert "none-bn/seed0/checkpoint.pt: cannot be read as a checkpoint (the CRC-32 of its part" in done.stdout
    assert "l1-bn/seed0/checkpoint.pt: cannot be read as a checkpoint" in done.stdout
    assert "l2-gbn/seed0/metrics.csv: cannot be read as metrics" in done.stdout
    assert "Traceback" not in done.stdout
    assert not list(copy.folder.rglob("ran"))
    assert not (runs / "none-bn/seed0/predictions.npz").exists()


def test_a_file_where_a_folder_belongs_is_named(new_project):
    project = new_project()
    (project.folder / "results").write_text("in the way")
    done = project.snakemake("training", check=False)
    assert done.returncode != 0
    assert "results: found a file; expected a folder or nothing." in done.stdout
    assert "Traceback" not in done.stdout
    assert (project.folder / "results").read_text() == "in the way"


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="set MNIST_DIR to a folder with MNIST's four files")
def test_mnist_dir_may_be_named_anything_but_not_hold_something_else(new_project, tmp_path, nasty):
    project, data = new_project(), tmp_path / nasty
    data.mkdir()
    for name in FILES:
        found = next(p for p in Path(os.environ["MNIST_DIR"]).iterdir() if p.name.startswith(name))
        content = found.read_bytes() if found.suffix != ".gz" else gzip.decompress(found.read_bytes())
        (data / name).write_bytes(content)
    project.snakemake("resources/mnist.npz", config=("dataset=mnist", f"mnist_dir={data}"))
    assert not list(project.folder.rglob("ran"))
    moved = data.rename(tmp_path / "elsewhere")
    again = project.snakemake("resources/mnist.npz", config=("dataset=mnist", f"mnist_dir={moved}"))
    assert "Nothing to be done" in again.stdout
    content = bytearray((moved / FILES[3]).read_bytes())
    content[-1] ^= 1
    (moved / FILES[3]).write_bytes(content)
    forced = ("resources/mnist.npz", "--forcerun", "prepare_data")
    done = project.snakemake(*forced, config=("dataset=mnist", f"mnist_dir={moved}"), check=False)
    assert f"{moved / FILES[3]} is not the published file" in done.stdout
    assert "Traceback" not in done.stdout


# --- words and files of outsiders in a whole run

WORDS = "<img src=x onerror=alert(1)> $x$ {{7*7}} *b* |s| `x`_ &amp;"
CLASSES = (b"<b onclick=alert(1)>", b"$\\frac$ {{7*7}} `x`_ |s|", b"<! --x", "نمی\u200cدانم".encode())
IMAGES = (b"a\x1b[2Jb.png", b"\xff\xfe.png", "x\u202egnp.png".encode(), b"line\nend.png", b"<img onerror=alert(1)>.png")
IMAGES += ("q\u2028.. include:: secret.png".encode(), b"$(touch ran) ${HOME}.png", b"{wildcards}.png", b"'\".png")
NETWORK = """\
from torch import nn
Odd = type("<script>alert(1)<!--", (nn.Conv2d,), {})
def build(spec):
    net = nn.Sequential()
    net.add_module("</script><img src=x onerror=alert(1)> $\\\\frac", Odd(spec.channels, 4, 3))
    for layer in (nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, spec.classes)):
        net.append(layer)
    return net
"""
CLAIM = f"""
E-words:
  study: tiny
  text: "{WORDS}"
  evidence: "{WORDS}"
  reason: "{WORDS}"
"""
ACTING = re.compile("\x1b\\[2J|[\x80-\x9f\u202e\u2028]")


class Page(HTMLParser):
    """What a browser would run of a page: scripts by their id, and attributes that are code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: dict[str, str] = {}
        self.active: list[object] = []
        self.id = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.id = dict(attrs).get("id", "") if tag == "script" else ""
        self.active += [(tag, name, value) for name, value in attrs if name.startswith("on") or "alert" in str(value)]

    def handle_data(self, data):
        if self.id:
            self.scripts[self.id] = self.scripts.get(self.id, "") + data

    def variable(self, name: str):
        """The value of a script `var ... = value;`."""
        return json.loads(self.scripts[name].partition("=")[2].strip().removesuffix(";"))


def write_hostile(project) -> None:
    """A data set, a network, a claim and settings of matplotlib as nobody has them who means well."""
    random = np.random.default_rng(0)
    for split in (b"train", b"test"):
        for name in CLASSES:
            folder = os.path.join(os.fsencode(project.folder), b"photos", split, name)
            os.makedirs(folder)
            for image in IMAGES:
                pixels = Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8))
                with open(os.path.join(folder, image), "wb") as file:
                    pixels.save(file, "PNG")
    (project.folder / "config/datasets").mkdir(exist_ok=True)
    (project.folder / "config/datasets/odd.yaml").write_text(json.dumps({"name": WORDS, "folder": "photos"}))
    (project.folder / "config/networks").mkdir(exist_ok=True)
    (project.folder / "config/networks/odd.py").write_text(NETWORK)
    with open(project.folder / "config/claims.yaml", "a") as claims:
        claims.write(CLAIM)
    (project.folder / "matplotlibrc").write_bytes(b"image.origin: lower\n# \xff is no UTF-8\n")
    project.change_study(network="odd", batch_size=16, dropout=0.0)
    project.keep("l2-gbn")


@pytest.mark.slow  # its parts are in tests/unit: test_outsiders.py, test_predict.py, test_image_names.py
def test_words_of_outsiders_reach_no_script_no_terminal_and_no_file(new_project, monkeypatch, capfd):
    project = new_project()
    write_hostile(project)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    said = project.snakemake(config=("dataset=odd",)).stdout
    said += project.snakemake("--report", "report.html", config=("dataset=odd",)).stdout
    texts = {"console": said}
    for folder in ("logs", "results"):
        found = [
            path for path in (project.folder / folder).rglob("*") if path.suffix in (".log", ".csv", ".html", ".svg")
        ]
        texts |= {str(path): path.read_text(encoding="utf-8") for path in found}
    assert len(texts) > 20
    assert [name for name, text in texts.items() if ACTING.search(text)] == []
    assert not list(project.folder.rglob("ran"))
    report = Page(project.read("report.html"))
    assert report.active == []
    results = report.variable("results")
    assert len(results) > 15
    pages = [one["data_uri"] for one in results.values() if one["data_uri"].startswith("data:text/html")]
    assert len(pages) > 8
    for page in [
        report.variable("workflow-desc"),
        *(base64.b64decode(page.partition(",")[2]).decode() for page in pages),
    ]:
        assert Page(page).active == []
    assert "$x$ {{7*7}} *b* |s| `x`_ &amp;amp;" in report.variable("workflow-desc")
    monkeypatch.chdir(project.folder)
    checkpoint, image = (
        "results/odd/tiny/l2-gbn/seed0/checkpoint.pt",
        os.fsdecode(os.path.join(b"photos/test", CLASSES[0], IMAGES[0])),
    )
    assert predict.main([checkpoint, image]) == 1
    assert "its network is Python code" in capfd.readouterr().err
    assert predict.main([checkpoint, image, "--network", "config/networks/odd.py"]) == 0
    assert "a\\x1b[2Jb.png,1," in capfd.readouterr().out
