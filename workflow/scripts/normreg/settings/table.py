"""The one table of settings: all that a study can say of how its conditions train.

Study files are checked by it, conditions are resolved by it, and `docs/tables.py` writes the tables of settings in
config/README.md and docs/engine.md from it. An engine says which of these settings and values it knows.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from normreg.settings import kinds
from normreg.settings.kinds import Choice, Group, ListOf, Name, Named, Number, OneOf, Setting

_HUGE = 1e30  # larger numbers can overflow a 32-bit float, and PyTorch would raise its own error
LARGEST_BETA = 0.9999  # AdamW divides by 1 - beta, and PyTorch raises its own error where that overflows
_FLAG = Choice({True: "", False: ""})
_RATE = Number("a learning rate", above=0, most=_HUGE)
_MOMENTUM = Number(least=0, below=1)
_BETA = Number(least=0, most=LARGEST_BETA)
_FACTOR = Number("a factor", least=1, most=_HUGE)
_LAMBDA = Number(least=0, most=_HUGE)
_EPOCHS = Number("a whole number of epochs", least=1, most=10000, whole=True)
_WARM_UP = Number("a whole number of epochs", least=0, most=9999, whole=True, note=", fewer than epochs")
_FILL = Setting("fill", Number("an 8-bit value", least=0, most=255, whole=True))
_DEGREES = Setting("degrees", Number("an angle", least=0, most=180))
_STRENGTH = Number(least=0, most=1000)
# Images are moved with 16.16 fixed-point numbers. An inverse map with other factors would overflow them.
_SCALE = ListOf("two numbers such as [0.9, 1.1]", Number("a factor", least=0.01, most=100), length=2)

# The defaults of AdamW and OneCycleLR are PyTorch's. A test compares them.
_LR = Setting("lr", _RATE, label="learning rate")
_SGD = (_LR, Setting("momentum", _MOMENTUM), Setting("nesterov", _FLAG, neutral=False))
_ADAMW = (_LR, Setting("beta1", _BETA, default=0.9), Setting("beta2", _BETA, default=0.999))
_STEP = (Setting("step_size", _EPOCHS), Setting("gamma", Number("a factor", above=0, most=1)))
_COSINE = (
    Setting("warmup_epochs", _WARM_UP, default=0),
    Setting("min_lr", Number("a learning rate", least=0, most=_HUGE, note=", at most optimizer.lr"), default=0),
)
_ONECYCLE = (
    Setting("max_lr", _RATE),
    Setting("pct_start", Number("a share of the run", above=0, below=1), default=0.3),
    Setting("div_factor", _FACTOR, default=25),
    Setting("final_div_factor", _FACTOR, default=10000),
    Setting("base_momentum", _MOMENTUM, default=0.85),
    Setting("max_momentum", _MOMENTUM, default=0.95),
)
SET_BY_ONECYCLE = ("optimizer.lr", "optimizer.momentum", "optimizer.beta1")  # they have no effect beside it

OPTIMIZERS = {
    "sgd": Group(_SGD, "PyTorch's SGD; `nesterov` needs a momentum above 0, with `onecycle` too"),
    "adamw": Group(_ADAMW, "PyTorch's AdamW; eps is 1e-8"),
}
SCHEDULES = {
    "constant": Group(text="`optimizer.lr`"),
    "step": Group(_STEP, "PyTorch's StepLR, after each epoch"),
    "cosine": Group(_COSINE, "a linear warm-up, then a cosine down to `min_lr`, after each batch"),
    "onecycle": Group(
        _ONECYCLE, "PyTorch's OneCycleLR, after each batch; sets SGD's `momentum` or AdamW's `beta1` too"
    ),
}
STEPS = {
    "rotation": Group((_DEGREES, _FILL), "turns it about its centre; drawn: the angle, up to `degrees` to each side"),
    "affine": Group(
        (_DEGREES, Setting("translate", Number("a share", least=0, most=1)), Setting("scale", _SCALE), _FILL),
        "turns, scales and shifts it by whole pixels; drawn: the angle, the factor between the two of `scale`, the "
        "shift up to the share `translate` of each side",
    ),
    "jitter": Group(
        (Setting("brightness", _STRENGTH), Setting("contrast", _STRENGTH)),
        "changes brightness and contrast; drawn: both factors, up to this far from 1, and which comes first",
    ),
    "flip": Group(
        (Setting("probability", Number("a probability", least=0, most=1)),),
        "swaps left and right; drawn: whether it does",
    ),
    "crop": Group(
        (Setting("padding", Number("a whole number of pixels", least=1, most=96, whole=True)), _FILL),
        "pads each side, cuts out the old size; drawn: where the part begins",
    ),
    "cutout": Group(
        (Setting("size", Number("a whole number of pixels", least=1, most=192, whole=True)), _FILL),
        "fills a square, clipped at the edges (DeVries and Taylor 2017); drawn: the centre, any pixel",
    ),
}
LAMBDAS = tuple(
    Setting(key, _LAMBDA, text, default=0.0, neutral=0.0, label=f"strength of {name} (λ)")
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
        Name("the name of a network that comes with normreg, or of a file in config/networks", 40),
        "one of those [above](#configyaml); those of the five published studies have the layers as published; a run's "
        "`layers.html` lists them",
    ),
    Setting(
        "penalty",
        Choice(dict.fromkeys(("none", "l1", "l2", "l1l2"), "")),
        "which `lambdas` act",
        neutral="none",
        place="condition",
    ),
    Setting("norm", Choice({"bn": "", "gbn": ""}), "batch norm or ghost batch norm", neutral="bn", place="condition"),
    Setting(
        "num_splits",
        Number("a whole number of ghost batches", least=1, most=30000, whole=True, note=", a divisor of batch_size"),
        "ghost batches in a batch of a `gbn` condition, of 2 images or more each; if they do not divide a batch (the "
        "last one, or one with all data), it has fewer; the log, the checkpoint (`splits_used`) and the page of "
        "effects say how many",
        neutral=1,
        label="ghost batches in a batch",
    ),
    Setting(
        "batch_size",
        Number("a whole number of images", least=2, most=60000, whole=True),
        "a last batch of a single image joins the batch before it",
        label="images in a batch",
    ),
    Setting("epochs", _EPOCHS, "how often training sees each image"),
    Setting(
        "dropout",
        Number("a probability", least=0, below=1),
        "that an element is dropped, to the nearest 1/65536",
        neutral=0.0,
    ),
    Setting("optimizer", Named(OPTIMIZERS), "see below"),
    Setting("schedule", OneOf(SCHEDULES), "of the learning rate; see below", neutral={"constant": {}}),
    Setting(
        "augmentation",
        ListOf("a list of steps, [] for none", OneOf(STEPS)),
        "what is done to 8-bit training images, in this order; see below",
        neutral=[],
    ),
    Setting(
        "penalty_scope",
        Choice(
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
    Setting("lambdas", Group(LAMBDAS), "the strengths of the penalties; see below"),
    Setting(
        "train_images",
        Number("a whole number of images", least=2, most=10_000_000, whole=True, other="all"),
        "train on a part of the training split, with all classes in proportion; it depends on the seed, is the same "
        "for all conditions, and a smaller part is in every larger one",
        default="all",
        neutral="all",
        label="training images",
    ),
    Setting(
        "holdout_images",
        Number("a whole number of images", least=10, most=10_000_000, whole=True),
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
    nested = {"lambdas.": LAMBDAS, "optimizer.": (*_SGD, *_ADAMW), "": SETTINGS}
    labels = {f"{above}{each.key}": each.label for above, settings in nested.items() for each in settings}
    return labels.get(key) or key.replace("_", " ")


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of study files, from a schema of all keys that are no settings."""
    either = [each for each in SETTINGS if each.place == "either"]
    study = [each for each in SETTINGS if each.place != "condition"]
    conditions = schema["properties"]["conditions"]
    entry = conditions["additionalProperties"] | {
        "additionalProperties": False,
        "required": [each.key for each in SETTINGS if each.place == "condition"],
        "properties": {each.key: each.kind.schema() for each in SETTINGS if each.place != "study"},
    }
    properties = {each.key: each.kind.schema() for each in study} | schema["properties"]
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
    return kinds.settle(SETTINGS, essentials, left_out="neutral")


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
