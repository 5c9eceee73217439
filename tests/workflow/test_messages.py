"""What a person sees on the real command line: one clear message for bad input, and what jobs ask for."""

import base64
import json
import re

import pytest
import torch


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=3", "config: unknown key 'epoch'. Did you mean 'epochs'?"),
        # Each message of a wrong value is in tests/unit/test_config.py.
        pytest.param("seeds=[0,x]", "config: key 'seeds': found [0, 'x']; expected a count", marks=pytest.mark.slow),
    ],
)
def test_a_wrong_key_gives_one_message_and_no_traceback(finished, setting, message):
    done = finished.snakemake("-n", config=(setting,), check=False)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout
    assert len(done.stdout.splitlines()) < 8


@pytest.mark.slow  # the message: tests/unit/test_config.py
def test_a_wrong_study_names_file_and_key(copy):
    copy.edit("config/studies/tiny.yaml", "batch_size: 128", "batch_size: 127")
    done = copy.snakemake("-n", check=False)
    assert (
        "config/studies/tiny.yaml: conditions.l2-gbn: batch_size 127 is not divisible by num_splits 2." in done.stdout
    )
    assert "Traceback" not in done.stdout


def test_a_network_in_python_is_tried_when_snakemake_starts(copy):
    """Also in a dry run. What the trial finds is in tests/unit/test_networks.py."""
    (copy.folder / "config/networks").mkdir(exist_ok=True)
    file, norm = copy.folder / "config/networks/code.py", "nn.BatchNorm2d(10)"
    layers = f"nn.Conv2d(spec.channels, 10, spec.height), {norm}, nn.Flatten()"
    file.write_text(f"from torch import nn\n\ndef build(spec):\n    return nn.Sequential({layers})\n")
    said = copy.snakemake("-n", config=("network=code",)).stdout
    assert (
        "network code: nothing in it reads `dropout`, so that of conditions none-bn, l1-bn, l2-gbn has no eff" in said
    )
    file.write_text(file.read_text().replace(norm, "nn.SyncBatchNorm(10)"))
    done = copy.snakemake("-n", config=("network=code",), check=False)
    assert done.returncode != 0
    assert "config/networks/code.py: its layer '1' is SyncBatchNorm. Norm gbn takes the place of" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("tiny/l9-bn/seed0/checkpoint.pt", "study tiny has no condition 'l9-bn'; it has none-bn, l1-bn, l2-gbn."),
        ("nosuch/l1-bn/seed0/checkpoint.pt", "key 'study': found 'nosuch', but there is no config/studies/nosuch.yaml"),
    ],
)
def test_a_target_that_is_no_run_names_those_at_hand(finished, target, message):
    done = finished.snakemake("-n", f"results/digits/{target}", check=False)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback (most recent call last)" not in done.stdout


def test_a_short_run_that_a_study_is_named_after_is_refused(copy):
    (copy.folder / "config/studies/tiny-e3.yaml").write_text(copy.read("config/studies/tiny.yaml"))
    done = copy.snakemake("-n", config=("epochs=3",), check=False)
    assert done.returncode != 0
    assert "config: key 'epochs': found 3, which puts the results of tiny where those of the study" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_report_of_a_run_that_is_not_there_says_so(finished, tmp_path):
    report, others = tmp_path / "r.html", ("epochs=3",)
    done = finished.snakemake("--report", str(report), config=others, check=False)
    assert done.returncode != 0
    assert "results/digits/tiny-e3/" in done.stdout
    assert "Traceback (most recent call last)" not in done.stdout
    assert not report.exists()
    finished.snakemake("training", "--report", str(report), config=others)
    assert "results/digits/tiny-e3 has no finished run" in report.read_text()


@pytest.mark.parametrize("seeds", [pytest.param("[3]", marks=pytest.mark.slow), "2"])  # tests/unit/test_made_of.py
def test_a_report_of_other_seeds_than_the_runs_names_those_of_the_run(finished, tmp_path, seeds):
    report = tmp_path / "r.html"
    finished.snakemake("--report", str(report), config=(f"seeds={seeds}",))
    text = report.read_text()
    assert "were made of other runs (seeds 0) than" in text
    assert "Give --report the --config of the run" in text


