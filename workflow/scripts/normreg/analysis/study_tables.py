"""The columns of the CSV files of a study."""

from normreg.utils.tables import Table, columns_of

_WHO = columns_of(str, "condition", "penalty", "norm")
_RUN_ACCURACIES = ("final_accuracy", "best_accuracy")
_RUN_LOSSES = ("final_loss", "best_loss", "last5_loss", "train_accuracy", "generalization_gap")
_TEST = ("low", "high", "p", "p_adjusted", "p_equivalence")
_BOTH_WAYS = ("paired_low", "paired_high", "paired_p", "blocked_low", "blocked_high", "blocked_p")
_MEASURED = ("published", "measured", "measured_low", "measured_high")

SUMMARY = Table(
    "a summary",
    _WHO
    | columns_of(int, "seed", "parameters", "epochs")
    | columns_of(float, *_RUN_ACCURACIES)
    | columns_of(int, "best_epoch")
    | columns_of(float, "last5_accuracy")
    | columns_of(int, "mistakes")
    | columns_of(float, *_RUN_LOSSES)
    | columns_of(int, "first_epoch_at_99.4")
    | columns_of(str, "engine")
    | columns_of(float, "seconds", "images_per_second")
    | columns_of(str, "run"),
    may_be_empty=frozenset({"first_epoch_at_99.4"}),
)
EFFECTS = Table(
    "effects",
    columns_of(str, "level", "factor")
    | columns_of(float, "strength")
    | columns_of(str, "other")
    | columns_of(int, "pairs")
    | columns_of(str, "without", "with", "quantity")
    | columns_of(float, "margin")
    | columns_of(int, "seeds")
    | columns_of(float, "difference", *_TEST)
    | columns_of(str, "verdict", "method", "objection")
    | columns_of(float, "error")
    | columns_of(int, "freedom")
    | columns_of(float, *_BOTH_WAYS)
    | columns_of(int, "runs", "collapses")
    | columns_of(float, "detectable")
    | columns_of(int, "seeds_for_margin", "seeds_for_equivalence")
    | columns_of(str, "run"),
    may_be_empty=frozenset(
        {"other", "without", "with", "difference", *_TEST, "verdict", "objection", "error", "freedom"}
    )
    | {*_BOTH_WAYS, "runs", "collapses", "detectable", "seeds_for_margin", "seeds_for_equivalence"},
)
PUBLISHED = Table(
    "published values",
    _WHO
    | columns_of(str, "quantity")
    | columns_of(float, *_MEASURED)
    | columns_of(int, "seeds")
    | columns_of(float, "difference")
    | columns_of(str, "verdict", "from", "note", "run"),
    may_be_empty=frozenset({"published", "difference", "verdict", "from", "note"}),
)
CLAIMS = Table(
    "claims",
    columns_of(str, "claim", "kind", "text", "evidence", "reading", "with", "without")
    | columns_of(float, "value")
    | columns_of(str, "quantity", "statistic", "direction")
    | columns_of(float, "margin")
    | columns_of(int, "seeds")
    | columns_of(float, "measured", "low", "high", "p", "p_equivalence", "p_adjusted")
    | columns_of(str, "verdict", "why", "run"),
    may_be_empty=frozenset({"reading", "with", "without", "value", "quantity", "statistic", "direction", "margin"})
    | frozenset({"seeds", "measured", "low", "high", "p", "p_equivalence", "p_adjusted"}),
)
_LAST_FIVE_QUANTITIES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
LAST_FIVE = Table(
    "last five epochs",
    columns_of(str, "condition") | columns_of(int, "seed", "epoch") | columns_of(float, *_LAST_FIVE_QUANTITIES),
    sealed=False,
)
LAYERS = Table(
    "layers",
    columns_of(str, "layer", "type", "output shape") | columns_of(int, "parameters") | columns_of(str, "network"),
    sealed=False,
)
