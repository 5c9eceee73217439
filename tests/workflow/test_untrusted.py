"""Names and paths nobody meant well, and files somebody damaged, on the real command line."""

import gzip
import os
import pickle
import shutil
from pathlib import Path

import pytest

NASTY = "-we ird $(touch ran) `touch ran`; touch ran & 'q' \"d\" ü数"
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below `folder`."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize(
    "files",
    [
        ("l2-gbn/gallery.png",),
        pytest.param(("summary.html", "l2-gbn/gallery.png", "explorer.html"), marks=pytest.mark.slow),
    ],
)
def test_hostile_names_run_nothing_and_nothing_is_written_elsewhere(new_project, tmp_path, files):
    """The project's folder and mnist_dir have a name that a shell would act on if it were unquoted."""
    project = new_project()
    folder = tmp_path / NASTY / "project"
    shutil.copytree(project.folder, folder)
    project.folder = folder
    project.keep("l2-gbn")
    before = snapshot(tmp_path)
    project.snakemake(*(f"results/digits/tiny/{name}" for name in files), config=(f"mnist_dir={NASTY}",))
    after = snapshot(tmp_path)
    inside = f"{NASTY}/project/"
    allowed = tuple(inside + name for name in ("results/", "resources/", "logs/", ".snakemake/"))
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert {path for path in changed if not path.startswith(allowed)} == set()
    assert {path.removeprefix(inside).split("/")[0] for path in changed} == {
        "results",
        "resources",
        "logs",
        ".snakemake",
    }
    assert len(list(folder.glob("results/digits/tiny/*/seed0/predictions.npz"))) == 1


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
    assert "results: found a file, expected a folder or nothing." in done.stdout
    assert "Traceback" not in done.stdout
    assert (project.folder / "results").read_text() == "in the way"


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="set MNIST_DIR to a folder with MNIST's four files")
def test_mnist_dir_may_be_named_anything_but_not_hold_something_else(new_project, tmp_path):
    project, data = new_project(), tmp_path / NASTY
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
    assert "SHA-256 of the uncompressed content is" in done.stdout
    assert "Traceback" not in done.stdout
