"""The import closure against a hand-made package, and against what Python really imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from normreg.utils.code import import_closure


@pytest.fixture
def package(tmp_path):
    """A package `normreg` with modules that import each other in every way the project uses."""
    files = {
        "normreg/__init__.py": "",
        "normreg/a.py": "from normreg import b\nimport numpy",
        "normreg/b.py": "from normreg.c import thing",
        "normreg/c.py": "thing = 1",
        "normreg/unused.py": "",
        "normreg/inner/__init__.py": "from normreg.inner import one",
        "normreg/inner/one.py": "import normreg.c",
        "normreg/inner/two.py": "",
        "direct.py": "from normreg import a",
        "late.py": "def main():\n    from normreg.inner import one",
        "alone.py": "import os",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("alone.py", set()),
        ("direct.py", {"__init__.py", "a.py", "b.py", "c.py"}),
        ("late.py", {"__init__.py", "inner/__init__.py", "inner/one.py", "c.py"}),
    ],
)
def test_follows_every_import(package, script, expected):
    found = import_closure(package / script, package / "normreg")
    assert set(found) == {package / script} | {package / "normreg" / name for name in expected}


def test_relative_imports_are_refused(package):
    (package / "direct.py").write_text("from . import a")
    with pytest.raises(ValueError, match="relative import"):
        import_closure(package / "direct.py", package / "normreg")


@pytest.mark.parametrize(
    "script", ["train", "evaluate", "plot_comparison", "plot_gallery", "summarise", "prepare_data"]
)
def test_holds_every_module_python_imports(root, script):
    """Runs the script's own import statements and asks Python which modules were loaded."""
    scripts = root / "workflow/scripts"
    lines = (scripts / f"{script}.py").read_text().splitlines()
    imports = "\n".join(line.strip() for line in lines if line.strip().startswith(("import ", "from ")))
    tell = "import sys; print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'normreg'), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", f"{imports}\n{tell}"], cwd=scripts, capture_output=True, text=True, check=True
    )
    loaded = {Path(line) for line in done.stdout.splitlines()}
    assert loaded <= set(import_closure(scripts / f"{script}.py", scripts / "normreg"))


def test_training_does_not_depend_on_figures_statistics_or_configuration(root):
    scripts = root / "workflow/scripts"
    names = {path.relative_to(scripts).as_posix() for path in import_closure(scripts / "train.py", scripts / "normreg")}
    assert {"train.py", "normreg/training/loop.py", "normreg/models/layers.py", "normreg/__init__.py"} <= names
    assert not {n for n in names if "figures" in n or n.endswith(("summary.py", "studies.py", "sources.py"))}
