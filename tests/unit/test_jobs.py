"""What a script leaves in its log: one line for a person's mistake, a traceback for ours."""

import os
import subprocess
import sys

import pytest


def run(root, tmp_path, body, **environment):
    script = f"from normreg.utils import jobs\nwith jobs.job({str(tmp_path / 'log')!r}):\n    {body}\n"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root / "workflow/scripts",
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return done, (tmp_path / "log").read_text()


def test_a_users_error_is_one_line_on_console_and_log(root, tmp_path):
    done, log = run(
        root, tmp_path, "from normreg.errors import DataError; raise DataError('x.gz: found a, expected b')"
    )
    assert done.returncode == 1
    assert log == "error: x.gz: found a, expected b\n"
    assert done.stderr == log


def test_an_unexpected_error_keeps_its_traceback(root, tmp_path):
    done, log = run(root, tmp_path, "1 / 0")
    assert done.returncode == 1
    assert "Traceback" in log
    assert "ZeroDivisionError" in log


def test_success_and_warnings(root, tmp_path):
    done, log = run(root, tmp_path, "import warnings; warnings.warn('careful')")
    assert done.returncode == 0
    assert "careful" in log


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_pinned_whatever_the_environment_says(root, tmp_path, threads):
    body = (
        f"jobs.pin_threads({threads}); from normreg.utils import devices; devices.resolve('cpu', {threads}); "
        "import torch, os; jobs.log.info('%d %s', torch.get_num_threads(), os.environ['OMP_NUM_THREADS'])"
    )
    _, log = run(root, tmp_path, body, OMP_NUM_THREADS="7", MKL_NUM_THREADS="5")
    assert log.splitlines()[-1] == f"{threads} {threads}"