def test_a_too_large_batch_is_said(copy):
    """Batches larger than the data have fewer ghost batches."""
    large = {"penalty": "l2", "norm": "gbn", "batch_size": 1024, "num_splits": 16}
    copy.change_study(conditions={"l2-gbn": large}, galleries=[])
    copy.snakemake("training")
    run = "digits/tiny/l2-gbn/seed0"
    said = "tiny l2-gbn seed 0: 16 ghost batches asked for; a batch of 906 images has 6"
    assert copy.read(f"logs/train/{run}.log").count(said) == 1
    saved = torch.load(copy.folder / f"results/{run}/checkpoint.pt", weights_only=True)
    assert saved["splits_used"] == {"full": 6, "last": 6}
    assert saved["condition"]["num_splits"] == 16


def test_mnist_without_network_or_folder_names_the_ways_on(copy):
    done = copy.snakemake("resources/mnist.npz", config=("dataset=mnist", "mnist_dir=no/such/folder"), check=False)
    assert done.returncode != 0
    assert "no/such/folder" in done.stdout
    assert "set it to null to download them" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (copy.folder / "resources/mnist.npz").exists()


@pytest.mark.slow  # the message: tests/unit/test_faults.py; a job that refuses this file: test_foreign_results.py
def test_a_damaged_data_file_is_named(copy):
    (copy.folder / "resources/digits.npz").write_bytes(b"not a zip file")
    done = copy.snakemake("results/digits/tiny/none-bn/seed0/checkpoint.pt", "--forcerun", "train", check=False)
    assert "resources/digits.npz: cannot be read as a prepared data set" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_dry_run_has_one_line_for_each_job(new_project):
    said = new_project().snakemake("-n").stdout
    assert "\ntrain digits tiny l1-bn 0: missing output files\n" in said
    assert "rule train:" not in said
    assert "resources:" not in said


@pytest.mark.parametrize(
    ("device", "gpus"),
    [pytest.param("cpu", "0", marks=pytest.mark.slow), ("cuda", "1")],  # tests/unit/test_jobs.py
)
def test_a_training_job_asks_for_a_gpu_only_where_it_uses_one(new_project, device, gpus):
    output = new_project().snakemake("-n", "--quiet=host", config=(f"device={device}",)).stdout
    trains = re.findall(r"rule train:\n(?:    .*\n)+", output)
    assert len(trains) == 3
    for job in trains:
        resources = re.search(r"resources: (.*)", job).group(1)
        assert f"gpu={gpus}" in resources
        assert "mem_mb=" in resources
        assert "runtime=" in resources


@pytest.mark.slow  # the message: tests/unit/test_training.py
def test_cuda_without_a_gpu_is_one_message(copy):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    target = "results/digits/tiny/none-bn/seed0/checkpoint.pt"
    done = copy.snakemake(target, "--forcerun", "train", config=("device=cuda",), check=False)
    assert "device: found 'cuda', but PyTorch" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_job_uses_one_thread_whatever_the_environment_says(finished):
    """The environment of these runs asks for seven threads; the log tells what PyTorch really used."""
    for name in ("none-bn", "l1-bn", "l2-gbn"):
        assert "device cpu, threads 1, PyTorch" in finished.read(f"logs/train/digits/tiny/{name}/seed0.log")


def test_two_cores_train_two_conditions_side_by_side(finished):
    """From Snakemake's own records: at some time two training jobs ran, and never more than the two cores."""
    times = []
    for path in (finished.folder / ".snakemake/metadata").iterdir():
        if base64.b64decode(path.name).endswith(b"/checkpoint.pt"):  # a record per output, named by its path
            record = json.loads(path.read_text())
            times.append((record["starttime"], record["endtime"]))
    assert len(times) == 3
    together = [sum(start <= moment < end for start, end in times) for moment, _ in times]
    assert max(together) == 2
