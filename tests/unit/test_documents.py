"""Links in the documents lead somewhere, and what they state of the product is so.

Every command in them is run here or elsewhere, or is said to need more.
"""

import ast
import csv
import re
from pathlib import Path

import pytest
import yaml

from normreg.analysis.verdicts import EffectVerdict
from normreg.config import leftovers, studies

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
    "make docs": "continuous integration",
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
    assert len(lines) <= 70


# --- what the documents state


def literal(node: ast.AST) -> str:
    """A text in a source with "…" for its values, or nothing."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return " ".join(re.sub(r"%[.\d]*[sdfg]", "…", node.value).split())
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        return " ".join("".join(map(str, parts)).split())
    return ""


def test_the_product_has_every_message_of_the_troubleshooting():
    sources = [*ROOT.glob("workflow/**/*.py"), *ROOT.glob("envs/*.py")]
    texts = {literal(node) for path in sources for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))}
    texts |= {" ".join(path.read_text(encoding="utf-8").split()) for path in ROOT.glob("workflow/rules/*.smk")}
    seen = re.findall(r"^\| (?!Snakemake)(.*?) \|", read("docs/troubleshooting.md"), re.MULTILINE)
    messages = [message for cell in seen for message in re.findall(r"`([^`]*…[^`]*)`", cell)]
    assert len(messages) > 25
    for message in messages:
        parts = [part.strip() for part in message.split("…") if len(part.strip(" .:;,")) > 2]
        assert any(all(part in text for part in parts) for text in texts), message


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_picture_of_the_workflow_has_every_rule_that_makes_files():
    rules = re.findall(
        r"^(?:rule|checkpoint) (\w+):", read("workflow/rules/run.smk") + read("workflow/rules/items.smk"), re.M
    )
    assert len(rules) > 12
    assert [rule for rule in rules if not re.search(rf"\b{rule}\b", read("docs/images/workflow.svg"))] == []


def test_targets_that_documents_name_are_rules():
    named = set()
    for document in DOCUMENTS:
        named |= {
            words[1] for words in map(str.split, commands(document)) if words[0] == "snakemake" and words[1][0] != "-"
        }
    assert {"training", "confirm"} <= named
    assert named <= set(re.findall(r"^rule (\w+):", read("Snakefile"), re.M))


def test_make_has_every_target_that_documents_name():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.M))
    named = {
        word for document in DOCUMENTS for word in re.findall(r"`make ([a-z][a-z-]*)", document.read_text("utf-8"))
    }
    assert {"digits", "test-slurm", "tables"} <= named
    assert named <= targets


def test_keys_given_on_the_command_line_are_keys_of_the_configuration():
    keys = {"normreg", *yaml.safe_load(read("workflow/scripts/normreg/config/config.schema.yaml"))["properties"]}
    for document in DOCUMENTS:
        for command in commands(document):
            for given in re.findall(r"--config (.*)", command):
                assert {word.strip("'").partition("=")[0] for word in given.split() if "=" in word} <= keys, command


@pytest.mark.parametrize("key", ["study", "network"])
def test_studies_and_networks_given_on_the_command_line_are_there(key):
    """In the project, or as a file that the same document shows."""
    folder = {"study": "config/studies", "network": "config/networks"}[key]
    built_in = ROOT / {"study": folder, "network": "workflow/scripts/normreg/models/built_in"}[key]
    at_hand = {path.stem for path in built_in.glob("*.yaml")}
    for document in DOCUMENTS:
        own = set(re.findall(rf"`{folder}/([\w-]+)\.\w+`", document.read_text("utf-8")))
        for command in commands(document):
            assert set(re.findall(rf"\b{key}=([\w-]+)", command)) <= at_hand | own | {"NAME"}, command


def test_statistics_explain_every_verdict():
    text = read("docs/statistics.md").replace("**", "").replace("worse by ...", "worse by less than the margin")
    shown = {
        verdict
        for verdict in EffectVerdict
        if verdict not in (EffectVerdict.DIVERGED, EffectVerdict.SLIGHTLY_DIFFERENT)
    }
    assert [verdict for verdict in shown if verdict not in text] == []


def test_the_tour_and_the_readme_name_the_eight_conditions():
    run = studies.load_run({"study": "controlled", "network": None, "epochs": None})
    assert len(run.conditions) == 8
    assert all(name in run.conditions for name in re.findall(r"`((?:none|l1|l2|l1l2)-g?bn)`", read("docs/tour.md")))


def test_the_readme_tells_what_the_data_of_the_controlled_study_give():
    """Effects as plain means of paired differences, computed here from the table of runs alone."""
    with (ROOT / "docs/data/mnist-controlled.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 80
    level = {(row["condition"], row["seed"]): float(row["last5_accuracy"]) for row in rows}
    seeds = sorted({seed for _, seed in level})
    pairs = {
        "L1": [("l1-bn", "none-bn"), ("l1l2-bn", "l2-bn"), ("l1-gbn", "none-gbn"), ("l1l2-gbn", "l2-gbn")],
        "L2": [("l2-bn", "none-bn"), ("l1l2-bn", "l1-bn"), ("l2-gbn", "none-gbn"), ("l1l2-gbn", "l1-gbn")],
        "GBN": [(f"{each}-gbn", f"{each}-bn") for each in ("none", "l1", "l2", "l1l2")],
    }
    found = []
    for two in pairs.values():
        differences = [level[one, seed] - level[other, seed] for one, other in two for seed in seeds]
        found.append(f"{sum(differences) / len(differences):+.3f}".replace("-", "−"))
    first, second, third = found
    assert f"{first}, {second} and {third}" in " ".join(read("README.md").split())


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
