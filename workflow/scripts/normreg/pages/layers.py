"""The layer table of a study's networks, as CSV and as a page of the report."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from normreg.analysis import study_tables
from normreg.config import networks as known
from normreg.models.build import build, layer_table
from normreg.models.description import DataShape
from normreg.pages import html
from normreg.utils import tables


def write(networks: Sequence[str], data: DataShape, page: str | Path, csv: str | Path) -> None:
    """Writes one table per network: layer, type, output shape (channels x height x width), parameters and their sum."""
    frames = {name: _frame(name, data) for name in networks}
    totals = {name: frame["parameters"].sum() for name, frame in frames.items()}
    headings = {
        f"{name}: {totals[name]:,} parameters": frame.assign(
            parameters=[f"{p:,}" if p else None for p in frame["parameters"]]
        )
        for name, frame in frames.items()
    }
    text = "Ghost batch normalisation has the same layers, shapes and parameters as batch normalisation (BatchNorm2d)."
    html.write_page(page, "Layers", [text], headings)
    table = pd.concat([frame.assign(network=name) for name, frame in frames.items()])
    tables.write_frame(csv, study_tables.LAYERS, table)


def _frame(name: str, data: DataShape) -> pd.DataFrame:
    condition = {"network": name, "norm": "bn", "num_splits": 1, "dropout": None}
    rows = layer_table(build(condition, data, known.find(name)), data)
    return pd.DataFrame(
        {
            "layer": [row.name for row in rows],
            "type": [row.kind for row in rows],
            "output shape": [" x ".join(str(n) for n in row.output_shape) for row in rows],
            "parameters": [row.parameters for row in rows],
        }
    )
