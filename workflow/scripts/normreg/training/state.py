"""The state of a training run on disk: a killed run goes on from its last finished epoch.

The file is no output of the rule, so Snakemake leaves it alone when a job dies. It outlives the last epoch too, because
Snakemake deletes the outputs of a job whose success it has not recorded: the job that reads the checkpoint removes it.
Its key names everything the numbers depend on; a state with another key, or a damaged one, is never used.
"""

import hashlib
import io
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from normreg.utils.atomic import replacing
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
        """Replaces the state by `content` (tensors and plain data), whole or not at all."""
        payload = json.dumps(self.key).encode() + b"\n" + pack(content)
        with replacing(self.path) as temporary:
            temporary.write_bytes(hashlib.sha256(payload).digest() + payload)

    def load(self) -> dict[str, Any] | None:
        """What an earlier process saved under the same key; None, with the reason in the log, if it is of no use."""
        try:
            stored = self.path.read_bytes()
        except FileNotFoundError:
            return None
        key, _, content = stored[32:].partition(b"\n")
        reason = "it is damaged"
        if hashlib.sha256(stored[32:]).digest() == stored[:32]:
            try:
                found = json.loads(key)
            except ValueError:  # another version of this project wrote it
                found = {}
            differing = sorted(name for name in self.key.keys() | found.keys() if self.key.get(name) != found.get(name))
            if not differing:
                return unpack(content)
            reason = f"it comes from a run with another {' and another '.join(differing)}"
        log.warning("%s is not used: %s. Training starts over.", self.path, reason)
        return None


def beside(checkpoint: str | Path) -> Path:
    """Where the state of the run with this checkpoint is kept."""
    return Path(checkpoint).with_name("state.pt")


def pack(content: dict[str, Any]) -> bytes:
    """Tensors and plain data as bytes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def unpack(payload: bytes) -> dict[str, Any]:
    """What was given to `pack`. Runs no code of the payload, and fails on all else than tensors and plain data."""
    content: dict[str, Any] = torch.load(io.BytesIO(payload), weights_only=True)
    return content


@contextmanager
def held(path: Path, key: Mapping[str, str]) -> Iterator[StateFile]:
    """The state at `path` for this process alone; waits while another one, such as an orphaned job, holds it."""
    with exclusive(path.with_name(".lock"), "this training run"):
        yield StateFile(path, key)
