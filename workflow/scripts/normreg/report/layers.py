"""The layer table of a study's networks, as CSV and as a page of the report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from normreg.analysis import study_tables
from normreg.config import networks as known
from normreg.models.build import build
from normreg.models.description import BASELINE, MNIST_LIKE, ROOT, DataShape
from normreg.models.layers import Residual
from normreg.report import html
from normreg.report.job import Job
from normreg.utils import tables

_UNCALLED = (
    "A layer with 0 calls is not run by itself: the layer around it uses its parameters, as attention does, or nothing "
    "does."
)


class LayerRow(NamedTuple):
    """One row of the layer table.

    Attributes:
        name: its place in the tree of modules. That of the network itself is `description.ROOT`.
        kind: its class.
        output_shape: of the first tensor that it returns, without the dimension of the images. None if there is none.
        calls: how often a forward pass calls it with an output of this shape. A layer that is never called can have
            parameters all the same: the layer around it uses them, as attention does, or nothing does.
        parameters: those that no layer inside of it has, and no row before.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...] | None
    calls: int
    parameters: int


def layer_table(model: nn.Module, data: DataShape = MNIST_LIKE) -> list[LayerRow]:
    """Lists the layers in the order in which they run: those without inner layers or with parameters of their own.

    Residual blocks are listed too, as their sums. All parameters of the model are counted, each of them once. The
    output shapes are measured by passing two images through the model and then three.
    """
    names = {module: name for name, module in model.named_modules()}
    listed = [m for m in names if isinstance(m, Residual) or next(m.children(), None) is None or _own(m)]
    two, three = (_outputs(model, listed, torch.zeros((count, *data[:3]))) for count in (2, 3))
    calls = Counter(
        (module, None if one is None or other is None else _per_image(one, other))
        for (module, one), (_, other) in zip(two, three, strict=False)
    )
    places = {names[module]: place for place, (module, _) in enumerate(calls)}
    rows = [(place, module, shape, number) for place, ((module, shape), number) in enumerate(calls.items())]
    for module in listed:  # those that are never called stand below the layer around them
        if names[module] not in places and _own(module):
            around = names[module].rpartition(".")[0]
            while around and around not in places:
                around = around.rpartition(".")[0]
            rows.append((places.get(around, len(places)), module, None, 0))
    seen: set[int] = set()
    table = []
    for _, module, shape, number in sorted(rows, key=lambda row: row[0]):
        own = [p for p in _own(module) if id(p) not in seen]
        seen.update(map(id, own))
        count = sum(p.numel() for p in own)
        table.append(LayerRow(names[module] or ROOT, type(module).__name__, shape, number, count))
    return table


def _own(module: nn.Module) -> list[nn.Parameter]:
    return list(module.parameters(recurse=False))


def _outputs(
    model: nn.Module, listed: Sequence[nn.Module], images: Tensor
) -> list[tuple[nn.Module, tuple[int, ...] | None]]:
    """The layers in the order in which they return, with the shape of what they return. The model's modes stay."""
    found: list[tuple[nn.Module, tuple[int, ...] | None]] = []

    def note(module: nn.Module, _: Any, output: Any) -> None:
        tensor = _first_tensor(output)
        found.append((module, None if tensor is None else tuple(tensor.shape)))

    hooks = [module.register_forward_hook(note) for module in listed]
    training = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.inference_mode():
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in training.items():
            module.training = mode
    return found


def _first_tensor(output: Any) -> Tensor | None:
    """The first tensor in what a module returns: layers such as LSTM and attention return tuples."""
    if isinstance(output, Tensor):
        return output
    parts = output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else ()
    return next((tensor for tensor in map(_first_tensor, parts) if tensor is not None), None)


def _per_image(two: Sequence[int], three: Sequence[int]) -> tuple[int, ...]:
    """The shape for one image, from those for two and for three. The dimension that is their number is left out."""
    return tuple(
        one if one == other else one // 2 for one, other in zip(two, three, strict=False) if one != 2 or other != 3
    )


def write(networks: Sequence[str], data: DataShape, page: str | Path, csv: str | Path) -> None:
    """Writes one table per network: layer, type, output shape (channels x height x width), calls, parameters."""
    frames: dict[str, pd.DataFrame] = {}
    tables_of_page: dict[str, pd.DataFrame] = {}
    for name in networks:
        condition = {"network": name, "norm": BASELINE, "num_splits": 1, "dropout": None}
        model = build(condition, data, known.find(name))
        frames[name] = _frame(layer_table(model, data))
        tables_of_page[_heading(name, model)] = _shown(frames[name])
    text = ["Ghost batch normalisation has the same layers, shapes and parameters as batch normalisation."]
    table = pd.concat([frame.assign(network=name) for name, frame in frames.items()])
    text += [_UNCALLED] if (table["calls"] == 0).any() else []
    html.write_page(page, "Layers", text, tables_of_page)
    tables.write_frame(csv, study_tables.LAYERS, table)


def _heading(name: str, model: nn.Module) -> str:
    total, frozen = (
        sum(p.numel() for p in model.parameters() if p.requires_grad in of) for of in ((True, False), (False,))
    )
    return f"{name}: {total:,} parameters" + (f", {frozen:,} of them are not trained" if frozen else "")


def _frame(rows: Sequence[LayerRow]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "layer": [row.name for row in rows],
            "type": [row.kind for row in rows],
            "output shape": [None if row.output_shape is None else _say(row.output_shape) for row in rows],
            "calls": [row.calls for row in rows],
            "parameters": [row.parameters for row in rows],
        }
    )


def _say(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape) or "1"


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of the page. If each layer is called once, there is no column for that."""
    shown = frame.assign(parameters=[f"{p:,}" if p else None for p in frame["parameters"]])
    return shown.drop(columns="calls") if (frame["calls"] == 1).all() else shown


def make(job: Job) -> None:
    """`layers.csv` and its page."""
    shape = DataShape(*job.spec.network_shape)
    write(list(job.params.networks), shape, job.folder / "layers.html", job.folder / "layers.csv")
