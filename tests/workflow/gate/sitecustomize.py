"""Holds training jobs at the end of an epoch until the test lets them go on, so that no test has to be quick.

Python imports this file at its start where this folder is on PYTHONPATH. The line of epoch n waits until the file
NORMREG_GATE holds n or more: a job that is to be interrupted has neither ended nor fallen behind. A training job also
waits before its first line while NORMREG_GATE.start exists, and after its outputs are written while NORMREG_GATE.end
does.
"""

import logging
import os
import re
import sys
import time
from pathlib import Path

GATE = Path(os.environ["NORMREG_GATE"])


class Gate(logging.Handler):
    """Comes before the handlers of the log file and the console."""

    def emit(self, record: logging.LogRecord) -> None:
        """Waits if the line is an epoch's and the gate is not open so far."""
        epoch = re.search(r": epoch (\d+)/", record.getMessage())
        while epoch and int(epoch[1]) > int(GATE.read_text()):
            time.sleep(0.02)


def hold(name: str) -> None:
    """Waits until there is no such file."""
    while GATE.with_suffix(name).exists():
        time.sleep(0.02)


def held_shutdown() -> None:
    """What a job calls last."""
    hold(".end")
    shutdown()


logging.getLogger("normreg").addHandler(Gate())
if sys.orig_argv[-2:-1] and sys.orig_argv[-2].endswith("train.py"):
    shutdown, logging.shutdown = logging.shutdown, held_shutdown
    hold(".start")
