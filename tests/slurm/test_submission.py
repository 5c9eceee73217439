"""What the profile asks Slurm for. Programs that only write down what they are called with stand in its place."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from cluster import without_plugin
from waiting import wait_until

SBATCH = """#!/bin/sh
echo "$@" >> "$CALLS"
wc -l < "$CALLS"
"""


@pytest.fixture
def submit(root, tmp_path):
    """A function that starts a study with the profile and gives the calls of sbatch when there are so many."""
    if without_plugin():
        pytest.skip(without_plugin())
    stubs, calls, project = tmp_path / "stubs", tmp_path / "calls", tmp_path / "project"
    stubs.mkdir()
    for name, text in {
        "sbatch": SBATCH,
        "squeue": "#!/bin/sh\n",
        "sinfo": "#!/bin/sh\n",
        "scancel": "#!/bin/sh\n",
    }.items():
        (stubs / name).write_text(text)
        (stubs / name).chmod(0o755)
    for name in ("config", "profiles", "workflow", "envs"):
        shutil.copytree(root / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "Snakefile", project)

    def get(number, *config):
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm", "training", "--config"]
        said = tmp_path / "said.txt"
        with said.open("w") as output:
            process = subprocess.Popen(
                [*command, "dataset=digits", *config],
                cwd=project,
                env={**os.environ, "PATH": f"{stubs}:{os.environ['PATH']}", "CALLS": str(calls)},
                stdout=output,
                stderr=output,
            )
        try:

            def submitted():
                assert process.poll() is None, said.read_text()
                return said.read_text().count("has been submitted") == number

            wait_until(submitted, said.read_text)
        finally:
            process.kill()
            process.wait()
        return calls.read_text().splitlines()

    return get


def asked(call):
    """What a call of sbatch asks for, without the command of the job."""
    before = call.partition("--wrap")[0]
    names = {"minutes": r"-t (\d+)", "mb": r"--mem (\d+)", "cpus": r"--cpus-per-task=(\d+)", "gpus": r"--gpus[= ](\S+)"}
    return {name: found[1] for name, pattern in names.items() if (found := re.search(pattern, before))}


def test_240_runs_are_12_jobs_and_a_login_node_asks_for_no_gpu(submit):
    calls = submit(12, "seeds=30")
    # 20 runs of 5 + 1 minutes, one after the other; 2 GB and the images
    assert [asked(call) for call in calls] == 12 * [{"minutes": "120", "mb": "2005", "cpus": "1"}]
    runs = [re.findall(r"condition=([a-z0-9-]+),seed=(\d+)", call) for call in calls]
    assert [len(set(each)) for each in runs] == 12 * [20]
    assert len(set().union(*runs)) == 240
    assert not any("--array" in call for call in calls)


def test_a_login_node_without_a_gpu_asks_for_one(submit):
    """Eight runs are one job, which asks for what one of them needs."""
    (call,) = submit(1, "device=cuda")
    assert asked(call) == {"minutes": "48", "mb": "6005", "cpus": "1", "gpus": "1"}
