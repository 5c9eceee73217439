"""Shared by all tests: one thread, so that results and times do not depend on the machine's cores."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parents[1]
