"""What every script of the workflow needs: a log file, epoch lines on the console, and errors a person can read."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from normreg.errors import NormregError

log = logging.getLogger("normreg")


def pin_threads(threads: int) -> None:
    """Makes numerical libraries use `threads` threads, whatever the caller's environment; call before importing them.

    Without it two jobs side by side use all cores each, which costs a factor of three to ten.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = str(threads)


@contextmanager
def job(log_path: str | Path) -> Iterator[None]:
    """Logs to `log_path` and to the console while the block runs.

    A `NormregError` becomes one message and exit status 1; any other error keeps its traceback, in the log as well.
    Ctrl-C and SIGTERM end the block in order, so that no temporary file stays behind.
    """
    handlers: list[logging.Handler] = [logging.FileHandler(log_path, mode="w"), logging.StreamHandler(sys.stderr)]
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
    logging.captureWarnings(True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except NormregError as error:
        log.error("error: %s", error)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        log.error("ended by a signal; the same command goes on where this one stopped")
        raise SystemExit(128 + signal.SIGINT) from None
    except Exception:
        log.exception("unexpected error")
        raise SystemExit(1) from None
    finally:
        logging.shutdown()
