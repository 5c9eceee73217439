"""Calls torchvision's downloader: quietly, and without waiting for ever."""

import contextlib
import http.client
import io
import socket
from collections.abc import Iterator

_TIMEOUT = 20.0  # seconds without a byte until the download fails; without this the downloader would wait for ever
# urllib, http and torchvision raise these for a bad connection, address, proxy or file. So does a full disk.
FAILURES = (OSError, RuntimeError, ValueError, ImportError, http.client.HTTPException)


@contextlib.contextmanager
def quiet_with_timeout() -> Iterator[None]:
    """Hides torchvision's progress bars, because they would fill the log, and limits every wait for the network."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        socket.setdefaulttimeout(before)
