"""How a test waits for another process. No test measures speed: the one limit here is a guard against hanging."""

import time
from collections.abc import Callable

HANG = 3600  # seconds, far more than anything here takes on the slowest machine


def wait_until(happened: Callable[[], object], told: Callable[[], str] = str) -> None:
    """Asks `happened` again and again until it is true; what `told` returns stands in the error after an hour."""
    given_up = time.monotonic() + HANG
    while not happened():
        assert time.monotonic() < given_up, f"nothing happened for {HANG} s. {told()}"
        time.sleep(0.02)
