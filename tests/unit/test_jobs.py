"""What a script leaves in its log: one line for a person's mistake, a traceback for ours."""

import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import psutil
import pytest

from normreg.utils import devices, jobs


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


def test_a_batch_systems_sigterm_ends_a_job_in_order(root, tmp_path):
    body = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    done, log = run(root, tmp_path, body)
    assert done.returncode == 130
    assert log == "ended by a signal; the same command goes on where this one stopped\n"


@pytest.mark.parametrize(
    ("device", "driver", "here", "asks"),
    [
        ("cpu", True, True, False),
        ("cuda", False, True, True),
        ("auto", True, True, True),
        ("auto", False, True, False),
        # On a cluster, the machine that reads the Snakefile says nothing about those that train.
        ("cpu", True, False, False),
        ("cuda", False, False, True),
        ("auto", True, False, False),
        ("auto", False, False, False),
    ],
)
def test_a_job_asks_for_a_gpu_only_where_it_uses_one(monkeypatch, device, driver, here, asks):
    monkeypatch.setattr(devices, "count_gpus", lambda: int(driver))
    assert devices.wants_gpu(device, here) == asks


def test_threads_are_pinned_whatever_the_environment_says(root, tmp_path):
    body = (
        "jobs.pin_threads(2); from normreg.utils import devices; devices.resolve('cpu', 2); "
        "import torch, os; jobs.log.info('%d %s', torch.get_num_threads(), os.environ['OMP_NUM_THREADS'])"
    )
    _, log = run(root, tmp_path, body, OMP_NUM_THREADS="7", MKL_NUM_THREADS="5")
    assert log.splitlines()[-1] == "2 2"


# --- the Snakemake above a job

SNAKEMAKE = """
import subprocess, sys, threading
from normreg.utils import jobs
jobs.announce()
def run():
    subprocess.Popen(sys.argv[1:])
thread = threading.Thread(target=run)  # as Snakemake does; it ends before the job begins
thread.start()
thread.join()
print("started", flush=True)
threading.Event().wait()
"""
JOB = """
import sys
import textwrap
sys.stdin.readline()  # as long as a slow start of Python
from normreg.utils import jobs
with jobs.job(sys.argv[1]) as starter:
    print("begun", flush=True)
    sys.stdin.readline()
    print("gone" if starter.gone() else "alive", flush=True)
print("ended", flush=True)
"""
WAYS = {"alone": [], "below a shell": ["bash", "-c", '"$@"; exit $?', "bash"]}


@pytest.fixture(params=WAYS)
def family(request, root, tmp_path):
    """A process in the place of Snakemake, whose job waits before its first line; both read and write its pipes."""
    (tmp_path / "log").write_text("of the next job\n")
    job = [*WAYS[request.param], sys.executable, "-c", JOB, str(tmp_path / "log")]
    process = subprocess.Popen(
        [sys.executable, "-c", SNAKEMAKE, *job],
        cwd=root / "workflow/scripts",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    )
    assert process.stdout.readline() == "started\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_job_whose_snakemake_died_before_its_first_line_does_not_begin(family, tmp_path):
    """Its parent is another one from the start. The log may be the next job's."""
    family.kill()
    family.wait()
    family.stdin.write("\n\n")  # two, so that a job that begins ends too
    assert family.stdout.read() == ""
    assert (tmp_path / "log").read_text() == (
        "of the next job\nerror: the Snakemake that started this job is gone, so it does not begin.\n"
    )


def test_a_job_sees_its_snakemake_die_and_not_the_thread_that_started_it(family, tmp_path):
    family.stdin.write("\n")
    assert family.stdout.readline() == "begun\n"
    family.kill()
    family.wait()
    family.stdin.write("\n")
    assert family.stdout.read() == "gone\nended\n"
    assert (tmp_path / "log").read_text() == ""


def test_a_job_whose_snakemake_lives_runs(family):
    family.stdin.write("\n\n")
    assert [family.stdout.readline() for _ in range(3)] == ["begun\n", "alive\n", "ended\n"]


@pytest.fixture
def family_tree(tmp_path, monkeypatch):
    """A function that makes a machine on which process 30 is this one, and each is the child of the next."""

    def make(*pids, machine="b", namespace="pid:[1]"):
        parents = dict(zip(pids, (*pids[1:], 0), strict=True))
        folder = tmp_path / machine
        (folder / "self/ns").mkdir(parents=True)
        (folder / "self/ns/pid").symlink_to(namespace)
        (folder / "sys/kernel/random").mkdir(parents=True)
        (folder / "sys/kernel/random/boot_id").write_text(f"{machine}\n")
        monkeypatch.setattr(jobs, "PROC", folder)

        def process(pid):
            if pid not in parents:
                raise psutil.NoSuchProcess(pid)
            return SimpleNamespace(ppid=lambda: parents[pid])

        monkeypatch.setattr(psutil, "Process", process)

    monkeypatch.delenv(jobs.VARIABLE, raising=False)
    monkeypatch.setattr(os, "getpid", lambda: 30)
    monkeypatch.setattr(os, "getppid", lambda: 20)  # that of pytest is 1 where its shell has ended
    return make


def test_a_snakemake_that_is_process_1_of_a_container_is_found(family_tree, monkeypatch):
    family_tree(30, 20, 1)
    monkeypatch.setenv(jobs.VARIABLE, "b/pid:[1] 1")
    assert not jobs.Starter().gone()
    monkeypatch.setenv(jobs.VARIABLE, "b/pid:[1] 7")
    assert jobs.Starter().gone()


def test_a_group_has_two_snakemakes_and_a_slurm_job_forgets_the_one_that_is_elsewhere(family_tree, monkeypatch):
    family_tree(30, 20, 1)
    monkeypatch.setenv(jobs.VARIABLE, "b/pid:[1] 7 20")
    jobs.announce()
    assert os.environ[jobs.VARIABLE] == "b/pid:[1] 20 30"


@pytest.mark.parametrize("there", [{"machine": "another"}, {"machine": "c", "namespace": "pid:[2]"}], ids=str)
def test_elsewhere_a_job_does_not_look_for_the_snakemake_that_handed_its_environment_on(
    family_tree, monkeypatch, there
):
    """The first PID namespace has the same number on all machines. The parent is watched."""
    family_tree(30, 25, 1)
    jobs.announce()
    family_tree(31, 20, 1, **there)
    monkeypatch.setattr(os, "getpid", lambda: 31)
    watched = jobs.Starter()
    assert not watched.gone()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert watched.gone()


@pytest.mark.parametrize("seen", [(30, 20), (30,)], ids=str)
def test_processes_hidden_from_other_users_make_nobody_an_orphan(family_tree, monkeypatch, seen):
    family_tree(30, 20, 1)
    tree = psutil.Process
    monkeypatch.setattr(psutil, "Process", lambda pid: tree(pid if pid in seen else 99))
    monkeypatch.setenv(jobs.VARIABLE, "b/pid:[1] 20")
    watched = jobs.Starter()
    assert not watched.gone()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert watched.gone() == (len(seen) == 1)


def test_memory_that_ends_while_pytorch_is_loaded_is_one_message(root, tmp_path):
    """PyTorch's libraries take far more address space than the 50 MB that are left."""
    code = f"""
        import resource, sys
        sys.path.insert(0, {str(root / "workflow/scripts")!r})
        from normreg.utils import jobs
        with jobs.job({str(tmp_path / "log")!r}):
            used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + 50 * 2**20,) * 2)
            import torch
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "not enough memory" in done.stderr
    assert "Traceback" not in done.stderr
