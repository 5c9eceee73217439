"""What every script of the workflow needs: a log file, epoch lines on the console, and errors a person can read."""

import errno
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from normreg.errors import NormregError, OrphanedError, printable
from normreg.utils.starter import Starter

log = logging.getLogger("normreg")


def pin_threads(threads: int) -> None:
    """Makes numerical libraries use `threads` threads, whatever the caller's environment; call before importing them.

    Without it two jobs side by side use all cores each, which costs a factor of three to ten.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = str(threads)


@contextmanager
def job(log_path: str | Path) -> Iterator[Starter]:
    """Logs to `log_path` and to the console while the block runs; gives it the processes that wait for the job.

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
    for handler in handlers:
        handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # on a full disk a line of the log is lost, without a traceback for each


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EIO)


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
