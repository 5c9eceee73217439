"""The networks that come with the project: the five published ones and two others, one file each.

Sources: the notebooks of Gilf641 (EVA4, S6), hardayaleva5 (EVA5, session 6), satyajitghana (EVA4, 06), Noopuragr (EVA4,
S6) and ashxjain (P5, S6). Networks of one's own are in `config/networks`, see `normreg.config.networks`.
"""

import functools
from pathlib import Path

import yaml

from normreg.models.description import Network, from_data

_FOLDER = Path(__file__).with_name("built_in")
PUBLISHED = ("gilf641", "hardayaleva5", "satyajitghana", "noopuragr", "ashxjain")
# Read from the folder: a new network is no change of the code, and retrains nothing.
BUILT_IN = (*PUBLISHED, *sorted({path.stem for path in _FOLDER.glob("*.yaml")}.difference(PUBLISHED)))


@functools.cache
def built_in(name: str) -> Network:
    """The network of a name in `BUILT_IN`."""
    return from_data(yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))
