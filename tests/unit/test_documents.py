"""Links in the documents lead somewhere. Every command in them is run here or elsewhere, or is said to need more."""

import re
from pathlib import Path

import pytest

from normreg.config import leftovers

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md")),
    *(ROOT / name for name in ("results/README.md", "benchmarks/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
# Commands that no dry run covers, by their beginning: where they run, or what they need.
ELSEWHERE = {
    "make digits": "the README's first command: the release check, and continuous integration's parts of it",
    "make test": "continuous integration",
    "make lint": "continuous integration",
    "make leftovers": "test_what_no_study_makes_is_listed",
    ". .venv/bin/activate": "the shell",
    "snakemake --report": "tests/workflow/test_main_job.py",
    "python benchmarks/speed.py": "needs MNIST; its parts run in test_benchmarks.py",
    ".venv/bin/python benchmarks/speed.py": "needs MNIST; its parts run in test_benchmarks.py",
    "python benchmarks/phases.py": "needs a GPU; its parts run in test_benchmarks.py",
    ".venv/bin/python benchmarks/scale.py": "takes an hour; its parts run in test_benchmarks.py",
    ".venv/bin/python benchmarks/phases.py": "takes minutes; its parts run in test_benchmarks.py",
    "pip install": "test_library.py",
    "mkdir": "the shell",
    "docker": "untried, as docs/install.md says; test_environment.py checks the text",
    "make slurm": "make test-slurm",
    "snakemake --workflow-profile profiles/slurm": "make test-slurm",
}
_EXAMPLES = ("extend.md", "module.md")


def commands(document: Path) -> list[str]:
    """The lines of the blocks of shell commands, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = (re.sub(r"\s+#.*", "", line).strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line]


def dry_runs() -> list[str]:
    """The commands of all documents that tests/workflow/test_commands.py gives to Snakemake.

    Those of docs/extend.md and docs/module.md need the files of their examples: test_extend.py and test_module.py in
    tests/workflow run them.
    """
    every = {command for document in DOCUMENTS if document.name not in _EXAMPLES for command in commands(document)}
    return sorted(command for command in every if not command.startswith(tuple(ELSEWHERE)))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(document):
    for text, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = document.parent / name if name else document
        assert path.exists(), f"{document.name}: [{text}]({target})"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{document.name}: [{text}]({target})"


def test_every_command_is_run_somewhere():
    assert all(command.startswith("snakemake ") for command in dry_runs()), dry_runs()
    assert len(dry_runs()) >= 6


def test_the_readme_is_one_screen():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 100


def test_what_no_study_makes_is_listed(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in (
        "digits/controlled/none-bn",
        "digits/controlled/gone-bn",
        "digits/controlled-e3",
        "digits/old",
        "cats/x",
    ):
        (tmp_path / name).mkdir(parents=True)
    found = {str(path.relative_to(tmp_path)): why for path, why in leftovers.find(tmp_path)}
    assert list(found) == ["cats", "digits/controlled/gone-bn", "digits/old"]
    assert "there is no config/studies/old.yaml" in found["digits/old"]
