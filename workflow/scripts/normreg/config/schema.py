"""Checks YAML content against a schema. One sentence tells the person who wrote the file what is wrong."""

import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError, validators

from normreg.errors import ConfigError, did_you_mean, unfit
from normreg.utils.files import regular_file

# Limits for the levels of a file, its values and the size of a number. Even a short file can need the first two: with
# YAML's anchors it can contain itself, or a list of lists with a billion values.
_DEEPEST, _MOST, _LARGEST = 12, 20_000, 1e30
_LONGEST = 2**19  # bytes of a file


class _UniqueKeys(yaml.SafeLoader):
    """A YAML loader that refuses a key given twice, of which PyYAML's own loader keeps the last one without a word.

    It also refuses too many values before it makes them. An alias counts as all that it repeats.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.sizes: dict[int, float] = {}  # of composed nodes, by their id

    def compose_node(self, parent: yaml.Node | None, index: Any) -> Any:
        repeats = self.check_event(yaml.AliasEvent)
        node: Any = super().compose_node(parent, index)
        if not repeats:
            inner = [] if isinstance(node, yaml.ScalarNode) else node.value
            parts = inner if isinstance(node, yaml.SequenceNode) else [each for pair in inner for each in pair]
            self.sizes[id(node)] = 1 + sum(self.sizes[id(part)] for part in parts)
        # A node without a size is not complete, so it would contain itself.
        if max(self.sizes.get(id(node), math.inf), len(self.sizes)) > _MOST:
            problem = f"more than {_MOST:,} values in all, or a value that contains itself"
            raise yaml.composer.ComposerError(None, None, problem, node.start_mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.composer.ComposerError(None, None, f"key '{key.value}' stands twice", key.start_mark)
                seen.add((key.tag, key.value))
        return node


class _Strict(_UniqueKeys):
    """Reads numbers as YAML 1.2 does: 1e-5 is a number. Dates, 010 and 1:30 are texts (YAML 1.1: 8 and 90)."""


_INTEGER = re.compile(r"^[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$")
_FLOAT = re.compile(
    r"^([-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
)
_REPLACED = {"tag:yaml.org,2002:int": _INTEGER, "tag:yaml.org,2002:float": _FLOAT}
_Strict.yaml_implicit_resolvers = {
    first: [(tag, _REPLACED.get(tag, regexp)) for tag, regexp in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

_TYPES = Draft202012Validator.TYPE_CHECKER.redefine(
    "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
)  # JSON Schema takes 25.0 as an integer, but Python's range does not
_Validator = validators.extend(Draft202012Validator, type_checker=_TYPES)


def read_yaml(path: Path, strict: bool = True) -> Any:
    """The content of a YAML file. If not `strict`, numbers and dates are read as Snakemake reads them.

    Raises:
        ConfigError: the file is not readable as YAML, or has a key twice.
    """
    try:
        text = regular_file(path, _LONGEST).read_text(encoding="utf-8")
        return yaml.load(text, _Strict if strict else _UniqueKeys)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); expected a file this user may read.") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: not readable as YAML: nested too deeply.") from error
    # A value with a wrong tag, such as `!!int x`, makes PyYAML raise errors of other kinds than its own.
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {_cut(' '.join(str(error).split()), 240)}") from error


def validate(
    content: Any,
    schema: str,
    where: str,
    complete: Callable[[Any], Any] | None = None,
    elsewhere: Callable[[str], str] = lambda key: "",
) -> None:
    """Checks `content` against a schema file in the folder of this module.

    Args:
        content: what a YAML file has.
        schema: the name of the schema file.
        where: the beginning of messages.
        complete: adds to the content of the schema file what is said elsewhere.
        elsewhere: says of an unknown key where it belongs, with a space before it. Empty: it does not know.

    Raises:
        ConfigError: one sentence about one wrong key. It begins with `where`.
    """
    _check_values(content, where)
    for error in _validator(schema, complete).iter_errors(content):
        raise ConfigError(f"{where}: {_explain(error, content, elsewhere)}")


def keys_of(schema: str) -> list[str]:
    """The keys at the top of what a schema file describes."""
    return list(_validator(schema, None).schema["properties"])


@functools.cache
def _validator(schema: str, complete: Callable[[Any], Any] | None) -> Any:
    found = yaml.safe_load(Path(__file__).with_name(schema).read_text(encoding="utf-8"))
    return _Validator(complete(found) if complete else found)


def _check_values(content: Any, where: str) -> None:
    """Refuses what a schema cannot refuse. NaN passes every bound, and a structure that contains itself has no end."""
    for count, (path, value) in enumerate(_values(content)):
        key = f"{where}: key '{_dotted(path)}': "
        if len(path) > _DEEPEST or count > _MOST:
            raise ConfigError(f"{key}nested more than {_DEEPEST} levels deep, or more than {_MOST} values in all.")
        if isinstance(value, int | float) and not abs(value) <= _LARGEST:
            finite = "a finite number" if isinstance(value, float) and not math.isfinite(value) else "at most 1e30"
            raise ConfigError(f"{key}found {_shorten(value)}; expected {finite}.")
        if isinstance(value, str) and (without := unfit(value.replace("\n", "").replace("\t", ""))):
            raise ConfigError(f"{key}found {_shorten(value)}; expected a text without {without}.")


def _values(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value in nested maps and lists, with its path. Keys come too, and a map or list before its own values."""
    yield path, content
    if isinstance(content, Mapping):
        yield from (((*path, key), key) for key in content)
    if isinstance(content, Mapping | list):
        for key, value in content.items() if isinstance(content, Mapping) else enumerate(content, 1):
            yield from _values(value, (*path, key))


