"""Holds training jobs at the end of an epoch until the test lets them go on, so that no test has to be quick.

Python imports this file at its start where this folder is on PYTHONPATH. The line of epoch n waits until the file
NORMREG_GATE holds n or more: a job that is to be interrupted has neither ended nor fallen behind.
"""

import logging
import os
import re
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


logging.getLogger("normreg").addHandler(Gate())
