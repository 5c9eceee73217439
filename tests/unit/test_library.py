"""The library outside the workflow: it installs, and the examples of docs/library.md run with what it asks for."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest

from normreg.models.build import build
from normreg.training import checkpoint

PACKED = (".py", ".yaml", ".html", ".css", ".js")
# What the workflow has and the library must not need.
FORBIDDEN = ("snakemake", "matplotlib", "numba", "pandas", "psutil", "scipy", "sklearn", "torchvision")


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """Built by pip as `pip install .` does, from a copy: building leaves files in the source folder."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, folder / name)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(root / "workflow/scripts", folder / "workflow/scripts", ignore=ignored)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", "dist"]  # needs no network
    command = [sys.executable, "-m", "pip", "wheel", *options, "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (file,) = (folder / "dist").iterdir()
    return file


def test_the_wheel_has_every_module_and_schema_and_nothing_else(root, wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    library = root / "workflow/scripts"
    files = (path for path in (library / "normreg").rglob("*") if path.suffix in PACKED)
    assert packed == {str(path.relative_to(library)) for path in files}


def test_the_wheel_asks_for_bounds_and_not_for_the_workflow(root, wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        asked = re.findall(r"^Requires-Dist: (.*)$", archive.read(name).decode(), re.M)
    stated = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    assert [line for line in asked if "extra" not in line] == stated
    assert not [line for line in asked if "==" in line.split(";")[0] or line.startswith("snakemake")]


def python_examples(root):
    return re.findall(r"^```python\n(.*?)^```", (root / "docs/library.md").read_text(), re.M | re.S)


@pytest.mark.slow  # torch.export takes many seconds
@pytest.mark.parametrize("package", ["torch.export", "onnxruntime", "tensorboard", "mlflow"])
def test_the_examples_for_other_tools_run(root, tmp_path, condition, provenance, package):
    pytest.importorskip(package)
    run = tmp_path / "results/digits/controlled/l1-gbn/seed0"
    checkpoint.save(run / "checkpoint.pt", build(condition()), condition(), provenance())
    (run / "metrics.csv").write_text("epoch,train_loss,validation_loss,validation_accuracy\n1,2.5,,\n2,1.5,1.25,75.5\n")
    row = "condition,seed,network,lambdas.l1,epochs,test_accuracy,test_loss\nl1-gbn,0,gilf641,1e-05,2,75.5,1.25\n"
    (run.parents[1] / "runs.csv").write_text(row)
    _, _, _, _, plain, export, onnx, board, flow = python_examples(root)
    code = {"torch.export": plain + export, "onnxruntime": plain + export + onnx, "tensorboard": board, "mlflow": flow}
    environment = {"PYTHONPATH": str(root / "workflow/scripts"), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", code[package]]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if package == "tensorboard":
        assert list(tmp_path.glob("tb/l1-gbn/seed0/events*"))


def test_the_examples_run_outside_the_clone(root, wheel, tmp_path, condition, provenance):
    """In a folder that has only a study file and a checkpoint, with the installed package and what it asks for."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    here = tmp_path / "here"
    (here / "config").mkdir(parents=True)
    shutil.copytree(root / "config/studies", here / "config/studies")
    saved = condition(norm="gbn", num_splits=2)
    checkpoint.save(here / "results/digits/controlled/l1-gbn/seed0/checkpoint.pt", build(saved), saved, provenance())
    examples = python_examples(root)[:5]  # the others need more packages
    code = f"import sys\nsys.modules.update(dict.fromkeys({FORBIDDEN!r}))\n" + "".join(examples)
    code += "import normreg; print(normreg.__file__)"
    environment = {"PYTHONPATH": str(tmp_path / "installed"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "installed"))