def _explain(error: ValidationError, content: Any, elsewhere: Callable[[str], str]) -> str:
    """One sentence for a person: the key, what was found, what is allowed. `content` is the whole file."""
    path = _dotted(_counted(error.absolute_path, content))
    expected = error.schema.get("description") if isinstance(error.schema, Mapping) else None
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        return _explain_unknown(error, path, elsewhere)
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"key '{path + '.' if path else ''}{missing}' is missing."
    key = f"key '{path}'" if path else "the file"
    guess = ""
    if error.validator == "enum" and isinstance(error.instance, str):
        guess = did_you_mean(error.instance, map(str, error.validator_value))
    return f"{key}: found {_shorten(error.instance)}{_hint(error)}; expected {expected or error.message}.{guess}"


def _explain_unknown(error: ValidationError, path: str, elsewhere: Callable[[str], str]) -> str:
    allowed = list(error.schema.get("properties", {}))
    unknown = _dotted([next(key for key in error.instance if key not in allowed)])
    guess = elsewhere(unknown) or did_you_mean(unknown, allowed)
    return f"unknown key '{path + '.' if path else ''}{unknown}'.{guess} Allowed here: {', '.join(allowed)}."


def _counted(path: Iterable[Any], content: Any) -> Iterator[Any]:
    """A path into `content` with the items of lists numbered from 1."""
    for part in path:
        yield part + 1 if isinstance(content, list) else part
        content = content[part]


def _hint(error: ValidationError) -> str:
    """How to write a value that YAML did not read as meant: a text without quotes, or a number with a decimal point."""
    found = error.instance
    if error.validator == "type" and error.validator_value == "string" and not isinstance(found, Mapping | list):
        return " (to YAML it is no text: put it in quotes)"
    if isinstance(found, float) and found.is_integer() and error.validator in ("type", "oneOf"):
        return f" (write {found:.0f}, without a decimal point)"
    return ""


def _dotted(path: Any) -> str:
    """A key with its parents, in one line. Names are shortened, because they are not checked yet."""
    return ".".join(_cut(part if isinstance(part, str) and part.isprintable() else _shorten(part), 60) for part in path)


def _shorten(value: Any) -> str:
    try:
        return _cut(repr(value), 80)
    except (ValueError, RecursionError):  # Python does not print whole numbers of more than 4,300 digits
        return "a value too large to show"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
