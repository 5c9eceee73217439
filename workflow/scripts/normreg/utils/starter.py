"""Tells whether the Snakemake that started a job still lives.

The number of the parent process is not enough. If Snakemake dies before the first line of the job, the job has another
parent from the start. So the process that reads the Snakefile writes its own number into the environment. Jobs inherit
the environment, and look for this process among the processes above them. Linux shows these in /proc. There may be
shells between the job and Snakemake.

Linux can also send a signal when the parent dies (PR_SET_PDEATHSIG). It does not help here: the signal comes when the
*thread* that started the job ends, and Snakemake starts jobs from the threads of a pool.
"""

import os
from pathlib import Path

VARIABLE = "NORMREG_SNAKEMAKE"  # holds the machine and PID namespace, then processes as "number:start time"
PROC = Path("/proc")


def announce() -> None:
    """Writes this process into the environment, for the jobs that it will start. The Snakefile calls it.

    If a Snakemake runs a group of jobs for another Snakemake, it adds itself. A job of Slurm is not below the Snakemake
    that submitted it, so that Snakemake is removed.
    """
    line = _line()
    if line is None:
        os.environ.pop(VARIABLE, None)
        return
    above = [process for process in _announced() if process in line[1:]]
    os.environ[VARIABLE] = " ".join([_namespace(), *above, line[0]])


class Starter:
    """The processes that wait for this job. A job makes it first, before any import that takes long."""

    def __init__(self) -> None:
        self.waiting, self.parent = set(_announced()), os.getppid()

    def gone(self) -> bool:
        """Whether one of them has ended. If they or /proc are unknown: whether the parent has changed."""
        line = _line() if self.waiting else None
        return os.getppid() != self.parent if line is None else not self.waiting <= set(line)


def _announced() -> list[str]:
    """The processes in the environment. None if they are of another machine or PID namespace, as in some containers."""
    namespace, *processes = os.environ.get(VARIABLE, "").split() or [""]
    return processes if namespace == _namespace() else []


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


def _line() -> list[str] | None:
    """This process and all above it, as "number:start time". None if /proc is missing or hides one of them."""
    for _ in range(5):  # tries again if one of them has just ended
        line, pid = [], os.getpid()
        try:
            while pid:
                stat = (PROC / f"{pid}/stat").read_bytes()
                fields = stat.rpartition(b")")[2].split()  # the command in brackets comes before and may hold anything
                line.append(f"{pid}:{int(fields[19])}")
                pid = int(fields[1])
            return line
        except (OSError, IndexError):
            if pid == 1:  # may be hidden from other users, and no process is above it
                return line
    return None
