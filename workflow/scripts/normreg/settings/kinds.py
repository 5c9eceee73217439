"""Settings, and the kinds of values that they have.

A kind has a JSON Schema for what a study file may write. Its description says in messages and tables what is expected.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from normreg.errors import ConfigError

Schema = dict[str, Any]
# Makes other values of settings, from the settings, their values, and the beginning of their dotted keys.
Change = Callable[[Sequence["Setting"], Mapping[str, Any], str], dict[str, Any]]
_Known = TypeVar("_Known")


@dataclass(frozen=True)
class Kind:
    """A kind of values. This class is for values without keys.

    Attributes:
        schema: what a file may have.
        merged: whether a condition replaces the study's value key by key, and not as a whole.
    """

    schema: Schema
    merged: bool = False

    @property
    def expected(self) -> str:
        """What messages and tables say of the values."""
        return str(self.schema.get("else", self.schema)["description"])

    def merge(self, above: Any, own: Any) -> Any:
        """The value of a condition that has its `own`, where the study has the value `above`."""
        return {**above, **own} if self.merged else own

    def map(self, value: Any, key: str, change: Change) -> Any:
        """The value of the dotted `key` with another text if it is a number, and with changed settings inside.

        Raises:
            ConfigError: a name is none of those that the value can have, or has a key that it cannot have.
        """
        if "enum" in self.schema:
            _find(value, dict.fromkeys(self.schema["enum"]), f"{key}.")
        return float(value) if self.schema.get("type") == "number" else value


@dataclass(frozen=True)
class Setting:
    """A row of the table, or a nested key of one.

    Attributes:
        key: its key in files and conditions.
        kind: the values that it can have.
        text: what it means, in Markdown.
        default: its value if a file leaves it out. None: a file must have it.
        neutral: the value that changes nothing. None: there is none.
        regularises: whether a condition has it or lacks it, in the question what helps. What it does is then measured,
            and the effects of others are means over conditions with it and without it.
        label: what an axis calls it, if not by its key.
        place: where it is set: by a "study" for all its conditions, by each "condition", or by "either".
    """

    key: str
    kind: Kind
    text: str = ""
    default: Any = None
    neutral: Any = None
    regularises: bool = False
    label: str = ""
    place: str = "either"


def settle(settings: Sequence[Setting], given: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Resolved values of all `settings`, in their order. Equal values have equal texts, however a file writes them.

    Those that are not given have their defaults.

    Raises:
        ConfigError: a value that has no default is missing. See also `Kind.map`.
    """
    filled = {each.key: given.get(each.key, each.default) for each in settings}
    missing = [key for key, value in filled.items() if value is None]
    if missing:
        raise ConfigError(f"key '{above}{missing[0]}' is missing; set it here or in the study's {above[:-1]}.")
    return {each.key: each.kind.map(filled[each.key], f"{above}{each.key}", settle) for each in settings}


