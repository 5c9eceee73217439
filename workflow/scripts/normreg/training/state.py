"""The state of an unfinished training run on disk: a killed run goes on from its last finished epoch.

The file is no output of the rule, so Snakemake leaves it alone when a job dies. Its key names everything the numbers
depend on; a state with another key, or a damaged one, is never used.
"""

import io
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from normreg.utils.atomic import replacing
from normreg.utils.digests import sha256
from normreg.utils.locks import exclusive

log = logging.getLogger("normreg")


def make_key(code: str, device: torch.device, **parts: Any) -> dict[str, str]:
    """What a state must agree in to be used, each part as text.

    Args:
        code: the digest of all code that training runs, see `normreg.utils.code`.
        device: its kind counts, and for a GPU the model: others round differently.
        parts: condition, network, seed, data digest, threads, engine: anything JSON can hold.
    """
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    texts = {name: json.dumps(value, sort_keys=True) for name, value in parts.items()}
    return {**texts, "code": code, "device": kind, "torch": str(torch.__version__)}


class StateFile:
    """One run's state. Its content is checked by SHA-256 and loaded without running any code from the file."""

    def __init__(self, path: Path, key: Mapping[str, str]) -> None:
        self.path, self.key = path, dict(key)

    def save(self, content: dict[str, Any]) -> None:
        """Replaces the state by `content` (tensors and plain data), whole or not at all.

        Raises:
            pickle.UnpicklingError: something else is in `content`, which `load` would refuse: an error of ours.
        """
        buffer = io.BytesIO()
        torch.save({"key": self.key, "content": content}, buffer)
        payload = buffer.getvalue()
        _unpack(payload)
        with replacing(self.path) as temporary:
            temporary.write_bytes(bytes.fromhex(sha256(payload)) + payload)

    def load(self) -> dict[str, Any] | None:
        """What an earlier process saved under the same key; None, with the reason in the log, if it is of no use."""
        try:
            stored = self.path.read_bytes()
        except FileNotFoundError:
            return None
        reason = "it is damaged"
        if sha256(stored[32:]) == stored[:32].hex():
            saved = _unpack(stored[32:])
            differing = sorted(
                k for k in self.key.keys() | saved["key"].keys() if self.key.get(k) != saved["key"].get(k)
            )
            if not differing:
                content: dict[str, Any] = saved["content"]
                return content
            reason = f"it comes from a run with another {' and another '.join(differing)}"
        log.warning("%s is not used: %s. Training starts over.", self.path, reason)
        return None

    def remove(self) -> None:
        """Deletes the state once the results are written."""
        self.path.unlink(missing_ok=True)


def _unpack(payload: bytes) -> dict[str, Any]:
    saved: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    return saved


@contextmanager
def held(path: Path, key: Mapping[str, str]) -> Iterator[StateFile]:
    """The state at `path` for this process alone; waits while another one, such as an orphaned job, holds it."""
    with exclusive(path.with_name(".lock"), "this training run"):
        yield StateFile(path, key)
