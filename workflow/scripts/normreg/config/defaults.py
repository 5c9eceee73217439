"""The values of keys that a configuration does not have: those of this project's config/config.yaml."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from normreg.config import folders
from normreg.config.schema import read_yaml
from normreg.errors import ConfigError

_NUMBERS = ("seeds", "epochs", "jobs_per_gpu")
REPORT = "report"  # the Snakefile adds this key for the report


def fill(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the defaults of the keys that it lacks.

    A workflow that imports this one gives only what differs. If it imports rules one by one, Snakemake reads the
    Snakefile again with the same configuration, so what the first time added is taken out.

    Raises:
        ConfigError: the file of the defaults is not readable.
    """
    path = folders.PROJECT / "config/config.yaml"
    defaults = read_yaml(path, strict=False)
    if not isinstance(defaults, Mapping):
        raise ConfigError(f"{path}: found {defaults!r}; expected keys such as `dataset: mnist`.")
    given = {key: value for key, value in config.items() if key != REPORT}
    if Path.cwd().resolve() != folders.PROJECT:
        given |= {key: _read(given[key]) for key in _NUMBERS if key in given}
    return {**defaults, **given}


def _read(value: Any) -> Any:
    """A number. Snakemake gives it as a text if it stands in a section: --config 'normreg={seeds: 2}'."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,6}", value) else value
