"""The examples of docs/extend.md, as they stand there: their files, their Python, their commands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import warm
from PIL import Image

_BLOCK = re.compile(r"(?:`([\w./-]+)`:\n\n)?```(sh|python|yaml)\n(.*?)^```", re.M | re.S)
_FIGURES = (
    "validation_accuracy.png",
    "validation_loss.png",
    "effects.png",
    "none-bn/gallery.png",
    "none-bn/confusion.png",
)


class Examples:
    """The sections of docs/extend.md in a copy of the project, in order."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        self.text = (root / "docs/extend.md").read_text(encoding="utf-8")
        for name in ("workflow", "config", "envs"):
            shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(root / "Snakefile", folder)

    def write(self, section: str) -> list[str]:
        """Writes the files of a section and runs its Python. Returns its commands."""
        body = self.text.partition(f"## {section}\n")[2].partition("\n## ")[0]
        commands = []
        for path, language, block in _BLOCK.findall(body):
            if path:
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / path).write_text(block)
            elif language == "python":
                self.run([sys.executable, "-c", block])
            else:
                commands += block.splitlines()
        return commands

    def run(self, command: list[str], **variables: str) -> str:
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | variables
        if Path(command[0]).name == "snakemake":
            done = warm.snakemake(command[1:], self.folder, environment)
            assert done.returncode == 0, done.stdout
            return done.stdout
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def examples(root, tmp_path_factory):
    made = Examples(root, tmp_path_factory.mktemp("extend"))
    made.write("A condition of your own")
    return made


SECTIONS = {
    "A condition of your own": "digits/mine",
    "Any setting as a question": "digits/crossed",
    "How much of a setting": "digits/dose",
    "Another quantity as the answer": "digits/calibrated",
    "A network of your own, as a list of layers": "digits/mine-wide",
    "A network of your own, in Python": "digits/mine-code",
    "A folder with a test split": "photos/mine-small3",
    "Arrays in a .npz file": "eight/mine-small3",
}


def test_no_example_takes_ten_lines(root):
    text = (root / "docs/extend.md").read_text(encoding="utf-8")
    assert set(SECTIONS) < {line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")}
    for section in SECTIONS:
        body = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
        assert all(block.count("\n") < 10 for _, _, block in _BLOCK.findall(body))


def test_your_images_in_five_minutes_until_they_train(examples, tmp_path):
    """Its dry run, and the run itself as a dry run, on photographs of several sizes in a folder below HOME."""
    for name in ("cat", "dog"):
        (tmp_path / "pictures/pets" / name).mkdir(parents=True)
        for number in range(10):
            pixels = np.random.default_rng(number).integers(0, 256, (40 + number, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"pictures/pets/{name}/{number:03d}.jpg")
    look, train, report, *_ = examples.write("Your images in five minutes")
    assert "Error" not in examples.run(look.split(), HOME=str(tmp_path))
    said = examples.run([*train.replace("--cores 4", "-n --cores 4").split()], HOME=str(tmp_path))
    assert said.count("rule train:") == 8
    assert "results/pets/controlled-small3-e5/none-bn/gallery.png" in said
    assert report.split("--config ")[1] == train.split("--config ")[1]


@pytest.mark.parametrize("section", SECTIONS)
def test_an_example_is_accepted_and_would_make_its_figures(examples, section):
    """A dry run: files and names are right, and the network fits the images."""
    (command,) = examples.write(section)
    said = examples.run([*command.replace("--cores 4", "-n --quiet=host --cores 4").split(), "seeds=1"])
    name = SECTIONS[section].partition("/")[2]
    first = {"crossed": "bn-dropout-0-sgd", "calibrated": "label-smoothing-0"}.get(name, "none-bn")
    assert f"results/{SECTIONS[section]}/{first}/gallery.png" in said
    assert said.count("rule train:") == {"crossed": 12, "dose": 5, "calibrated": 2}.get(name, 3)


def finish(examples, section, epochs):
    (command,) = examples.write(section)
    said = examples.run([*command.replace("--cores 4", "--cores 2").split(), "seeds=1", f"epochs={epochs}"])
    folder = examples.folder / "results" / f"{SECTIONS[section]}-e{epochs}"
    for name in _FIGURES:
        with Image.open(folder / name) as picture:
            picture.verify()
    return folder, said


@pytest.mark.slow
def test_patches_of_photographs_train_from_command_to_figures_and_predictions(examples):
    folder, _ = finish(examples, "A folder with a test split", epochs=10)
    assert len(pd.read_csv(folder / "summary.csv")) == 3
    with np.load(folder / "none-bn/seed0/predictions.npz") as found:
        files = found["files"].tobytes().decode().split("\0")
        assert len(files) == len(found["labels"])
        assert [file.split("/")[1] == "flower" for file in files] == found["labels"].tolist()
    assert set(pd.read_csv(folder / "agreement.csv")["file"]) < set(files)
    (command,) = examples.write("Use the model")
    words = command.replace("mine-small3", "mine-small3-e10").split()
    said = examples.run([sys.executable, *words[2:]], PYTHONPATH="workflow/scripts")
    rows = [line.split(",") for line in said.strip().splitlines()]
    assert rows[0] == ["image", "rank", "class", "confidence"]
    assert [row[0] for row in rows[1:]] == ["photos/test/china/289-0.png", "photos/test/flower/289-0.png"]
    assert all(row[2] in ("china", "flower") and 50 <= float(row[3]) <= 100 for row in rows[1:])


@pytest.mark.slow
@pytest.mark.parametrize(
    "section", [section for section in SECTIONS if "folder" not in section and "Any" not in section]
)
def test_every_other_example_runs_to_its_figures(examples, section):
    folder, _ = finish(examples, section, epochs=2)
    assert len(pd.read_csv(folder / "summary.csv")) == 3


@pytest.mark.slow
def test_any_setting_is_a_question_from_command_to_effects(examples):
    (command,) = examples.write("Any setting as a question")
    examples.run([*command.replace("--cores 4", "--cores 2").split(), "seeds=2", "epochs=1"])
    effects = pd.read_csv(examples.folder / "results/digits/crossed-e1/effects.csv")
    whole = effects[(effects["level"] == "effect") & (effects["quantity"] == "final_accuracy")]
    assert dict(zip(whole["factor"], whole["pairs"], strict=True)) == {
        **{"GBN": 4, "GN": 4, "dropout 0 → 0.1": 6, "adamw instead of sgd": 6}
    }
    assert len(effects[effects["level"] == "interaction"]) == 2 * 5  # GBN and GN are two levels of one factor
