"""The layers of a study's networks: `layers.csv` and its page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from normreg.config import networks as known
from normreg.models.build import build
from normreg.models.description import BASELINE, MNIST_LIKE, ROOT, DataShape
from normreg.models.layers import Residual
from normreg.report import html
from normreg.report.job import Job
from normreg.utils.tables import Table, columns_of

TABLE = Table(
    "layers",
    columns_of(str, "layer", "type", "output shape")
    | columns_of(int, "calls", "parameters")
    | columns_of(str, "network"),
    may_be_empty=frozenset({"output shape"}),
    sealed=False,
)

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


def build_all(networks: Sequence[str], data: DataShape) -> dict[str, nn.Module]:
    """The networks of these names."""
    plain = {"norm": BASELINE, "num_splits": 1, "dropout": None}
    return {name: build({"network": name, **plain}, data, known.find(name)) for name in networks}


def tabulate(models: Mapping[str, nn.Module], data: DataShape) -> pd.DataFrame:
    """The rows of `layer_table` of each network: layer, type, output shape, calls, parameters, network."""
    rows = [(*row, name) for name, model in models.items() for row in layer_table(model, data)]
    table = pd.DataFrame(rows, columns=list(TABLE.columns))
    table["output shape"] = [None if shape is None else _say(shape) for shape in table["output shape"]]
    return table


def _say(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape) or "1"


def write(path: str | Path, table: pd.DataFrame, models: Mapping[str, nn.Module]) -> None:
    """Writes the page: one table per network."""
    text = ["Ghost batch normalisation has the same layers, shapes and parameters as batch normalisation."]
    text += [_UNCALLED] if (table["calls"] == 0).any() else []
    own = {name: table[table["network"] == name].drop(columns="network") for name in models}
    html.write_page(path, "Layers", text, {_heading(name, models[name]): _shown(own[name]) for name in models})


def _heading(name: str, model: nn.Module) -> str:
    total = sum(p.numel() for p in model.parameters())
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    return f"{name}: {total:,} parameters" + (f", {frozen:,} of them are not trained" if frozen else "")


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """A table of the page. If each layer is called once, there is no column for that."""
    shown = table.assign(parameters=[f"{p:,}" if p else None for p in table["parameters"]])
    return shown.drop(columns="calls") if (table["calls"] == 1).all() else shown


def make(job: Job) -> None:
    """The table and its page."""
    data = DataShape(*job.spec.network_shape)
    models = build_all(job.params.networks, data)
    table = tabulate(models, data)
    write(job.folder / "layers.html", table, models)
    job.write("layers.csv", TABLE, table, sealed=False)
