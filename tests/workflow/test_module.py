"""The example of docs/module.md, as it stands there: another workflow imports this one."""

import re
import shutil

import pandas as pd
import pytest
import warm
import yaml

_FILE = re.compile(r"^`([\w./-]+)`[^`]*:\n\n```(?:python|yaml)\n(.*?)^```", re.M | re.S)
_RUN = "regularisation/results/digits/mine-wide"
_MORE = """

use rule train from normreg as normreg_train with:
    threads: 1
"""


class Importer:
    """The folder of the importing workflow, with this project in modules/normreg."""

    def __init__(self, root, folder):
        self.folder = folder
        for name in ("workflow", "config", "envs"):
            target = folder / "modules/normreg" / name
            shutil.copytree(root / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(root / "Snakefile", folder / "modules/normreg")
        self.files = dict(_FILE.findall((root / "docs/module.md").read_text(encoding="utf-8")))
        for path, content in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)

    def snakemake(self, *arguments, check=True):
        done = warm.snakemake(["--cores", "2", *arguments], self.folder)
        assert (done.returncode == 0) == check, done.stdout
        return done.stdout


@pytest.fixture
def importer(root, tmp_path):
    return Importer(root, tmp_path)


def test_what_is_wrong_is_said_in_one_message(importer):
    config = importer.folder / "config/config.yaml"
    config.write_text(config.read_text() + "  sedes: 2\n")
    said = importer.snakemake("-n", check=False)
    assert "config: unknown key 'sedes'" in said
    assert "Traceback" not in said
    config.write_text(importer.files["config/config.yaml"])

    theirs = "modules/normreg/config/studies/controlled.yaml"
    content = (importer.folder / theirs).read_text()
    (importer.folder / "config/studies/controlled.yaml").write_text(content + "# mine\n")
    said = importer.snakemake("-n", check=False)
    assert f"config/studies/controlled.yaml: its name is also that of {theirs}, which differs" in said
    assert "Traceback" not in said


def test_the_example_trains_and_summarises(importer):
    """What the importing workflow's own rule needs; then nothing is to be done, also with a rule that it changes."""
    importer.snakemake("conclusion.csv")
    summary = pd.read_csv(importer.folder / "conclusion.csv")
    assert set(summary["condition"]) == {"none-bn", "strong-l1"}
    assert set(summary["seed"]) == {0}  # from the defaults
    for folder in ("results", "resources", "logs"):
        assert not (importer.folder / folder).exists()
    said = importer.snakemake("-n", "conclusion.csv", "--config", "normreg={seeds: 2}")  # as the document has it
    assert re.search(r"^normreg_train +2$", said, re.M), said
    with open(importer.folder / "Snakefile", "a") as file:
        file.write(_MORE)
    assert "Nothing to be done" in importer.snakemake("-n", "conclusion.csv")


@pytest.mark.slow  # 60 s of a processor; the test above finds faults of paths in training and evaluation
def test_the_whole_example_runs_with_its_report(importer):
    importer.snakemake()
    for file in ("validation_accuracy.png", "none-bn/gallery.png", "effects.html", "explorer.html"):
        assert (importer.folder / _RUN / file).stat().st_size > 0, file
    assert "Nothing to be done" in importer.snakemake("-n")
    importer.snakemake("--report", "report.html")
    assert "mine-wide" in (importer.folder / "report.html").read_text()


def test_the_catalog_file_has_what_the_catalog_reads(root):
    usage = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    stack = usage["software-stack-deployment"]
    assert set(stack) == {"conda", "apptainer", "apptainer+conda", "report"}
    assert stack["conda"] == (root / "envs/normreg.yaml").is_file()
    assert (root / "config/README.md").is_file()
