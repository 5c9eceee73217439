"""Settings, and the kinds of values that they have.

A kind says what a study file may write: as a JSON Schema, whose descriptions tell in messages and tables what is
expected. It also says what a resolved condition has for it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from normreg.errors import ConfigError

_Known = TypeVar("_Known")


class Kind(ABC):
    """A kind of values. The methods with a body are for values without keys.

    Attributes:
        merged: whether a condition replaces the study's value key by key, and not as a whole.
    """

    merged = False

    @property
    @abstractmethod
    def expected(self) -> str:
        """What messages and tables say of the values."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a value in a file."""

    def merge(self, above: Any, own: Any) -> Any:
        """The value of a condition that has its `own`, where the study has the value `above`."""
        return own

    def settle(self, value: Any, key: str, left_out: str) -> Any:
        """The value of the dotted `key` as a resolved condition has it, see the function `settle`."""
        return value

    def essential(self, value: Any, key: str) -> Any:
        """What of the resolved value of the dotted `key` is not neutral, see the function `essential`."""
        return value


@dataclass(frozen=True)
class Setting:
    """A row of the table, or a nested key of one.

    Attributes:
        key: its key in files and conditions.
        kind: the values that it can have.
        text: what it means, in Markdown.
        default: its value if a file leaves it out. None: a file must have it.
        neutral: the value that changes nothing. None: there is none.
        label: what an axis calls it, if not by its key.
        place: where it is set: by a "study" for all its conditions, by each "condition", or by "either".
    """

    key: str
    kind: Kind
    text: str = ""
    default: Any = None
    neutral: Any = None
    label: str = ""
    place: str = "either"


def settle(settings: Sequence[Setting], given: Mapping[str, Any], above: str = "", left_out: str = "default") -> Any:
    """Resolved values of all `settings`, in their order. Equal values have equal texts, however a file writes them.

    Args:
        settings: all that can be given.
        given: a value for each of them, or for some.
        above: the beginning of the dotted keys in messages.
        left_out: whether those that are not given have their "default" or their "neutral" value.

    Raises:
        ConfigError: a value that must be given is missing, or a key is there that its value cannot have.
    """
    found = {}
    for each in settings:
        value = given.get(each.key, getattr(each, left_out))
        if value is None:
            raise ConfigError(f"key '{above}{each.key}' is missing; set it here or in the study's {above[:-1]}.")
        found[each.key] = each.kind.settle(value, f"{above}{each.key}", left_out)
    return found


