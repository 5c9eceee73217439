"""The one table of settings: all that a study can say of how its conditions train.

Study files are checked by it, conditions are resolved by it, and `docs/tables.py` writes the tables of settings in
config/README.md and docs/engine.md from it. An engine says which of these settings and values it knows.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from normreg.settings import kinds
from normreg.settings.kinds import Setting, choice, count, group, list_of, name, named, number, one_of, optimizer

_HUGE = 1e30  # larger numbers can overflow a 32-bit float, and PyTorch would raise its own error
LARGEST_BETA = 0.9999  # AdamW divides by 1 - beta, and PyTorch raises its own error where that overflows
_RATE = number("a learning rate", above=0, most=_HUGE)
_MOMENTUM = number(least=0, below=1)
_BETA = number(least=0, most=LARGEST_BETA)
_FACTOR = number("a factor", 1, _HUGE)
_EPOCHS = count("epochs", 1, 10000)
_FILL = Setting("fill", count("gray levels", 0, 255))
_DEGREES = Setting("degrees", number("an angle", 0, 180))
_STRENGTH = number(least=0, most=1000)
# Images are moved with 16.16 fixed-point numbers. An inverse map with other factors would overflow them.
_SCALE = list_of("two numbers such as [0.9, 1.1]", number("a factor", 0.01, 100), length=2)

# The defaults of Adam, AdamW and OneCycleLR are PyTorch's. A test compares them.
_LR = Setting("lr", _RATE, label="learning rate")
_BETAS = (Setting("beta1", _BETA, default=0.9), Setting("beta2", _BETA, default=0.999))
OPTIMIZERS = {
    "sgd": optimizer(
        _LR,
        Setting("momentum", _MOMENTUM),
        Setting("nesterov", choice({True: "", False: ""}), neutral=False),
        decoupled=False,
        text="PyTorch's SGD; `nesterov` needs a momentum above 0, with `onecycle` too",
    ),
    "adam": optimizer(
        _LR,
        *_BETAS,
        decoupled=False,
        text="PyTorch's Adam; eps is 1e-8; `lambdas.l2` is a part of the gradient, as in SGD",
    ),
    "adamw": optimizer(
        _LR,
        *_BETAS,
        decoupled=True,
        text="PyTorch's AdamW; eps is 1e-8",
    ),
}
SCHEDULES = {
    "constant": group(text="`optimizer.lr`"),
    "step": group(
        Setting("step_size", _EPOCHS),
        Setting("gamma", number("a factor", above=0, most=1)),
        text="PyTorch's StepLR, after each epoch",
    ),
    "cosine": group(
        Setting("warmup_epochs", count("epochs", 0, 9999, note=", fewer than epochs"), default=0),
        Setting("min_lr", number("a learning rate", 0, _HUGE, note=", at most optimizer.lr"), default=0),
        text="a linear warm-up, then a cosine down to `min_lr`, after each batch",
    ),
    "onecycle": group(
        Setting("max_lr", _RATE),
        Setting("pct_start", number("a share of the run", above=0, below=1), default=0.3),
        Setting("div_factor", _FACTOR, default=25),
        Setting("final_div_factor", _FACTOR, default=10000),
        Setting("base_momentum", _MOMENTUM, default=0.85),
        Setting("max_momentum", _MOMENTUM, default=0.95),
        text="PyTorch's OneCycleLR, after each batch; sets SGD's `momentum`, or `beta1` of the others, too",
    ),
}
SET_BY_ONECYCLE = ("optimizer.lr", "optimizer.momentum", "optimizer.beta1")  # they have no effect beside it
STEPS = {
    "rotation": group(
        _DEGREES, _FILL, text="turns it about its centre; drawn: the angle, up to `degrees` to each side"
    ),
    "affine": group(
        _DEGREES,
        Setting("translate", number("a share", 0, 1)),
        Setting("scale", _SCALE),
        _FILL,
        text="turns, scales and shifts it by whole pixels; drawn: the angle, the factor between the two of `scale`, "
        "the shift up to the share `translate` of each side",
    ),
    "jitter": group(
        Setting("brightness", _STRENGTH),
        Setting("contrast", _STRENGTH),
        text="changes brightness and contrast; drawn: both factors, up to this far from 1, and which comes first",
    ),
    "flip": group(
        Setting("probability", number("a probability", 0, 1)), text="swaps left and right; drawn: whether it does"
    ),
    "crop": group(
        Setting("padding", count("pixels", 1, 96)),
        _FILL,
        text="pads each side, cuts out the old size; drawn: where the part begins",
    ),
    "cutout": group(
        Setting("size", count("pixels", 1, 192)),
        _FILL,
        text="fills a square, clipped at the edges (DeVries and Taylor 2017); drawn: the centre, any pixel",
    ),
}
LAMBDAS = tuple(
    Setting(key, number(least=0, most=_HUGE), text, default=0.0, neutral=0.0, label=f"strength of {name} (λ)")
    for key, name, text in (
        ("l1", "L1", "`l1` times the sum of the absolute weights, added to the loss"),
        ("l2", "L2", "the weight decay of the optimizer: coupled in SGD, decoupled in AdamW"),
        (
            "group_l2",
            "group L2",
            "`group_l2` times the sum over tensors of their Euclidean norm, not squared, added to the loss; replaces "
            '`l2`; one published study calls this "L2"',
        ),
    )
)
SETTINGS = (
    Setting(
        "network",
        name("the name of a network that comes with normreg, or of a file in config/networks", 40),
        "one of those [above](#configyaml); the five published studies' networks have the layers as published; a run's "
        "`layers.html` lists them",
    ),
    Setting(
        "penalty",
        choice(dict.fromkeys(("none", "l1", "l2", "l1l2"), "")),
        "which `lambdas` act",
        neutral="none",
        place="condition",
    ),
    Setting(
        "norm",
        choice(
            {
                "bn": "batch norm",
                "gbn": "ghost batch norm",
                "gn": "group norm",
                "ln": "layer norm: all of an image",
                "in": "instance norm",
                "none": "no norm",
            }
        ),
        "what stands in the place of each batch norm of the network",
        neutral="bn",
        regularises=True,
        place="condition",
    ),
    Setting(
        "num_splits",
        count("ghost batches", 1, 30000, note=", a divisor of batch_size"),
        "ghost batches in a batch of a `gbn` condition, of 2 images or more each; if they do not divide a batch (the "
        "last one, or one with all data), it has fewer; the log, the checkpoint (`splits_used`) and the page of "
        "effects say how many",
        neutral=1,
        label="ghost batches in a batch",
    ),
    Setting(
        "num_groups",
        count("groups", 1, 30000, note=", a divisor of the channels of every norm"),
        "groups of channels of a `gn` condition, which are normalised together (Wu and He 2018); a study with `gn` "
        "must have it",
        default=1,
        neutral=1,
        label="groups of channels",
    ),
    Setting(
        "batch_size",
        count("images", 2, 60000),
        "a last batch of a single image joins the batch before it",
        label="images in a batch",
    ),
    Setting("epochs", _EPOCHS, "how often training sees each image"),
    Setting(
        "dropout",
        number("a probability", 0, below=1),
        "that an element is dropped, to the nearest 1/65536",
        neutral=0.0,
        regularises=True,
    ),
    Setting(
        "label_smoothing",
        number("a share", 0, below=1),
        "of the target that all classes get in equal parts (Szegedy et al. 2016); it acts on what training minimises, "
        "and not on the loss that is reported",
        default=0.0,
        neutral=0.0,
        regularises=True,
    ),
    Setting(
        "class_weights",
        choice({"none": "", "balanced": "all images over the number of classes and the images of the class"}),
        "how much a training image counts in what training minimises; the reported loss is without weights",
        default="none",
        neutral="none",
        regularises=True,
    ),
    Setting("optimizer", named(OPTIMIZERS), "see below"),
    Setting("schedule", one_of(SCHEDULES), "of the learning rate; see below", neutral={"constant": {}}),
    Setting(
        "augmentation",
        list_of("a list of steps, [] for none", one_of(STEPS)),
        "what is done to 8-bit training images, in this order; see below",
        neutral=[],
        regularises=True,
    ),
    Setting(
        "penalty_scope",
        choice(
            {
                "all": "every parameter",
                "weights": "of convolutions, linear, recurrent and attention layers",
                "no-norm": "all but those of norms",
            }
        ),
        "the parameters that penalties act on. Weights are those of convolutions, linear and bilinear layers, "
        "recurrent layers and attention (input and output projections); biases, norms, embeddings, computed weights "
        "(weight norm) and parameters of your own modules are none",
        neutral="all",
    ),
    Setting("lambdas", group(*LAMBDAS), "the strengths of the penalties; see below"),
    Setting(
        "train_images",
        count("images", 2, 10_000_000, other="all"),
        "train on a part of the training split, with all classes in proportion; it depends on the seed, is the same "
        "for all conditions, and a smaller part is in every larger one",
        default="all",
        neutral="all",
        label="training images",
    ),
    Setting(
        "holdout_images",
        count("images", 10, 10_000_000),
        "with `validation: holdout`, the size of the hold-out, which is the same for all conditions and seeds",
        default=5000,
        neutral=0,
        place="study",
    ),
    Setting(
        "validate_every",
        _EPOCHS,
        "validation after each so many epochs, and after the last; if it is over 1 there are no last-five values",
        default=1,
        neutral=1,
    ),
)
KINDS = {each.key: each.kind for each in SETTINGS}


def label(key: str) -> str:
    """What an axis calls the setting with this dotted key."""
    nested = {
        "lambdas.": LAMBDAS,
        "optimizer.": (*OPTIMIZERS["sgd"].settings, *OPTIMIZERS["adamw"].settings),
        "": SETTINGS,
    }
    labels = {f"{above}{each.key}": each.label for above, settings in nested.items() for each in settings}
    return labels.get(key) or key.replace("_", " ")


def place_of(name: str) -> str | None:
    """The dotted key by which a study has a setting that somebody calls so elsewhere. None: no setting is called so."""
    found = {"weight_decay": "lambdas.l2", "learning_rate": "optimizer.lr", "betas": "optimizer.beta1"}
    for each in SETTINGS:
        key = f"conditions.NAME.{each.key}" if each.place == "condition" else each.key
        for inside, place in _keys(each.kind.schema, key):
            found.setdefault(inside, place)
    return found.get(name)


def _keys(schema: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """All keys in what a schema describes, itself included, each with its place."""
    yield place.rpartition(".")[2], place
    for key, inside in schema.get("items", schema).get("properties", {}).items():
        yield from _keys(inside, f"{place}.{key}")


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of study files, from a schema of all keys that are no settings."""
    either = [each for each in SETTINGS if each.place == "either"]
    study = [each for each in SETTINGS if each.place != "condition"]
    conditions = schema["properties"]["conditions"]
    entry = conditions["additionalProperties"] | {
        "additionalProperties": False,
        "required": [each.key for each in SETTINGS if each.place == "condition"],
        "properties": {each.key: each.kind.schema for each in SETTINGS if each.place != "study"},
    }
    properties = {each.key: each.kind.schema for each in study} | schema["properties"]
    properties["conditions"] = {**conditions, "additionalProperties": entry}
    required = [each.key for each in either if each.default is None]
    return {**schema, "required": required + schema["required"], "properties": properties}


