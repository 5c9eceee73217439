"""The columns of the CSV files of a study."""

from collections.abc import Mapping, Sequence

from normreg.utils.tables import Table, columns_of

_WHO = columns_of(str, "condition", "penalty", "norm")
_RUN_ACCURACIES = ("final_accuracy", "best_accuracy")
_RUN_LOSSES = ("final_loss", "best_loss", "last5_loss", "train_accuracy", "generalization_gap")
MAY_BE_UNKNOWN = ("last5_accuracy", "last5_loss", "first_epoch_at_99.4")
# What a run that diverged does not have. Of other runs only those may be unknown.
MEASURED = (
    *(*_RUN_ACCURACIES, "best_epoch", "mistakes", "test_accuracy", "test_loss", "final_loss", "best_loss"),
    *("train_accuracy", "generalization_gap", "seconds", "images_per_second", *MAY_BE_UNKNOWN),
)
_TEST = ("low", "high", "p", "p_adjusted", "p_equivalence")
_FAILURES = ("runs", "collapses", "diverged", "diverged_without")
_BOTH_WAYS = ("paired_low", "paired_high", "paired_p", "blocked_low", "blocked_high", "blocked_p")

SUMMARY = Table(
    "a summary",
    _WHO
    | columns_of(int, "seed", "parameters", "epochs", "diverged_epoch")
    | columns_of(float, *_RUN_ACCURACIES)
    | columns_of(int, "best_epoch")
    | columns_of(float, "last5_accuracy")
    | columns_of(int, "mistakes")
    | columns_of(float, "test_accuracy", "test_loss")
    | columns_of(str, "validation")
    | columns_of(float, *_RUN_LOSSES)
    | columns_of(int, "first_epoch_at_99.4")
    | columns_of(str, "engine")
    | columns_of(float, "seconds", "images_per_second")
    | columns_of(str, "run"),
    may_be_empty=frozenset({"diverged_epoch", *MEASURED}),
)
# Settings that every `runs` table has, by dotted key. `splits_used` are the ghost batches of a full and the last batch.
RUN_SETTINGS = (
    columns_of(float, "lambdas.l1", "lambdas.l2", "lambdas.group_l2")
    | columns_of(int, "num_splits", "splits_used.full", "splits_used.last", "batch_size", "train_images")
    | columns_of(int, "holdout_images", "epochs", "validate_every")
    | columns_of(str, "network")
    | columns_of(float, "dropout")
    | columns_of(str, "schedule")
    | columns_of(float, "optimizer.lr")
)


def runs(varying: Mapping[str, type]) -> Table:
    """One row per run: its place, the settings that all tables have, those `varying` in its study, its quantities."""
    who = columns_of(str, "dataset", "study", "name", "condition") | columns_of(int, "seed") | _WHO
    empty = SUMMARY.may_be_empty | set(varying)
    return Table("runs", {**who, **RUN_SETTINGS, **varying, **SUMMARY.columns}, may_be_empty=empty)


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
    | columns_of(int, *_FAILURES)
    | columns_of(float, "detectable")
    | columns_of(int, "seeds_for_margin", "seeds_for_equivalence")
    | columns_of(str, "run"),
    may_be_empty=frozenset(
        {"strength", "other", "without", "with", "difference", *_TEST, "verdict", "objection", "error", "freedom"}
    )
    | {*_BOTH_WAYS, *_FAILURES, "detectable", "seeds_for_margin", "seeds_for_equivalence"},
)
PUBLISHED = Table(
    "published values",
    _WHO
    | columns_of(str, "quantity")
    | columns_of(float, "published")
    | columns_of(str, "best_epochs")
    | columns_of(float, "measured", "measured_low", "measured_high")
    | columns_of(int, "seeds")
    | columns_of(float, "half_width", "difference")
    | columns_of(str, "verdict", "no_verdict", "engines")
    | columns_of(int, "diverged")
    | columns_of(str, "from", "note", "run"),
    may_be_empty=frozenset(
        {"published", "best_epochs", "measured", "measured_low", "measured_high", "half_width", "difference"}
        | {"verdict", "no_verdict", "from", "note"}
    ),
)
_LAST_FIVE_QUANTITIES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
LAST_FIVE = Table(
    "last five epochs",
    columns_of(str, "condition") | columns_of(int, "seed", "epoch") | columns_of(float, *_LAST_FIVE_QUANTITIES),
    may_be_empty=frozenset({"validation_loss", "validation_accuracy"}),
    sealed=False,
)
LAYERS = Table(
    "layers",
    columns_of(str, "layer", "type", "output shape")
    | columns_of(int, "calls", "parameters")
    | columns_of(str, "network"),
    may_be_empty=frozenset({"output shape"}),
    sealed=False,
)
_SPREAD = (
    *("residual_sd", "residual_low", "residual_high", "within_sd"),
    *("correlation", "correlation_low", "correlation_high", "paired_sd", "independent_sd", "least_difference"),
)
_REPEATS = ("repeat_median", "repeat_95", "repeat_largest")
_SAMPLING = ("test_set_share", "test_set_sd", "training_sd")
NOISE = Table(
    "the noise floor",
    columns_of(str, "quantity")
    | columns_of(int, "conditions", "seeds", "left_out")
    | columns_of(str, "engines")
    | columns_of(int, "repeat_pairs")
    | columns_of(float, *_REPEATS, *_SPREAD)
    | columns_of(int, "test_runs")
    | columns_of(float, *_SAMPLING)
    | columns_of(str, "run"),
    may_be_empty=frozenset({"engines", *_REPEATS, *_SPREAD, *_SAMPLING}),
)
MCNEMAR = Table(
    "comparisons of two models",
    columns_of(str, "factor")
    | columns_of(float, "strength")
    | columns_of(str, "without", "with")
    | columns_of(int, "seed")
    | columns_of(str, "engine")
    | columns_of(int, "both_right", "only_with", "only_without", "both_wrong")
    | columns_of(float, "p", "p_adjusted")
    | columns_of(str, "run"),
    may_be_empty=frozenset({"strength"}),
)
WEIGHT_SIZES = Table(
    "sizes of weights of a study",
    _WHO
    | columns_of(str, "part", "layer_type", "role")
    | columns_of(int, "elements")
    | columns_of(str, "size")
    | columns_of(float, "mean", "low", "high")
    | columns_of(int, "seeds", "diverged")
    | columns_of(str, "control")
    | columns_of(float, "ratio")
    | columns_of(str, "run"),
    may_be_empty=frozenset({"mean", "low", "high", "control", "ratio"}),
)


def agreement(counts: Sequence[str]) -> Table:
    """The table of images that some run gets wrong. `counts` are its columns for the factors of the study."""
    names = ("label", "missed", "runs", "predicted", "times", *counts)
    columns = columns_of(int, "image") | columns_of(str, "file") | columns_of(int, *names) | columns_of(str, "run")
    return Table("images that runs get wrong", columns, may_be_empty=frozenset({"file"}))
