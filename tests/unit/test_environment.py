"""The project's promises about itself: pins agree, every rule has a log and an environment."""

import re
import tomllib

import yaml


def pins(lines):
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def test_conda_environment_has_the_pins_of_the_lock(root):
    lock = pins((root / "requirements.lock").read_text().splitlines())
    environment = yaml.safe_load((root / "envs/normreg.yaml").read_text())
    inner = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert inner == lock


def test_lock_is_fully_pinned_and_names_no_address(root):
    lock = (root / "requirements.lock").read_text()
    assert "://" not in lock
    assert all(re.match(r"[A-Za-z0-9._\[\]-]+==[\w.+!]+( ;.*)?$", pin) for pin in pins(lock.splitlines()))


def name(requirement):
    return re.match(r"[A-Za-z0-9-]+", requirement).group().lower()


def test_lock_has_the_direct_dependencies(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    lock = (root / "requirements.lock").read_text().lower()
    for pin in groups["workflow"] + groups["dev"]:
        assert re.sub(r"\[.*\]", "", pin).lower().replace(">=", "==") in lock
    library = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["all"]
    assert {name(each) for each in library} < {name(pin) for pin in groups["workflow"]}
    assert not [each for each in library if "==" in each or name(each) == "snakemake"]  # for use beside other things


def test_every_rule_that_does_work_has_log_and_conda(root):
    for path in (root / "workflow/rules").glob("*.smk"):
        for rule in re.findall(r"^rule \w+:\n(?:(?:    .*)?\n)+", path.read_text(), re.M):
            assert "    log:" in rule, rule
            assert "    conda:" in rule, rule
