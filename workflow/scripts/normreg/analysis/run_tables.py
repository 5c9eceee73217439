"""The columns of the CSV files of one run. Training writes them, so labels and other tables do not belong here."""

from normreg.utils.tables import Table, columns_of

SIZES = ("l1", "l2_squared", "share_below_0.0001", "share_below_0.001", "share_below_0.01")
TRAINING = ("train_objective", "train_loss", "train_accuracy")
VALIDATION = ("validation_loss", "validation_accuracy")
METRICS = Table(
    "metrics",
    columns_of(int, "epoch")
    | columns_of(float, "learning_rate", *TRAINING, *VALIDATION, "seconds")
    | columns_of(str, "data", "code", "run"),
    may_be_empty=frozenset((*TRAINING, *VALIDATION, "data", "code")),
    digits=8,
)
WEIGHT = "weight"  # in the column `role`, see `training.penalties.roles`
WEIGHTS = Table(
    "sizes of weights",
    columns_of(str, "parameter", "layer_type", "role")
    | columns_of(int, "elements")
    | columns_of(float, *SIZES)
    | columns_of(str, "run"),
    may_be_empty=frozenset(SIZES),
    digits=None,
)
