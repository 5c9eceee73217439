"""Which GPU a training takes, with made-up devices: processes that race, are killed, or find one chosen already."""

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest
from waiting import HANG, wait_until

from normreg.errors import OrphanedError
from normreg.utils import devices

# Takes one device, writes that it has entered, waits until the file `go` is there, writes that it leaves, releases.
# Lines are appended in one write each, so their order is the order of what happened.
_JOB = """
import os, sys, time
from normreg.utils import devices
note = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
with devices.one("auto", int(sys.argv[1]), present=lambda: sys.argv[2].split()) as name:
    assert os.environ["CUDA_VISIBLE_DEVICES"] == name
    assert "torch" not in sys.modules
    os.write(note, f"enter {name}\\n".encode())
    while not os.path.exists("go"):
        time.sleep(0.01)
    os.write(note, f"leave {name}\\n".encode())
"""


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine with a folder for temporary files of its own, and nothing chosen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    for name in (devices.VISIBLE, "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def start(root):
    """A function that starts a job; all are killed at the end."""
    started = []

    def run(jobs_per_gpu, devices, **variables):
        environment = os.environ | {"PYTHONPATH": str(root / "workflow/scripts")} | variables
        command = [sys.executable, "-c", _JOB, str(jobs_per_gpu), devices]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def lines(folder):
    return (folder / "log").read_text().splitlines() if (folder / "log").exists() else []


@pytest.mark.parametrize("shared", [1, 2])
def test_as_many_jobs_as_fit_enter_at_once_and_spread(machine, start, shared):
    """All of them are inside together: none leaves before `go`."""
    jobs = [start(shared, "0 1 2") for _ in range(3 * shared)]
    wait_until(lambda: len(lines(machine)) == len(jobs))
    assert Counter(lines(machine)) == {f"enter {number}": shared for number in range(3)}
    (machine / "go").touch()
    for job in jobs:
        _, said = job.communicate(timeout=HANG)
        assert job.returncode == 0, said


def test_no_device_has_more_jobs_than_it_may_have(machine, start):
    (machine / "go").touch()  # jobs come and go as fast as they can
    jobs = [start(1, "GPU-a1 MIG-b/2") for _ in range(8)]
    for job in jobs:
        _, said = job.communicate(timeout=HANG)
        assert job.returncode == 0, said
    inside: Counter[str] = Counter()
    for line in lines(machine):
        what, name = line.split()
        inside[name] += 1 if what == "enter" else -1
        assert inside[name] in (0, 1), lines(machine)
    assert Counter(line.split()[0] for line in lines(machine)) == {"enter": 8, "leave": 8}


def test_a_killed_job_gives_its_gpu_to_the_one_that_waits(machine, start):
    first = start(1, "0")
    wait_until(lambda: lines(machine))
    second = start(1, "0")
    assert second.stderr.readline().startswith("All GPUs (0) are taken by other jobs, with 1 at once on each.")
    assert lines(machine) == ["enter 0"]
    first.send_signal(signal.SIGKILL)
    wait_until(lambda: len(lines(machine)) == 2)
    assert lines(machine) == ["enter 0", "enter 0"]


@pytest.mark.parametrize(
    ("device", "shown", "present", "expected"),
    [
        ("auto", None, ["0", "1"], "0"),
        ("cuda", None, ["0"], "0"),
        ("cpu", None, ["0"], None),
        ("auto", None, [], None),  # no GPU here
        ("auto", "3", ["0"], None),  # a batch system has chosen
        ("auto", "", ["0"], None),  # somebody wants none
        ("auto", "5, GPU-7", ["0", "1"], "5"),  # an allocation of two
        ("auto", "5,7", [], None),
    ],
)
def test_what_the_environment_says_stays(monkeypatch, device, shown, present, expected):
    if shown is not None:
        monkeypatch.setenv(devices.VISIBLE, shown)
    else:
        monkeypatch.setenv(devices.VISIBLE, "x")  # so that monkeypatch takes it away at the end
        monkeypatch.delenv(devices.VISIBLE)
    with devices.one(device, 1, present=lambda: present) as name:
        assert name == expected
        assert os.environ.get(devices.VISIBLE) == (shown if expected is None else expected)


def test_jobs_of_slurm_have_devices_of_their_own(machine, start):
    """Device 0 of two Slurm jobs on one machine is not the same device."""
    for number in ("7", "8"):
        start(1, "0", SLURM_JOB_ID=number, CUDA_VISIBLE_DEVICES="0,1")
    wait_until(lambda: len(lines(machine)) == 2)
    assert lines(machine) == ["enter 0", "enter 0"]


def test_a_job_that_nobody_waits_for_does_not_wait(machine, start):
    start(1, "0")
    wait_until(lambda: lines(machine))
    with pytest.raises(OrphanedError, match="waits for no GPU"), devices.one("auto", 1, lambda: True, lambda: ["0"]):
        pass


def test_without_locks_a_job_runs_and_says_so(machine, caplog, monkeypatch):
    (machine / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(machine / "file"))
    with devices.one("auto", 1, present=lambda: ["0"]) as name:
        assert name is None
    assert "no lock" in caplog.text


def test_without_a_driver_no_process_is_asked(monkeypatch):
    monkeypatch.setattr("normreg.utils.devices.load_driver", lambda: None)
    monkeypatch.setattr("subprocess.run", None)
    assert devices.on_this_machine() == []


def test_the_driver_is_asked_in_another_process(monkeypatch):
    monkeypatch.setattr("normreg.utils.devices.load_driver", lambda: object())
    monkeypatch.setattr(devices, "_COUNT", "print(2)")
    assert devices.on_this_machine() == ["0", "1"]
    monkeypatch.setattr(devices, "_COUNT", "raise SystemExit(1)")
    assert devices.on_this_machine() == []
