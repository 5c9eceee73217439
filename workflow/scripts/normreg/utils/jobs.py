"""What every script of the workflow needs: log, errors that a person can read, and whether its Snakemake lives."""

import errno
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from normreg.errors import NormregError, OrphanedError, printable

log = logging.getLogger("normreg")

VARIABLE = "NORMREG_SNAKEMAKE"  # holds the machine and PID namespace, then numbers of processes
PROC = Path("/proc")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EIO)


def announce() -> None:
    """Writes this process into the environment, for the jobs that it will start. The Snakefile calls it.

    If a Snakemake runs a group of jobs for another Snakemake, it adds itself. A job of Slurm is not below the Snakemake
    that submitted it, so that Snakemake is removed.
    """
    above = _announced() & set(_line() or [])
    os.environ[VARIABLE] = " ".join([_namespace(), *map(str, sorted(above | {os.getpid()}))])


class Starter:
    """The processes that wait for this job. A job makes it first, before any import that takes long.

    The number of the parent process is not enough. If Snakemake dies before the first line of the job, the job has
    another parent from the start. And there may be shells between the job and Snakemake. Linux can also send a signal
    when the parent dies (PR_SET_PDEATHSIG), but it sends it when the *thread* that started the job ends, and Snakemake
    starts jobs from the threads of a pool.
    """

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


def pin_threads(threads: int) -> None:
    """Makes numerical libraries use `threads` threads, whatever the caller's environment; call before importing them.

    Without it two jobs side by side use all cores each, which costs a factor of three to ten.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = str(threads)


@contextmanager
def job(log_path: str | Path) -> Iterator[Starter]:
    """Logs to `log_path` while the block runs, and all but details to the console.

    It gives the block the processes that wait for the job.

    A job whose Snakemake is dead already does not begin.

    A `NormregError`, a file that cannot be written and a lack of memory become one message and exit status 1; any other
    error keeps its traceback, in the log as well.
    Ctrl-C and SIGTERM end the block in order, so that no temporary file stays behind.
    """
    starter = Starter()
    _log_to(log_path, keep=starter.gone())  # an orphan's log may be that of the next Snakemake's job already
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # Matplotlib cannot be imported under a backend that is not installed. In a notebook, `!snakemake` names one.
        os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
        if starter.gone():
            raise OrphanedError("the Snakemake that started this job is gone, so it does not begin.")
        yield starter
    except NormregError as error:
        log.error("error: %s", error)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        log.error("ended by a signal; the same command goes on where this one stopped")
        raise SystemExit(128 + signal.SIGINT) from None
    except Exception as error:
        reason = explain(error)
        log.error("error: %s", reason or "unexpected", exc_info=not reason)
        raise SystemExit(1) from None
    finally:
        logging.shutdown()


class Lines(logging.Formatter):
    """Messages and tracebacks without characters that act on a terminal: they may have names of other people's files.

    A message of this project is one line. A traceback and a warning of Python keep their lines.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record."""
        text = super().format(record)
        lines = [text] if record.name == log.name and not record.exc_info else text.split("\n")
        return "\n".join(map(printable, lines))


def _log_to(path: str | Path, keep: bool) -> None:
    if not keep:
        with open(path, "wb"):  # emptied
            pass
    handlers: list[logging.Handler] = [logging.FileHandler(path, encoding="utf-8"), logging.StreamHandler(sys.stderr)]
    handlers[1].setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    log.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # on a full disk a line of the log is lost, without a traceback for each


def explain(error: Exception) -> str | None:
    """What the machine lacks, and what to do about it; None for an error that is not the machine's."""
    if isinstance(error, OSError) and error.filename is not None and error.errno in (*_FULL, *_CLOSED):
        do = "Make room on that disk" if error.errno in _FULL else "Make it a place this user may write to"
        return f"{error.filename}: {error.strerror}. {do} and run the same command again; earlier files are kept."
    # PyTorch says it in a RuntimeError, and the loader of its libraries in an ImportError.
    texts = ("allocate memory", "not enough memory", "out of memory", "failed to map segment")
    lacks = isinstance(error, RuntimeError | ImportError | OSError) and any(text in str(error) for text in texts)
    if isinstance(error, MemoryError) or lacks:
        return (
            f"not enough memory ({' '.join(str(error).split())[:160] or 'MemoryError'}). Run fewer jobs side by side "
            "(--cores 1), lower batch_size, or use a machine with more memory; then run the same command again."
        )
    return None
