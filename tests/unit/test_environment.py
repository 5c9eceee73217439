"""The project's promises about itself: pins agree, every rule has a log and an environment."""

import math
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


def test_what_a_cluster_needs_besides_is_pinned_once_and_optional(root):
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    assert pins((root / "requirements-slurm.lock").read_text().splitlines()) == groups["slurm"]
    assert all("==" in pin for pin in groups["slurm"])
    assert not {name(pin) for pin in groups["slurm"]} & {
        name(pin) for pin in pins((root / "requirements.lock").read_text().splitlines())
    }


def profile(root, name):
    return yaml.safe_load((root / f"profiles/{name}/config.yaml").read_text())


def pairs(entries):
    return dict(entry.split("=") for entry in entries)


def test_the_profile_of_a_cluster_repeats_what_holds_on_every_machine(root):
    """Snakemake reads one of the two. `resources` is for one machine: on a cluster it would allow one GPU in all."""
    here, cluster = profile(root, "default"), profile(root, "slurm")
    del here["resources"]
    assert here.items() <= cluster.items()
    assert "resources" not in cluster
    assert not any("array" in key for key in cluster)


def test_240_runs_are_16_slurm_jobs_at_most(root):
    settings = profile(root, "slurm")
    runs_of = {
        rule: int(pairs(settings["group-components"])[group]) for rule, group in pairs(settings["groups"]).items()
    }
    assert sum(math.ceil(240 / runs_of[rule]) for rule in ("train", "evaluate")) <= 16
    # An evaluation in the job of its training would remove the state that a retry of this job needs.
    groups = pairs(settings["groups"])
    assert groups["train"] not in (groups["evaluate"], groups["evaluate_holdout"])
    assert settings["cores"] == 1  # the runs of a job train one after the other


def test_every_rule_that_does_work_has_log_and_conda(root):
    for path in (root / "workflow/rules").glob("*.smk"):
        for rule in re.findall(r"^rule \w+:\n(?:(?:    .*)?\n)+", path.read_text(), re.M):
            assert "    log:" in rule, rule
            assert "    conda:" in rule, rule
