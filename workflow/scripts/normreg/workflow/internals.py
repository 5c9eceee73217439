"""Everything in this workflow that Snakemake does not document, in one place.

Each function says what is lost without it. A Snakemake that lacks an attribute still runs the workflow. `workflow` is
the object of that name in a Snakefile.
"""

import contextlib
import functools
import glob
import json
import logging
import os
import shlex
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from normreg.utils.files import file_lock

HOME = Path(".snakemake")  # Snakemake's own folder in the working directory
_NOTES = "normreg"
_OF_JOBS = ("job_info", "job_started", "job_finished")  # Snakemake's events
_CHATTER = ("Select jobs to execute", "Adding ", "Loading script code")  # and what it says without an event

log = logging.getLogger("normreg")
_held: list[FileLock] = []  # until this process ends


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


def calm(workflow: Any) -> None:
    """Where `quiet` has "reason", as in profiles/default: the console has no block of lines for each job.

    A job that starts is one line of a dry run, and none of a run. Errors, warnings and progress stay, and Snakemake's
    own log has all. Without this function a run of the digits prints 600 lines more. `quiet: rules` is no way: it hides
    the errors of jobs too.
    """
    settings = getattr(workflow, "output_settings", None)
    if "reason" not in map(str, getattr(settings, "quiet", None) or ()):
        return
    for handler in logging.getLogger("snakemake.logging").handlers:
        if handler.name == "DefaultStreamHandler":
            handler.addFilter(functools.partial(_is_shown, handler, getattr(settings, "dryrun", False)))


def _is_shown(handler: logging.Handler, dry: bool, record: logging.LogRecord) -> bool:
    """Whether the console shows a record of Snakemake as it is. Of a job in a dry run it shows one line instead."""
    event, told = str(getattr(record, "event", "")), vars(record)
    if event == "job_info" and dry and told["rule_name"] != "all":
        which = " ".join(map(str, told["wildcards"].values()))
        line = f"{told['rule_name']} {which}: {str(told['reason']).partition(':')[0].lower()}"
        handler.emit(logging.makeLogRecord({"msg": line, "levelno": record.levelno, "levelname": record.levelname}))
    return event not in _OF_JOBS and not record.getMessage().startswith(_CHATTER)


def lock_files(workflow: Any) -> Iterable[str | Path]:
    """The files by which this run of Snakemake locks its outputs. Without it, `claim` notes none."""
    files: dict[str, str | Path] = getattr(getattr(workflow, "persistence", None), "_lockfile", {})
    return files.values()


def claim(files: Iterable[str | Path], home: Path = HOME) -> None:
    """Writes the note that these files in `home`/locks belong to this process, for `release_dead`.

    A killed Snakemake leaves its lock files behind, and they do not say whose they are. This process holds a lock on
    its note as long as it lives. Without a lock there is no note.
    """
    path = home / _NOTES / f"{socket.gethostname()}.{os.getpid()}"
    lock = file_lock(path)
    # The file system may have no locks or no room. Then lock files stay until --unlock, as in any other workflow.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
        _held.append(lock)
        path.write_text(json.dumps({Path(file).name: _identity(Path(file)) for file in files}), encoding="utf-8")


def release_dead(home: Path = HOME) -> None:
    """Removes the lock files in the notes of dead processes of this machine, as `--unlock` would.

    Lock files of another workflow in this folder, of another machine, or of a living process stay. Without this, the
    same command asks for --unlock after a SIGKILL of Snakemake.
    """
    for path in (home / _NOTES).glob(f"{glob.escape(socket.gethostname())}.*"):
        lock = file_lock(path)
        try:
            lock.acquire(blocking=False)
        except OSError:  # Timeout: its process lives. Other errors: this file system has no locks
            continue
        with contextlib.suppress(ValueError):  # the process died while it wrote the note
            for name, identity in json.loads(path.read_text(encoding="utf-8")).items():
                file = home / "locks" / name
                if file.exists() and _identity(file) == identity:
                    log.warning("removing %s: the Snakemake that held it is dead", file)
                    file.unlink()
        path.unlink(missing_ok=True)
        lock.release()


def _identity(file: Path) -> list[int]:
    """Numbers that tell a file from a later one with the same name."""
    found = file.stat()
    return [found.st_ino, found.st_mtime_ns]