def essential(condition: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved condition without what is neutral, at every level. `whole` gives back the condition.

    A new setting is not in it where it has its neutral value. So older results keep their identity.

    Raises:
        ConfigError: a key or a name is none of the settings.
    """
    return kinds.essential(SETTINGS, condition)


def whole(essentials: Mapping[str, Any]) -> Any:
    """The resolved condition with these `essential` settings."""
    return kinds.whole(SETTINGS, essentials)


def unknown(condition: Mapping[str, Any], known: Collection[str]) -> str | None:
    """The first setting of a condition that is neither neutral nor known. None if there is none.

    Args:
        condition: a resolved condition.
        known: dotted keys, without numbers of steps. With a key, all that is inside is known. A word is a part of a
            key: "norm.gbn" is one value of a setting, "augmentation.flip.probability" one key of a step.

    Raises:
        ConfigError: a key or a name is none of the settings.
    """
    for path, value in _paths(essential(condition)):
        key = ".".join(part for part in path if isinstance(part, str))
        inside = any(f"{key}.".startswith(f"{each}.") for each in known)
        if not inside and not (value is None and any(each.startswith(f"{key}.") for each in known)):
            return f"{'.'.join(map(str, path))}{'' if value is None else f' {value}'}"
    return None


def _paths(found: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Where each value stands in nested maps and lists, whose items are numbered from 1.

    A word is a part of its path and no value, and so is a name without keys.
    """
    if isinstance(found, str):
        yield (*above, found), None
    elif not isinstance(found, Mapping | list):
        yield above, found
    elif not found:
        yield above, None
    else:
        for key, value in found.items() if isinstance(found, Mapping) else enumerate(found, 1):
            yield from _paths(value, (*above, key))
