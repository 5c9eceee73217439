"""Locks between real processes, and files that several of them write."""

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys

import pytest

from normreg.utils import files
from normreg.workflow import internals

START = (
    "import sys; from pathlib import Path; from normreg.utils import files; from normreg.workflow import internals; "
)
HOLD = START + "\nwith files.exclusive(Path(sys.argv[1]), 'it'): print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def start(root):
    """A function that starts Python code in a process with pipes; what is left of them is killed at the end."""
    started = []

    def run(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=root / "workflow/scripts",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def kill(process):
    process.kill()
    process.wait()


def test_the_second_waits_says_for_whom_and_goes_on_when_the_first_is_killed(start, tmp_path):
    lock = tmp_path / "new/.lock"
    first = start(HOLD, lock)
    assert first.stdout.readline() == "held\n"
    second = start(HOLD, lock)
    second.stdin.close()  # with the lock it ends at once
    said = second.stderr.readline()
    assert said.startswith(f"it is locked by process {first.pid} on {socket.gethostname()} ({lock}). Waiting")
    assert second.poll() is None
    kill(first)
    assert (second.stdout.read(), second.stderr.read(), second.wait()) == ("held\n", "", 0)
    assert list(lock.parent.iterdir()) == []


def test_the_lock_file_may_come_and_go_and_still_only_one_is_inside(start, tmp_path):
    """Three processes add 1 to a number 60 times each; each time the lock file is made and removed."""
    count = START + (
        "files.POLL_SECONDS = 0.001; number = Path(sys.argv[1])\n"
        "for _ in range(60):\n"
        "    with files.exclusive(number.with_name('.lock'), 'it'):\n"
        "        number.write_text(str(int(number.read_text()) + 1))\n"
    )
    (tmp_path / "number").write_text("0")
    processes = [start(count, tmp_path / "number") for _ in range(3)]
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert (tmp_path / "number").read_text() == "180"
    assert [path.name for path in tmp_path.iterdir()] == ["number"]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_on_the_file_system_it_runs_on_and_says_so(tmp_path, monkeypatch, caplog, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with files.exclusive(tmp_path / ".lock", "this training run"):
        inside = True
    assert inside
    assert f"{tmp_path / '.lock'}: no lock (" in caplog.text
    assert "two jobs at once on this training run would not notice each other" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_an_error_inside_the_block_ends_the_lock(tmp_path):
    with pytest.raises(ValueError, match="inside"), files.exclusive(tmp_path / ".lock", "it"):
        raise ValueError("inside")
    assert list(tmp_path.iterdir()) == []
    with files.exclusive(tmp_path / ".lock", "it"):
        assert (tmp_path / ".lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"


# --- files


WRITE = START + (
    "files.POLL_SECONDS = 0.001\n"
    "with files.replacing(sys.argv[1]) as temporary:\n"
    "    temporary.write_text('half'); print(temporary, flush=True)\n"
    "    sys.stdin.readline(); temporary.write_text('whole')"
)


def test_what_a_killed_writer_left_goes_with_the_next_one(start, tmp_path):
    killed = start(WRITE, tmp_path / "x.csv")
    killed.stdout.readline()
    kill(killed)
    left = {path.name for path in tmp_path.iterdir()}
    assert left
    assert "x.csv" not in left
    with files.replacing(tmp_path / "x.csv") as temporary:
        temporary.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    assert (tmp_path / "x.csv").read_text() == "new"


def test_two_writers_of_one_file_come_one_after_the_other(start, tmp_path):
    first = start(WRITE, tmp_path / "x.csv")
    temporary = first.stdout.readline()
    second = start(WRITE, tmp_path / "x.csv")
    second.stdin.close()  # with the lock it goes on to its end
    assert f"{tmp_path / 'x.csv'} is locked by process {first.pid}" in second.stderr.readline()
    assert not (tmp_path / "x.csv").exists()
    first.communicate("\n")
    assert (second.stdout.read(), second.wait(), first.returncode) == (temporary, 0, 0)
    assert (tmp_path / "x.csv").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


# --- Snakemake's lock files


@pytest.fixture
def home(tmp_path):
    """Snakemake's folder with a lock file of another workflow and two of ours, 1.input.lock and 1.output.lock."""
    folder = tmp_path / ".snakemake"
    (folder / "locks").mkdir(parents=True)
    for name in ("0.output.lock", "1.input.lock", "1.output.lock"):
        (folder / "locks" / name).write_text("results/x")
    return folder


@pytest.fixture
def claimed(start, home):
    """A living process that has noted 1.input.lock and 1.output.lock as its own."""
    code = START + (
        "home = Path(sys.argv[1])\n"
        "internals.claim(home.glob('locks/1.*'), home); print('held', flush=True); sys.stdin.read()"
    )
    process = start(code, home)
    assert process.stdout.readline() == "held\n"
    return process


def names(home):
    return sorted(path.name for path in (home / "locks").iterdir())


def test_lock_files_of_a_living_snakemake_stay_and_those_of_a_killed_one_go(home, claimed, caplog):
    internals.release_dead(home)
    assert names(home) == ["0.output.lock", "1.input.lock", "1.output.lock"]
    kill(claimed)
    internals.release_dead(home)
    assert names(home) == ["0.output.lock"]
    assert caplog.text.count("the Snakemake that held it is dead") == 2
    assert list((home / "normreg").iterdir()) == []


def test_a_later_lock_file_of_the_same_name_stays(home, claimed):
    """Another workflow's Snakemake has removed the dead one's and made its own."""
    kill(claimed)
    (home / "locks/1.input.lock").rename(home / "kept")  # so that the new file cannot have its inode
    (home / "locks/1.input.lock").write_text("other/y")
    internals.release_dead(home)
    assert names(home) == ["0.output.lock", "1.input.lock"]


@pytest.mark.parametrize("change", ["another machine", "damaged"])
def test_a_note_that_proves_nothing_removes_nothing(home, claimed, change):
    kill(claimed)
    (note,) = (home / "normreg").iterdir()
    assert json.loads(note.read_text()).keys() == {"1.input.lock", "1.output.lock"}
    if change == "damaged":
        note.write_text(note.read_text()[:30])
    else:
        note.rename(note.with_name(f"else-{note.name}"))
    internals.release_dead(home)
    assert names(home) == ["0.output.lock", "1.input.lock", "1.output.lock"]


def test_without_locks_on_the_file_system_every_lock_file_stays(home, claimed, monkeypatch):
    kill(claimed)
    monkeypatch.setattr(fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOLCK, "No locks")))
    internals.claim([home / "locks/0.output.lock"], home)
    internals.release_dead(home)
    assert len(names(home)) == 3
    monkeypatch.undo()
    internals.release_dead(home)
    assert names(home) == ["0.output.lock"]