def essential(settings: Sequence[Setting], resolved: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The resolved values that are not neutral. `settle` with neutral values gives back the others.

    Raises:
        ConfigError: a key or a name is none of the settings.
    """
    known = {each.key: each for each in settings}
    found = {}
    for key, value in resolved.items():
        setting = _named(key, known, above)
        if setting.neutral is None or value != setting.neutral:
            found[key] = setting.kind.essential(value, f"{above}{key}.")
    return found


def _named(name: Any, known: Mapping[Any, _Known], above: str) -> _Known:
    if name not in known:
        place = f"key '{above[:-1]}': " if above else ""
        raise ConfigError(f"{place}found {name!r}; known are {', '.join(map(str, known))}.")
    return known[name]


@dataclass(frozen=True)
class Number(Kind):
    """A number between two bounds, or one `other` value.

    Attributes:
        noun: what it is, such as "a probability".
        least, above: one of both: the lower bound that is allowed itself, or that is not.
        most, below: one of both: the upper bound that is allowed itself, or that is not.
        whole: whether it must be a whole number.
        note: what the schema cannot say.
    """

    noun: str = "a number"
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    whole: bool = False
    note: str = ""
    other: str | None = None

    @property
    def expected(self) -> str:
        most = f"{self.most:g}".replace("e+", "e") if isinstance(self.most, float) else self.most
        if self.above is None:
            bounds = f"from {self.least} to {f'below {self.below}' if most is None else most}"
        else:
            bounds = f"above {self.above} and {f'below {self.below}' if most is None else f'at most {most}'}"
        return f"{self.noun} {bounds}{self.note}{'' if self.other is None else f', or {self.other}'}"

    def schema(self) -> dict[str, Any]:
        lower = {"minimum": self.least, "exclusiveMinimum": self.above}
        bounds = {**lower, "maximum": self.most, "exclusiveMaximum": self.below}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        number = {"description": self.expected, "type": "integer" if self.whole else "number", **given}
        return number if self.other is None else {"if": {"const": self.other}, "then": True, "else": number}

    def settle(self, value: Any, key: str, left_out: str) -> Any:
        return value if self.whole or value == self.other else float(value)


@dataclass(frozen=True)
class Choice(Kind):
    """One of some words, or true or false. Each has a meaning, which may be empty."""

    meanings: Mapping[Any, str]

    @property
    def expected(self) -> str:
        words = [str(value).lower() + (f" ({meaning})" if meaning else "") for value, meaning in self.meanings.items()]
        return (
            f"{', '.join(words[:-1])} or {words[-1]}" if any(self.meanings.values()) else f"one of {', '.join(words)}"
        )

    def schema(self) -> dict[str, Any]:
        return {"description": self.expected, "enum": list(self.meanings)}

    def essential(self, value: Any, key: str) -> Any:
        _named(value, self.meanings, key)
        return value


@dataclass(frozen=True)
class Name(Kind):
    """A name of lower-case letters, digits and single hyphens. `noun` says of what."""

    noun: str
    longest: int

    @property
    def expected(self) -> str:
        return f"{self.noun} (lower-case letters, digits, hyphens)"

    def schema(self) -> dict[str, Any]:
        pattern = r"^[a-z0-9]+(-[a-z0-9]+)*\Z"  # $ would allow a line end after the name
        return {"description": self.expected, "type": "string", "maxLength": self.longest, "pattern": pattern}


@dataclass(frozen=True)
class ListOf(Kind):
    """A list of values of one kind, with a fixed `length` or any."""

    noun: str
    kind: Kind
    length: int | None = None

    @property
    def expected(self) -> str:
        return f"{self.noun}, each {self.kind.expected}"

    def schema(self) -> dict[str, Any]:
        length = {} if self.length is None else {"minItems": self.length, "maxItems": self.length}
        return {"description": self.expected, "type": "array", **length, "items": self.kind.schema()}

    def settle(self, value: Any, key: str, left_out: str) -> Any:
        return [self.kind.settle(item, f"{key}.{place}", left_out) for place, item in enumerate(value, 1)]

    def essential(self, value: Any, key: str) -> Any:
        return [self.kind.essential(item, f"{key}{place}.") for place, item in enumerate(value, 1)]


@dataclass(frozen=True)
class Group(Kind):
    """A mapping with fixed keys. `text` says in Markdown what it is."""

    settings: tuple[Setting, ...] = ()
    text: str = ""
    merged = True

    @property
    def expected(self) -> str:
        return ", ".join(each.key for each in self.settings) or "nothing inside: {}"

    def schema(self) -> dict[str, Any]:
        required = [each.key for each in self.settings if each.default is None]
        keys = {"required": required, "properties": {each.key: each.kind.schema() for each in self.settings}}
        return {"description": self.expected, "type": "object", "additionalProperties": False, **keys}

    def merge(self, above: Any, own: Any) -> Any:
        return {**above, **own}

    def settle(self, value: Any, key: str, left_out: str) -> Any:
        return settle(self.settings, value, f"{key}.", left_out)

    def essential(self, value: Any, key: str) -> Any:
        return essential(self.settings, value, key)


@dataclass(frozen=True)
class OneOf(Kind):
    """A mapping with one key, which is a name, and the settings of what it names: `step: {step_size: 6, ...}`."""

    groups: Mapping[str, Group]

    @property
    def expected(self) -> str:
        forms = (f"`{name}: {'{...}' if group.settings else '{}'}`" for name, group in self.groups.items())
        return f"exactly one of {', '.join(forms)}"

    def schema(self) -> dict[str, Any]:
        one = {"additionalProperties": False, "minProperties": 1, "maxProperties": 1}
        properties = {name: group.schema() for name, group in self.groups.items()}
        return {"description": self.expected, "type": "object", **one, "properties": properties}

    def settle(self, value: Any, key: str, left_out: str) -> Any:
        return {name: self.groups[name].settle(own, f"{key}.{name}", left_out) for name, own in value.items()}

    def essential(self, value: Any, key: str) -> Any:
        groups = {name: _named(name, self.groups, key) for name in value}
        return {name: groups[name].essential(own, f"{key}{name}.") for name, own in value.items()}


@dataclass(frozen=True)
class Named(Kind):
    """A mapping with a `name` and the settings of what it names. If a file has no name, it means the first."""

    groups: Mapping[str, Group]
    merged = True

    @property
    def expected(self) -> str:
        forms = (f"{name} with {group.expected}" for name, group in self.groups.items())
        return f"a name and its keys: {'; or '.join(forms)}"

    def schema(self) -> dict[str, Any]:
        own = {each.key: each.kind.schema() for group in self.groups.values() for each in group.settings}
        keys = {"name": Choice(dict.fromkeys(self.groups, "")).schema(), **own}
        return {"description": self.expected, "type": "object", "additionalProperties": False, "properties": keys}

    def merge(self, above: Any, own: Any) -> Any:
        return {**above, **own} if "name" not in own or own["name"] == self._name(above) else own

    def settle(self, value: Any, key: str, left_out: str) -> Any:
        name = self._name(value)
        group = self.groups[name]
        strange = [each for each in value if each not in ("name", *(known.key for known in group.settings))]
        if strange:
            raise ConfigError(f"found {key}.{strange[0]}, which {name} does not have; its keys are {group.expected}.")
        return {"name": name, **group.settle(value, key, left_out)}

    def essential(self, value: Any, key: str) -> Any:
        own = {each: value[each] for each in value if each != "name"}
        return {"name": value["name"], **_named(value["name"], self.groups, key).essential(own, key)}

    def _name(self, value: Mapping[str, Any]) -> Any:
        return value.get("name", next(iter(self.groups)))
