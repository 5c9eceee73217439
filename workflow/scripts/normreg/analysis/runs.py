"""`runs.csv`: one row per run with its settings and all its measured quantities, for analyses of your own."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from normreg.analysis import study_tables
from normreg.config import datasets
from normreg.config.condition import Condition
from normreg.config.sizes import trained_images
from normreg.config.splits import splits_used

Setting = str | int | float
_LISTED = {*study_tables.RUN_SETTINGS, "penalty", "norm"}  # they are columns of every table


def tabulate(
    summary: pd.DataFrame, conditions: Mapping[str, Condition], dataset: str, study: str, name: str
) -> pd.DataFrame:
    """One row per run, in the order of `summary`: where it belongs, its settings, and all that `summary` has of it.

    Args:
        summary: see `summary.summarise`.
        conditions: the resolved conditions of the study.
        dataset: key of the data set.
        study: name of the study's file.
        name: the run's name, the folder below `results/{dataset}/`.

    Returns:
        The columns of `study_tables.runs(varying(conditions))`.
    """
    images = datasets.find(dataset).train_images
    own = varying(conditions)
    settings = {key: _settings(condition, images, own) for key, condition in conditions.items()}
    place = {"dataset": dataset, "study": study, "name": name}
    return pd.DataFrame([{**place, **settings[row["condition"]], **row} for row in summary.to_dict("records")])


def varying(conditions: Mapping[str, Condition]) -> dict[str, type]:
    """Dotted keys of the other settings that differ between conditions, in the order of the settings, with their type.

    A condition that lacks such a setting (a schedule's argument, for example) has an empty cell.
    """
    flat = [dict(_flatten(condition)) for condition in conditions.values()]
    keys = [key for key in dict.fromkeys(key for one in flat for key in one) if key not in _LISTED]
    return {
        key: _kind([one[key] for one in flat if key in one]) for key in keys if len({one.get(key) for one in flat}) > 1
    }


def _settings(condition: Condition, images: int, own: Mapping[str, type]) -> dict[str, Setting | None]:
    flat: dict[str, Any] = dict(_flatten(condition))
    used = splits_used(condition, images)
    flat |= {
        "train_images": trained_images(condition, images),
        "splits_used.full": used["full"],
        "splits_used.last": used["last"],
    }
    return {key: flat.get(key) for key in (*study_tables.RUN_SETTINGS, *own)}


def _flatten(settings: Any, above: str = "") -> Iterator[tuple[str, Setting]]:
    """All settings by dotted key. Items of a list are numbered from 0. The key `schedule` has the schedule's kind."""
    for key, value in settings.items() if isinstance(settings, Mapping) else enumerate(settings):
        if key == "schedule":
            yield "schedule", next(iter(value))
        if isinstance(value, Mapping | list):
            yield from _flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", str(value) if isinstance(value, bool) else value


def _kind(values: list[Setting]) -> type:
    kinds = {type(value) for value in values}
    return kinds.pop() if len(kinds) == 1 else float if kinds == {int, float} else str