def essential(settings: Sequence[Setting], resolved: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The resolved values that are not neutral. `whole` gives back the others.

    Raises:
        ConfigError: a key is none of the settings. See also `Kind.map`.
    """
    known = {each.key: each for each in settings}
    found = {key: value for key, value in resolved.items() if _find(key, known, above).neutral != value}
    return {key: known[key].kind.map(value, f"{above}{key}", essential) for key, value in found.items()}


def whole(settings: Sequence[Setting], essentials: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The resolved values of which these are the `essential` ones."""
    filled = {each.key: essentials.get(each.key, each.neutral) for each in settings}
    return {each.key: each.kind.map(filled[each.key], f"{above}{each.key}", whole) for each in settings}


def _find(name: Any, known: Mapping[Any, _Known], above: str) -> _Known:
    if name not in known:
        place = f"key '{above[:-1]}': " if above else ""
        raise ConfigError(f"{place}found {name!r}; known are {', '.join(map(str, known))}.")
    return known[name]


def number(
    noun: str = "a number",
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    note: str = "",
) -> Kind:
    """A number between two bounds: `least`, or `above` if that is not allowed itself, and `most` or `below`.

    `noun` says what it is, and `note` what the schema cannot say.
    """
    lower = f"from {least}" if above is None else f"above {above}"
    highest = f"{most:g}".replace("e+", "e") if isinstance(most, float) else most
    upper = f"below {below}" if most is None else f"at most {highest}" if above is not None else highest
    described = f"{noun} {lower} {'to' if above is None else 'and'} {upper}{note}"
    bounds = {"minimum": least, "exclusiveMinimum": above, "maximum": most, "exclusiveMaximum": below}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    return Kind({"description": described, "type": "number", **given})


def count(noun: str, least: int, most: int, note: str = "", other: str | None = None) -> Kind:
    """A whole number, or one `other` value."""
    schema = number(f"a whole number of {noun}", least, most, note=note).schema | {"type": "integer"}
    if other is None:
        return Kind(schema)
    described = {"description": f"{schema['description']}, or {other}"}
    return Kind({"if": {"const": other}, "then": True, "else": schema | described})


def choice(meanings: Mapping[Any, str]) -> Kind:
    """One of some words, or of true and false. Each has a meaning, which may be empty."""
    words = [str(value).lower() + (f" ({meaning})" if meaning else "") for value, meaning in meanings.items()]
    described = f"{', '.join(words[:-1])} or {words[-1]}" if any(meanings.values()) else f"one of {', '.join(words)}"
    return Kind({"description": described, "enum": list(meanings)})


def name(noun: str, longest: int) -> Kind:
    """A name of lower-case letters, digits and single hyphens. `noun` says of what."""
    pattern = r"^[a-z0-9]+(-[a-z0-9]+)*\Z"  # $ would allow a line end after the name
    described = f"{noun} (lower-case letters, digits, hyphens)"
    return Kind({"description": described, "type": "string", "maxLength": longest, "pattern": pattern})


@dataclass(frozen=True)
class ListOf(Kind):
    """A list of values of one kind. In messages they are numbered from 1."""

    kind: Kind = Kind({})

    def map(self, value: Any, key: str, change: Change) -> Any:
        """See `Kind.map`."""
        return [self.kind.map(item, f"{key}.{place}", change) for place, item in enumerate(value, 1)]


def list_of(noun: str, kind: Kind, length: int | None = None) -> ListOf:
    """A list with a fixed length, or with any."""
    bounds = {} if length is None else {"minItems": length, "maxItems": length}
    described = f"{noun}, each {kind.expected}"
    return ListOf({"description": described, "type": "array", **bounds, "items": kind.schema}, kind=kind)


@dataclass(frozen=True)
class Group(Kind):
    """A mapping with fixed keys. `text` says in Markdown what it is."""

    settings: tuple[Setting, ...] = ()
    text: str = ""

    @property
    def keys(self) -> str:
        """The keys as a list in a sentence."""
        return ", ".join(each.key for each in self.settings)

    def map(self, value: Any, key: str, change: Change) -> Any:
        """See `Kind.map`."""
        return change(self.settings, value, f"{key}.")


def group(*settings: Setting, text: str = "") -> Group:
    """A mapping with these keys. Those with a default may be left out."""
    described = f"a map with {', '.join(each.key for each in settings)}" if settings else "nothing inside: {}"
    required = [each.key for each in settings if each.default is None]
    keys = {"required": required, "properties": {each.key: each.kind.schema for each in settings}}
    schema = {"description": described, "type": "object", "additionalProperties": False, **keys}
    return Group(schema, True, settings, text)


@dataclass(frozen=True)
class Optimizer(Group):
    """The settings of an optimizer. Those with `decoupled` take the weight decay off the weights in a step of its own.

    In all others it is a part of the gradient.
    """

    decoupled: bool = False


def optimizer(*settings: Setting, decoupled: bool, text: str) -> Optimizer:
    """An optimizer with these keys."""
    known = group(*settings, text=text)
    return Optimizer(known.schema, known.merged, known.settings, known.text, decoupled)


@dataclass(frozen=True)
class OneOf(Kind):
    """A mapping with one key, which is a name, and the settings of what it names: `step: {step_size: 6, ...}`."""

    groups: Mapping[str, Group] = field(default_factory=dict)

    def map(self, value: Any, key: str, change: Change) -> Any:
        """See `Kind.map`."""
        groups = {name: _find(name, self.groups, f"{key}.") for name in value}
        return {name: groups[name].map(own, f"{key}.{name}", change) for name, own in value.items()}


def one_of(groups: Mapping[str, Group]) -> OneOf:
    """A mapping with one of these keys."""
    forms = (f"`{name}: {'{...}' if each.settings else '{}'}`" for name, each in groups.items())
    keys = {"minProperties": 1, "maxProperties": 1, "properties": {name: each.schema for name, each in groups.items()}}
    described = f"exactly one of {', '.join(forms)}"
    return OneOf({"description": described, "type": "object", "additionalProperties": False, **keys}, groups=groups)


@dataclass(frozen=True)
class Named(Kind):
    """A mapping with a `name` and the settings of what it names. If a file has no name, it means the first."""

    groups: Mapping[str, Group] = field(default_factory=dict)

    def merge(self, above: Any, own: Any) -> Any:
        """See `Kind.merge`. Another name replaces all."""
        return {**above, **own} if "name" not in own or own["name"] == self._name(above) else own

    def map(self, value: Any, key: str, change: Change) -> Any:
        """See `Kind.map`."""
        name, own = self._name(value), {each: value[each] for each in value if each != "name"}
        group = _find(name, self.groups, f"{key}.")
        strange = [each for each in own if each not in group.schema["properties"]]
        if strange:
            raise ConfigError(f"found {key}.{strange[0]}, which {name} does not have; its keys are {group.keys}.")
        return {"name": name, **group.map(own, key, change)}

    def _name(self, value: Mapping[str, Any]) -> Any:
        return value.get("name", next(iter(self.groups)))


def named(groups: Mapping[str, Group]) -> Named:
    """A mapping with one of these names. A file may have the keys of all: which fit the name is known once merged."""
    own = {each.key: each.kind.schema for group in groups.values() for each in group.settings}
    keys = {"name": choice(dict.fromkeys(groups, "")).schema, **own}
    described = "a name and its keys: " + "; or ".join(f"{name} with {each.keys}" for name, each in groups.items())
    schema = {"description": described, "type": "object", "additionalProperties": False, "properties": keys}
    return Named(schema, True, groups)
