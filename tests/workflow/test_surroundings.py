"""What is around a clone: other copies of the library, a folder with a space, links to nowhere, missing rights."""

import compileall
import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from waiting import HANG


def snakemake(folder, *arguments, python=(sys.executable,), **environment):
    """Prepares the digits in `folder`; returns exit status and all that is said."""
    command = [*python, "-m", "snakemake", "--cores", "1", *arguments, "--config", "dataset=digits"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG,
    )
    return done.returncode, done.stdout


@pytest.fixture
def foreign(tmp_path):
    """A function that puts another normreg into a folder. It ends the process that imports it."""

    def put(folder: Path, text: str = "raise SystemExit('FOREIGN')\n") -> str:
        (folder / "normreg").mkdir(parents=True)
        (folder / "normreg/__init__.py").write_text(text)
        return str(folder)

    return put


def test_jobs_run_the_library_of_the_clone_whatever_else_is_installed(new_project, foreign, tmp_path):
    """Another copy is everywhere where Python looks, and the interpreter is in a folder with a space.

    The run is started somewhere else than in the clone and goes to a third folder, which has no config.yaml. The clone
    has byte code of an earlier source that had the same size and time.
    """
    clone, start, place = new_project().folder, tmp_path / "start", tmp_path / "place"
    source = clone / "workflow/scripts/normreg/data/sources.py"
    compileall.compile_file(source, quiet=1)
    before = source.stat()
    source.write_text(source.read_text().replace(" test images", " TEST IMAGES"))
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert source.stat().st_size == before.st_size
    venv.create(tmp_path / "my env")
    (packages,) = tmp_path.glob("my env/lib/*/site-packages")
    (packages / "these.pth").write_text("\n".join(site.getsitepackages()))
    for folder in (packages, place / ".snakemake/scripts", place, start):
        foreign(folder)
    code, said = snakemake(
        start,
        *("--snakefile", f"{clone}/Snakefile", "--directory", f"{place}", "resources/digits.npz"),
        python=(f"{tmp_path}/my env/bin/python",),
        PYTHONPATH=foreign(tmp_path / "library"),
    )
    assert code == 0, said
    assert "906 train and 891 TEST IMAGES" in said
    assert (place / "resources/digits.npz").stat().st_size > 0
    assert not (clone / "resources").exists()


def test_another_library_that_is_loaded_already_is_named(new_project, foreign, tmp_path):
    clone = new_project().folder
    other = foreign(tmp_path / "other", text="")
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.path.insert(0, {other!r})\nimport normreg\n")
    code, said = snakemake(clone, "-n", PYTHONPATH=str(tmp_path))
    assert code != 0
    assert f"{other}/normreg/__init__.py is loaded already, but this workflow needs {clone}/workflow" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("folder", ["results", pytest.param(".snakemake", marks=pytest.mark.slow)])
def test_a_link_to_nowhere_in_place_of_a_folder_is_named(new_project, folder):
    clone = new_project().folder
    (clone / folder).symlink_to("gone")
    code, said = snakemake(clone, "-n")
    assert code != 0
    assert f"{folder}: found a link to gone, which is not there; expected a folder or nothing." in said
    assert "Traceback" not in said


def test_a_tree_that_may_not_be_written_is_one_message(new_project):
    clone = new_project().folder
    (clone / ".snakemake").mkdir(mode=0o555)
    bound = shutil.which("setpriv") if os.geteuid() == 0 else None
    if os.geteuid() == 0 and bound is None:
        pytest.skip("root may write everywhere, and there is no setpriv to take that right away")
    rights = [bound, "--inh-caps=-dac_override", "--bounding-set=-dac_override"] if bound else []
    code, said = snakemake(clone, "-n", python=(*rights, sys.executable))
    assert code != 0
    assert f"{clone}/.snakemake: this user may not write there." in said
    assert "Traceback" not in said
