"""Tells whether the Snakemake that started a job still lives.

The number of the parent process is not enough. If Snakemake dies before the first line of the job, the job has another
parent from the start. So the process that reads the Snakefile writes its own number into the environment. Jobs inherit
the environment, and look for this process among the processes above them. There may be shells between the job and
Snakemake.

Linux can also send a signal when the parent dies (PR_SET_PDEATHSIG). It does not help here: the signal comes when the
*thread* that started the job ends, and Snakemake starts jobs from the threads of a pool.
"""

import os
from pathlib import Path

import psutil

VARIABLE = "NORMREG_SNAKEMAKE"  # holds the machine and PID namespace, then numbers of processes
PROC = Path("/proc")


def announce() -> None:
    """Writes this process into the environment, for the jobs that it will start. The Snakefile calls it.

    If a Snakemake runs a group of jobs for another Snakemake, it adds itself. A job of Slurm is not below the Snakemake
    that submitted it, so that Snakemake is removed.
    """
    above = _announced() & set(_line() or [])
    os.environ[VARIABLE] = " ".join([_namespace(), *map(str, sorted(above | {os.getpid()}))])


class Starter:
    """The processes that wait for this job. A job makes it first, before any import that takes long."""

    def __init__(self) -> None:
        self.waiting, self.parent = _announced(), os.getppid()

    def gone(self) -> bool:
        """Whether one of them has ended. If they are unknown, or some are hidden: whether the parent has changed.

        A process that has ended is above none, and no other gets its number and this place: a job whose parent ends
        goes to a process that was there before.
        """
        line = _line() if self.waiting else None
        return os.getppid() != self.parent if line is None else not self.waiting <= set(line)


def _announced() -> set[int]:
    """The processes in the environment. None if they are of another machine or PID namespace, as in some containers."""
    namespace, *processes = os.environ.get(VARIABLE, "").split() or [""]
    return set(map(int, processes)) if namespace == _namespace() else set()


def _namespace() -> str:
    """Where numbers of processes mean the same: this start of this machine, and the PID namespace.

    The namespace alone is not enough: the first one of every machine has the same number, and a batch system hands the
    environment on to other machines. Host names can be equal, so this takes the boot ID.
    """
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink(PROC / 'self/ns/pid')}"
    except OSError:
        return "none"


def _line() -> list[int] | None:
    """This process and all above it. None if one of them is hidden, or has just ended.

    Not psutil's `parents`: that compares times since the start of the machine, which a set clock changes.
    """
    line, pid = [], os.getpid()
    try:
        while pid:
            line.append(pid)
            pid = psutil.Process(pid).ppid()
    except psutil.Error:
        return line if pid == 1 else None  # the first may be hidden from other users, and no process is above it
    return line
