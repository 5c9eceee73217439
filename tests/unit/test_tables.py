"""CSVs: what is written comes back as it was, whatever a condition is called."""

import io

import pandas as pd
import pytest

from normreg.analysis import effects, published, run_tables, study_tables
from normreg.analysis.contrasts import Contrast
from normreg.analysis.plan import Rules
from normreg.analysis.quantities import effect_quantities
from normreg.errors import DataError
from normreg.report import published as published_item
from normreg.training import loop
from normreg.utils import tables

NAMES = ["null", "nan", "001", "1e5", "true", "none-bn"]


RULES = Rules({"accuracy": 0.05, "loss": 0.001}, 891, 10)


def rows_of(table, names):
    """A row a name, with it in every column of text."""
    values = {str: lambda name: name, int: lambda name: len(name), float: lambda name: len(name) / 4}
    return [{column: values[kind](name) for column, kind in table.columns.items()} for name in names]


@pytest.mark.parametrize(
    "table",
    [run_tables.METRICS, run_tables.WEIGHTS, study_tables.SUMMARY, study_tables.EFFECTS, published_item.TABLE],
)
def test_names_that_look_like_numbers_or_nothing_come_back(tmp_path, table):
    rows = rows_of(table, NAMES)
    tables.write(tmp_path / "t.csv", table, rows)
    columns = tables.read(tmp_path / "t.csv", table)
    assert [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)] == rows
    frame = tables.read_frame(tmp_path / "t.csv", table)
    assert frame.to_dict("records") == rows
    tables.write_frame(tmp_path / "again.csv", table, frame)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "t.csv").read_bytes()


def test_names_that_look_like_numbers_reach_effects_and_published_values(tmp_path):
    """From a summary on disk: `null` against `001`, where a guessing reader loses the one and renames the other."""
    rows = [
        row | dict.fromkeys(effect_quantities(25), value) | {"seed": 0, "epochs": 25, "validation": "test", "run": "r"}
        for row, value in zip(rows_of(study_tables.SUMMARY, ["null", "001"]), (90.0, 92.0), strict=True)
    ]
    tables.write(tmp_path / "summary.csv", study_tables.SUMMARY, [row | {"engine": "torch"} for row in rows])
    summary = tables.read_frame(tmp_path / "summary.csv", study_tables.SUMMARY)
    table = effects.estimate([Contrast("L1", 1e-5, "null", "001")], summary, RULES)
    assert table["difference"].tolist() == [2.0, 2.0]
    compared = published.compare(
        {"epochs": 25, "conditions": {"001": {"from": "readme", "last5_accuracy": 91.0}}}, summary
    )
    assert compared.set_index(["condition", "quantity"]).loc[("001", "last5_accuracy"), "difference"] == 1.0


def test_what_is_unknown_is_an_empty_cell_and_only_where_it_may_be(tmp_path):
    (row,) = rows_of(study_tables.EFFECTS, ["x"])
    unknown = row | {"low": None, "high": float("nan"), "verdict": None}
    tables.write_frame(tmp_path / "t.csv", study_tables.EFFECTS, pd.DataFrame([unknown]))
    plain = pd.read_csv(io.StringIO((tmp_path / "t.csv").read_text()))
    assert plain[["low", "high", "verdict"]].isna().all(axis=None)
    columns = tables.read(tmp_path / "t.csv", study_tables.EFFECTS)
    assert (columns["low"], columns["high"], columns["verdict"]) == ([None], [None], [None])
    for wrong in ({"margin": None}, {"low": float("inf")}, {"factor": ""}, {"seeds": float("nan")}):
        with pytest.raises(ValueError, match=f"column {next(iter(wrong))} cannot hold"):
            tables.write(tmp_path / "t.csv", study_tables.EFFECTS, [row | wrong])
    with pytest.raises(ValueError, match="a row has the columns"):
        tables.write(tmp_path / "t.csv", study_tables.EFFECTS, [{"factor": "L1"}])


def test_texts_may_hold_commas_quotes_and_lines(tmp_path):
    (row,) = rows_of(published_item.TABLE, ['a, "b"\nc; 数'])
    tables.write(tmp_path / "t.csv", published_item.TABLE, [row])
    assert tables.read(tmp_path / "t.csv", published_item.TABLE)["note"] == ['a, "b"\nc; 数']


def test_a_missing_file_and_one_that_is_no_text_are_one_message(tmp_path):
    for content, said in ((None, "No such file"), (b"\xff\xfe", "utf-8"), (b"\x00" * 9, "columns are|NUL")):
        if content is not None:
            (tmp_path / "t.csv").write_bytes(content)
        with pytest.raises(DataError, match=rf"t\.csv: cannot be read as metrics: .*({said}).*Delete it and run"):
            tables.read(tmp_path / "t.csv", run_tables.METRICS)


def test_tables_name_what_training_and_evaluation_write():
    assert list(run_tables.METRICS.columns) == [*loop.Epoch.__annotations__, "data", "code", "run"]
    shares = ["share_below_0.0001", "share_below_0.001", "share_below_0.01"]
    assert list(run_tables.WEIGHTS.columns) == [
        "parameter",
        "layer_type",
        "role",
        "elements",
        "l1",
        "l2_squared",
        *shares,
        "run",
    ]
    assert list(study_tables.EFFECTS.columns) == [*effects.COLUMNS, "run"]
