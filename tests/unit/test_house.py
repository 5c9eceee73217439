"""The library's packages import only downwards, and importing a package imports nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

# Each package may import itself and what stands after it.
ORDER = ["predict", "workflow", "report", "engines", "training", "analysis", "config", "data"]
ORDER += ["models", "settings", "utils", "errors"]


@pytest.fixture(scope="module")
def library(root) -> Path:
    return root / "workflow/scripts/normreg"


def imported_packages(file: Path) -> set[str]:
    """First names below normreg of every import statement of a file, those inside functions included."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            if node.module == "normreg":
                names |= {alias.name for alias in node.names}
            elif (node.module or "").startswith("normreg."):
                names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("normreg.")}
    return names


def test_the_order_names_every_package(library):
    found = {path.stem for path in library.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert found - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("package", ORDER)
def test_a_package_imports_only_itself_and_what_stands_below(library, package):
    module = library / f"{package}.py"
    files = [module] if module.is_file() else sorted((library / package).rglob("*.py"))
    allowed = set(ORDER[ORDER.index(package) :])
    upward = {str(file): names for file in files if (names := imported_packages(file) - allowed)}
    assert files
    assert upward == {}


def test_packages_themselves_import_nothing(library):
    for file in library.rglob("__init__.py"):
        (docstring,) = ast.parse(file.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), file


def test_the_engines_are_one_behind_another_and_not_beside(library):
    """No engine imports another: what they share stands below them."""
    engines = {"pytorch.py": "pytorch", "numba_cpu": "numba_cpu"}
    for place, name in engines.items():
        path = library / "engines" / place
        for file in [path] if path.is_file() else path.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("normreg.engines."):
                    assert node.module.split(".")[2] in (name, "contract"), f"{file} imports {node.module}"


def test_the_library_imports_without_snakemake_and_its_tables_and_figures_without_torch(root):
    """Every module of these packages at once, in a fresh process."""
    code = (
        "import importlib, pathlib, sys\n"
        "def check(names, forbidden):\n"
        "    for name in names:\n"
        "        place = pathlib.Path('normreg', name)\n"
        "        for file in sorted(place.rglob('*.py')) if place.is_dir() else [place]:\n"
        "            importlib.import_module('.'.join(file.with_suffix('').parts).removesuffix('.__init__'))\n"
        "    found = forbidden & set(sys.modules)\n"
        "    assert not found, (names, found)\n"
    )
    needs_torch = {"about.py", "layers.py"}
    report = [
        path.name for path in (root / "workflow/scripts/normreg/report").glob("*.py") if path.name not in needs_torch
    ]
    light = ["analysis", "config", "utils", "data/dataset.py", *(f"report/{name}" for name in sorted(report))]
    light += ["report/explorer"]
    code += f"check({light}, {{'snakemake', 'torch', 'scipy.stats'}})\ncheck({ORDER[:-1]}, {{'snakemake'}})\n"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=root / "workflow/scripts", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_script_puts_its_clone_first_on_the_path_before_it_imports_the_library(root):
    """Otherwise a job would run another copy that is installed; see tests/workflow/test_surroundings.py."""
    for script in (root / "workflow/scripts").glob("*.py"):
        imported: set[str] = set()
        for statement in ast.parse(script.read_text(encoding="utf-8")).body:
            if ast.unparse(statement) == "sys.path.insert(0, snakemake.scriptdir)":
                break
            imported |= {name.split(".")[0] for name in imports_of(statement)}
        assert imported <= set(sys.stdlib_module_names), script
        assert "sys" in imported, script


def imports_of(statement: ast.stmt) -> list[str]:
    """The modules that a statement imports."""
    if isinstance(statement, ast.ImportFrom):
        return [statement.module or ""]
    assert isinstance(statement, ast.Import | ast.Expr), ast.unparse(statement)
    return [alias.name for alias in statement.names] if isinstance(statement, ast.Import) else []
