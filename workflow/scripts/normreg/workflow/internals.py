"""Everything in this workflow that Snakemake does not document, in one place.

Each function says what is lost without it. A Snakemake that lacks an attribute still runs the workflow. `workflow` is
the object of that name in a Snakefile.
"""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from normreg.utils import snakemake_locks


def prefix(workflow: Any) -> Callable[[str], str]:
    """Gives a function that puts the prefix of an importing workflow before a path, as rules do by themselves.

    Without it, what this workflow reads outside of rules is looked for without the prefix.
    """
    modifier: Any = getattr(getattr(workflow, "modifier", None), "path_modifier", None)
    return lambda path: str(modifier.replace_prefix(path)) if hasattr(modifier, "replace_prefix") else path


def runs_here(workflow: Any) -> bool:
    """Whether jobs run on this machine. Without it, a login node without a GPU decides for the nodes of a cluster."""
    return bool(getattr(workflow, "local_exec", True))


def is_main(workflow: Any) -> bool:
    """Whether this process plans the jobs. Without it, each job of a cluster checks all results again."""
    return bool(getattr(workflow, "is_main_process", True))


def quote_interpreter() -> None:
    """Lets jobs start where the path of Python has a space: Snakemake writes it into their shell command as it is."""
    if os.path.exists(sys.executable):  # a module may be imported twice
        sys.executable = shlex.quote(sys.executable)


def interpreter() -> str:
    """The path of Python, without the quotes of `quote_interpreter`."""
    return sys.executable if os.path.exists(sys.executable) else shlex.split(sys.executable)[0]


def lift_rate_limit(workflow: Any) -> None:
    """Local jobs start without the limit of 100 a second, which is Snakemake's default. A limit that was given stays.

    With any limit, Snakemake weighs all ready jobs again every second, and once more often for each job that has ended:
    4,844 times in a run of 30 jobs. No option turns it off. Without this function that costs a part of a core.
    """
    scheduler = getattr(workflow, "scheduler", None)
    limiter = getattr(scheduler, "job_rate_limiter", None)
    default = (getattr(limiter, "max_jobs", None), getattr(limiter, "timespan", None)) == (100, 1)
    if scheduler is not None and default and runs_here(workflow):
        scheduler.job_rate_limiter = None


def release_dead_locks(workflow: Any) -> None:
    """Removes the locks of a killed Snakemake. Without it, the same command asks for --unlock first."""
    if is_main(workflow):
        snakemake_locks.release_dead()


def claim_locks(workflow: Any) -> None:
    """Notes whose the locks of this run are, for `release_dead_locks`."""
    files: dict[str, str | Path] = getattr(getattr(workflow, "persistence", None), "_lockfile", {})
    if is_main(workflow):
        snakemake_locks.claim(files.values())
