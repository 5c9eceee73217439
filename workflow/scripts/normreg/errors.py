"""Errors meant for the person at the keyboard: shown as one paragraph, without a traceback."""

AGAIN = "Delete it and run the same command again."  # what to do about a file that cannot be used


class NormregError(Exception):
    """Bad input. The message says which file or key, what was found, what was expected and what to do."""


class ConfigError(NormregError):
    """A key of the configuration or of a study file is wrong."""


class DataError(NormregError):
    """A data file is missing, damaged or not the one it should be."""


class DivergedError(NormregError):
    """The objective of a training run stopped being a finite number."""


class OrphanedError(NormregError):
    """The process that started this one is gone, so nobody waits for its results."""
