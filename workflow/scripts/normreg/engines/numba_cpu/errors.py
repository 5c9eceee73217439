"""The error of the engine."""


class UnsupportedError(Exception):
    """The engine cannot train this condition, but PyTorch can. The message says why. It names no key."""
