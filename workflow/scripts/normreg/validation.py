"""Checks YAML content against a schema, and says what is wrong in one sentence for the person who wrote it."""

import difflib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError

from normreg.errors import ConfigError

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


class _UniqueKeys(yaml.SafeLoader):
    """A YAML loader that refuses a key given twice; the plain one silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = [key for key in keys if keys.count(key) > 1]
        if repeated:
            raise yaml.constructor.ConstructorError(None, None, f"key '{repeated[0]}' stands twice", node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        ConfigError: not readable as YAML, or a key stands twice.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error


def validate(content: Any, schema: str, where: str) -> None:
    """Checks `content` against a schema in workflow/schemas.

    Raises:
        ConfigError: one sentence on one wrong key, beginning with `where`.
    """
    validator = Draft202012Validator(yaml.safe_load((SCHEMAS / schema).read_text(encoding="utf-8")))
    for error in validator.iter_errors(content):
        raise ConfigError(f"{where}: {_explain(error)}")
    for path, number in _numbers(content):
        if not math.isfinite(number):  # NaN passes every bound of the schema
            raise ConfigError(f"{where}: key '{path}': found {number}; expected a finite number.")


def _numbers(content: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every float in nested maps and lists, with its dotted path."""
    if isinstance(content, float):
        yield path, content
    elif isinstance(content, Mapping | list):
        for key, value in content.items() if isinstance(content, Mapping) else enumerate(content):
            yield from _numbers(value, f"{path}.{key}" if path else str(key))


def _explain(error: ValidationError) -> str:
    """One sentence for a person: the key, what was found, what is allowed."""
    path = ".".join(str(part) for part in error.absolute_path)
    expected = error.schema.get("description") if isinstance(error.schema, Mapping) else None
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        return _explain_unknown(error, path)
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"key '{path + '.' if path else ''}{missing}' is missing."
    key = f"key '{path}'" if path else "the file"
    hint = " (a text: YAML reads 1e-5 as text, write 1.0e-5)" if _looks_like_number(error.instance) else ""
    return f"{key}: found {_shorten(error.instance)}{hint}; expected {expected or error.message}."


def _explain_unknown(error: ValidationError, path: str) -> str:
    allowed = list(error.schema.get("properties", {}))
    unknown = next(str(key) for key in error.instance if key not in allowed)
    close = difflib.get_close_matches(unknown.lower(), allowed, n=1)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    return f"unknown key '{path + '.' if path else ''}{unknown}'.{guess} Allowed here: {', '.join(allowed)}."


def _looks_like_number(value: Any) -> bool:
    try:
        return isinstance(value, str) and float(value) is not None
    except ValueError:
        return False


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
