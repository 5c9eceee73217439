"""The project's promises about itself: pins agree, every rule has a log and an environment."""

import math
import re
import subprocess
import tomllib
from importlib.metadata import requires

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"
_CUDA = re.compile("nvidia-|cuda-|triton=")


def pins(lines):
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def locked(root, *files):
    return [pin for file in files for pin in pins((root / file).read_text().splitlines())]


def groups_of(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]


def test_conda_environment_has_the_pins_of_the_lock(root):
    lock = locked(root, RUNTIME)
    environment = yaml.safe_load((root / "envs/normreg.yaml").read_text())
    inner = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert inner == lock


@pytest.mark.parametrize("file", [RUNTIME, DEVELOPMENT])
def test_lock_is_fully_pinned_and_names_no_address(root, file):
    assert "://" not in (root / file).read_text()
    assert all(re.match(r"[A-Za-z0-9._\[\]-]+==[\w.+!]+( ;.*)?$", pin) for pin in locked(root, file))


def name(requirement):
    return re.match(r"[A-Za-z0-9-]+", requirement).group().lower()


@pytest.mark.parametrize(("file", "group"), [(RUNTIME, "workflow"), (DEVELOPMENT, "dev")])
def test_each_lock_has_the_direct_dependencies_of_its_group(root, file, group):
    lock = "\n".join(locked(root, file)).lower()
    for pin in groups_of(root)[group]:
        assert re.sub(r"\[.*\]", "", pin).lower().replace(">=", "==") in lock


def needed(requirement, environment):
    """The names of all packages that a requirement brings, by the metadata of those installed here."""
    found, todo = set(), [(Requirement(requirement).name, frozenset(Requirement(requirement).extras))]
    while todo:
        package, extras = todo.pop()
        if (package, extras) in found:
            continue
        found.add((package, extras))
        for each in map(Requirement, requires(package) or []):
            wanted = [{**environment, "extra": extra} for extra in extras or [""]]
            if each.marker is None or any(each.marker.evaluate(one) for one in wanted):
                todo.append((canonicalize_name(each.name), frozenset(each.extras)))
    return {canonicalize_name(package) for package, _ in found}


def test_the_locks_have_all_that_is_needed_and_the_first_one_no_more(root):
    run, develop = ({canonicalize_name(name(pin)) for pin in locked(root, file)} for file in (RUNTIME, DEVELOPMENT))
    groups = groups_of(root)
    for_runs = set().union(*(needed(each, {}) for each in groups["workflow"]))
    for_tests = set().union(*(needed(each, {}) for each in groups["dev"]))
    assert for_runs <= run
    assert for_tests <= run | develop
    assert not run & develop
    assert not develop & for_runs
    installed_nowhere_here = {canonicalize_name(name(pin)) for pin in locked(root, RUNTIME) if ";" in pin}
    assert run - for_runs <= installed_nowhere_here  # a pin for another system or Python


def test_pytorch_without_cuda_leaves_out_cuda_alone(root):
    def shown(*arguments):
        done = subprocess.run(["make", "-s", "requirements", *arguments], cwd=root, capture_output=True, text=True)
        return done.returncode, pins(done.stdout.splitlines()), done.stderr

    assert shown("TORCH=") == (0, locked(root, RUNTIME), "")
    _, without, _ = shown("TORCH=cpu")
    kept = [pin for pin in locked(root, RUNTIME) if not _CUDA.match(pin)]
    assert len(locked(root, RUNTIME)) - len(kept) == 19
    assert without == [f"{pin}+cpu" if pin.startswith("torch==") else pin for pin in kept]
    _, other, _ = shown("TORCH=cpu", "TORCH_VERSION=2.13.0", "TORCHVISION_VERSION=0.28.0")
    assert set(other) - set(without) == {"torch==2.13.0+cpu", "torchvision==0.28.0"}
    assert len(other) == len(without)
    code, _, said = shown("TORCH=gpu")
    assert code != 0
    assert "TORCH: found 'gpu'; expected cpu" in said


def test_the_container_file_copies_what_is_there_and_has_no_pins_of_its_own(root):
    text = (root / "Containerfile").read_text().replace("\\\n", " ")
    copied = [source for line in re.findall(r"^COPY (.*)$", text, re.M) for source in line.split()[:-1]]
    let_in = re.findall(r"^!(.*)$", (root / ".dockerignore").read_text(), re.M)
    assert sorted(copied) == sorted(let_in)
    assert all((root / source).exists() for source in copied)
    assert {"Snakefile", "workflow", "config", "envs", "profiles"} <= set(copied)
    assert "python envs/install.py pins" in text
    assert re.search(r"^ENV USER=\w+ HOME=/tmp$", text, re.M)  # for users without an entry in passwd
    assert "==" not in text
    assert "://" not in text


def test_the_library_asks_for_a_part_of_what_runs_need(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
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
    """Snakemake reads one of the two. `resources` is for one machine: on a cluster it would allow one GPU in all.

    So is the scheduler: on a cluster few jobs are ready, because each has many runs.
    """
    here, cluster = profile(root, "default"), profile(root, "slurm")
    for name in ("resources", "scheduler", "scheduler-subsample"):
        del here[name]
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
    assert groups["train"] != groups["evaluate"]
    assert settings["cores"] == 1  # the runs of a job train one after the other


def test_every_rule_that_does_work_has_log_and_conda(root):
    for path in (root / "workflow/rules").glob("*.smk"):
        for rule in re.findall(r"^rule \w+:\n(?:(?:    .*)?\n)+", path.read_text(), re.M):
            assert "    log:" in rule, rule
            assert "    conda:" in rule, rule
