"""Whether the Snakemake that started a job still lives.

The parent's number alone does not tell: a job whose Snakemake died before the job's first line has another parent from
the start. So the Snakefile leaves the process that reads it in the environment, which jobs inherit, and a job looks for
it among the processes above its own, which Linux shows in /proc. A process above may well be a shell.

Linux can also send a signal when the parent dies (PR_SET_PDEATHSIG). It is of no use here: it comes when the *thread*
that started the job ends, and Snakemake starts jobs from the threads of a pool.
"""

import os
from pathlib import Path

VARIABLE = "NORMREG_SNAKEMAKE"  # the PID namespace, then one or more processes as "number:start"
PROC = Path("/proc")


def announce() -> None:
    """Leaves this process in the environment for the jobs it will start; called where the Snakefile is read.

    A Snakemake that runs a group of jobs for another one adds itself; a job of Slurm is not below the Snakemake that
    submitted it, and forgets that one.
    """
    line = _line()
    if line is None:
        os.environ.pop(VARIABLE, None)
        return
    above = [process for process in _announced() if process in line[1:]]
    os.environ[VARIABLE] = " ".join([_namespace(), *above, line[0]])


class Starter:
    """The processes that wait for this job. Made as the job's first act, before any import that takes long."""

    def __init__(self) -> None:
        self.waiting, self.parent = set(_announced()), os.getppid()

    def gone(self) -> bool:
        """Whether one of them has ended. Without their names, or without /proc: whether the parent changed."""
        line = _line() if self.waiting else None
        return os.getppid() != self.parent if line is None else not self.waiting <= set(line)


def _announced() -> list[str]:
    """Processes in the environment; none if their numbers mean nothing here, as inside some containers."""
    namespace, *processes = os.environ.get(VARIABLE, "").split() or [""]
    return processes if namespace == _namespace() else []


def _namespace() -> str:
    try:
        return os.readlink(PROC / "self/ns/pid")
    except OSError:
        return "none"


def _line() -> list[str] | None:
    """This process and all above it, as "number:start"; None where /proc is missing or hides one of them."""
    for _ in range(5):  # again if one of them ended meanwhile
        line, pid = [], os.getpid()
        try:
            while pid:
                stat = (PROC / f"{pid}/stat").read_bytes()
                fields = stat.rpartition(b")")[2].split()  # what is in brackets, the command, may hold anything
                line.append(f"{pid}:{int(fields[19])}")
                pid = int(fields[1])
            return line
        except (OSError, IndexError):
            if pid == 1:  # hidden from other users; nothing is above it
                return line
    return None
