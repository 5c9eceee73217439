"""Networks by name: the built-in ones, and those in `config/networks`."""

import ast
import hashlib
import re
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from normreg.config import folders
from normreg.config.condition import Condition
from normreg.config.schema import read_yaml, validate
from normreg.errors import ConfigError, did_you_mean
from normreg.models import shapes
from normreg.models.description import (
    NORM_COUNTS,
    DataShape,
    Network,
    PythonNetwork,
    Residual,
    as_data,
    from_data,
)
from normreg.models.networks import BUILT_IN, built_in
from normreg.models.shapes import count_parameters
from normreg.utils.code import canonical, files_of, imports
from normreg.utils.files import regular_file

NETWORKS = Path("config/networks")  # see `folders`
_RESERVED = re.compile("(^|-)(e[0-9]+|confirm)$")  # `studies` would read such an end of a run's name as something else


def names() -> list[str]:
    """The names of all networks: those that come with the project, then the user's own."""
    own = [name for name in folders.names(NETWORKS, ".yaml", ".py") if folders.NAME.fullmatch(name)]
    return [*BUILT_IN, *(name for name in own if name not in BUILT_IN)]


def find(name: str) -> Network | PythonNetwork:
    """The network of this name. Code of the user is not run.

    Raises:
        ConfigError: there is none, there are two, or its file is wrong.
    """
    if not folders.NAME.fullmatch(name):  # it may be a path, of a file that nobody meant to run
        raise ConfigError(f"key 'network': found {name!r}; expected a name of lower-case letters, digits and hyphens.")
    files = _files(name)
    if files and _RESERVED.search(name):
        raise ConfigError(f"{files[0]}: names of runs can end in -e and a number, or in -confirm; rename this file.")
    if len(files) + (name in BUILT_IN) > 1:
        taken = "a network that comes with normreg" if name in BUILT_IN else files[1]
        raise ConfigError(f"{files[0]}: its name is also that of {taken}; rename this file.")
    if name in BUILT_IN:
        return built_in(name)
    if not files:
        known, guess = ", ".join(names()), did_you_mean(name, names())
        raise ConfigError(
            f"key 'network': found {name!r}, but there is no {NETWORKS / name}.yaml.{guess} Known: {known}."
        )
    if files[0].suffix == ".py":
        return python_file(files[0])
    content = read_yaml(files[0])
    validate(content, "network.schema.yaml", str(files[0]))
    return from_data(content)


def check(name: str, data: DataShape, condition: Mapping[str, Any]) -> None:
    """Checks that a network fits the data, as far as that can be known without running code.

    Args:
        name: the name of the network.
        data: the shape of the images and the number of classes.
        condition: its norm counts, and the number of groups.

    Raises:
        ConfigError: see `find`; or a layer does not fit, there are no parameters, or a norm would change nothing.
    """
    network = find(name)
    if isinstance(network, PythonNetwork):
        return
    where = f"network {name}" if name in BUILT_IN else str(_files(name)[0])
    norm = condition["norm"]
    shapes.check(network, data, where, norm, condition[NORM_COUNTS[norm]] if norm in NORM_COUNTS else 1)
    if not count_parameters(network, data):
        raise ConfigError(f"{where}: has no layer with parameters, so there is nothing to train; add one.")


def check_all(conditions: Mapping[str, Condition], data: DataShape) -> None:
    """Checks the networks of all conditions, see `check`."""
    seen: set[tuple[Any, ...]] = set()
    for condition in conditions.values():
        needs = condition["network"], condition["norm"], condition["num_groups"]
        if needs not in seen:
            check(condition["network"], data, condition)
        seen.add(needs)


def described(name: str) -> dict[str, Any]:
    """A network as plain data. A job has it in its params, so that it reruns when its network changes."""
    return as_data(find(name))


def check_unchanged(before: Mapping[str, Mapping[str, Any]]) -> None:
    """Checks that networks are still what they were when `described` was called.

    Raises:
        ConfigError: a file was edited in between.
    """
    for name, network in before.items():
        if network != described(name):
            raise ConfigError(f"network {name} was edited while the workflow ran. Run the same command again.")


def has(kind: type[Any], layers: Iterable[Any]) -> bool:
    """Whether there is a layer of this kind among these layers, or inside of them."""
    return any(
        isinstance(layer, kind) or (isinstance(layer, Residual) and has(kind, [*layer.layers, *layer.shortcut]))
        for layer in layers
    )


def _files(name: str) -> list[Path]:
    return folders.files(NETWORKS, f"{name}.yaml", f"{name}.py")


def python_file(path: Path) -> PythonNetwork:
    """The network of a Python file, without running it.

    Raises:
        ConfigError: the file, or one beside it that it imports, cannot be read as Python; or it has no `build`.
    """
    tree = _parse(path)
    if not any(isinstance(part, ast.FunctionDef) and part.name == "build" for part in tree.body):
        raise ConfigError(f"{path}: defines no function `build`; expected `def build(spec)` that returns an nn.Module.")
    trees, waiting = {path: tree}, [path]
    while waiting:
        file = waiting.pop()
        package = file.parent.relative_to(path.parent).parts
        for beside in chain(*(files_of(path.parent, module) for module in imports(trees[file], package))):
            if beside not in trees:
                trees[beside] = _parse(beside)
                waiting.append(beside)
    text = "".join(canonical(trees[file]) for file in sorted(trees))
    return PythonNetwork(str(path), hashlib.sha256(text.encode()).hexdigest()[:16])


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(regular_file(path).read_bytes(), str(path))
    except (SyntaxError, ValueError, OSError) as error:
        raise ConfigError(f"{path}: cannot be read as Python ({error}). Correct this file.") from error
