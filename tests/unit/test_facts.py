"""The tables of data sets, factors and quantities against the schemas, the READMEs and the code that must agree.

A test here that fails names the place that was forgotten when something was added to a table.
"""

import dataclasses
import re
from itertools import combinations
from pathlib import Path

import pytest
import torch
import yaml

from normreg.analysis.quantities import EPOCH_QUANTITIES, QUANTITIES, effect_quantities
from normreg.analysis.verdicts import Origin
from normreg.config.condition import Condition, Lambdas, Optimizer
from normreg.config.factors import BASELINE, FACTORS, LAMBDAS, NORMS, PENALTIES, norm_factor
from normreg.data.specs import DATASETS
from normreg.models.build import build
from normreg.models.description import MNIST_LIKE
from normreg.models.networks import BUILT_IN
from normreg.report import curves, last_five, published, registry
from normreg.report.palette import NORM_STYLES, PENALTY_STYLES
from normreg.settings import table
from normreg.settings.table import KINDS
from normreg.training.loop import Epoch


def schema(root: Path, name: str, *keys: str) -> dict:
    """The part of a schema under `keys`."""
    part = yaml.safe_load((root / f"workflow/scripts/normreg/config/{name}.schema.yaml").read_text(encoding="utf-8"))
    for key in keys:
        part = part[key]
    return part


def readme_table(root: Path, first: str, heading: str) -> dict[str, str]:
    """First and second cells of a table in config/README.md whose first column is `first`, below `heading`."""
    text = (root / "config/README.md").read_text(encoding="utf-8").split(heading)[1]
    rows = re.search(rf"\| {first} \|.*\n(\|.*\n)+", text).group().splitlines()[2:]
    split = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {row[0].strip("`"): row[1] for row in split}


def quoted(names) -> str:
    return ", ".join(f"`{name}`" for name in names)


# --- schemas: the values allowed, and what an error message says was expected

PUBLISHED = ("study", "properties", "published", "properties", "conditions", "additionalProperties", "properties")
PUBLISHED_ON = [spec.key for spec in DATASETS.values() if spec.network_shape == MNIST_LIKE]
ENUMS = {
    "data sets of published values": (("study", "properties", "published", "properties", "dataset"), PUBLISHED_ON),
    "origins of published values": ((*PUBLISHED, "from"), list(Origin)),
}


@pytest.mark.parametrize(("place", "names"), ENUMS.values(), ids=ENUMS)
def test_a_schema_allows_what_the_table_has_and_says_so(root, place, names):
    part = schema(root, *place)
    assert part["enum"] == names
    assert part["description"] == f"one of {', '.join(names)}"


def test_the_configuration_names_every_built_in_data_set(root):
    part = schema(root, "config", "properties", "dataset")
    assert part["description"].startswith(f"one of {', '.join(DATASETS)}, or the name of a file in config/datasets")
    assert all(re.search(part["pattern"], name) for name in DATASETS)


def test_the_table_of_settings_names_penalties_norms_and_lambdas():
    assert list(KINDS["penalty"].schema["enum"]) == list(PENALTIES)
    assert list(KINDS["norm"].schema["enum"]) == list(NORMS)
    assert [each.key for each in table.LAMBDAS] == list(LAMBDAS) == list(Lambdas.__annotations__)
    assert Condition.__annotations__.keys() <= KINDS.keys()
    assert Optimizer.__annotations__.keys() == KINDS["optimizer"].schema["properties"].keys()


# --- READMEs and config.yaml


def test_the_configurations_readme_lists_what_the_tables_have(root):
    keys = readme_table(root, "key", "## config.yaml")
    assert keys["dataset"] == f"{quoted(DATASETS)}, or the name of a file in `datasets/`"
    assert keys["network"] == f"{quoted(BUILT_IN)}, the name of a file in `config/networks`, or null"


def test_the_comments_of_the_configuration_name_data_sets_their_sizes_and_networks(root):
    text = (root / "config/config.yaml").read_text(encoding="utf-8")
    above = {key: re.search(rf"((?:#.*\n)+){key}:", text).group(1) for key in ("dataset", "network")}
    for spec in DATASETS.values():
        assert spec.key in above["dataset"]
        assert f"{spec.train_images:,}" in above["dataset"]
        assert f"{spec.test_images:,}" in above["dataset"]
    assert all(name in above["network"] for name in BUILT_IN)


def test_the_results_readme_names_every_file_the_rules_write(root):
    readme = (root / "results/README.md").read_text(encoding="utf-8")
    rules = (root / "workflow/rules/run.smk").read_text(encoding="utf-8")
    written = set(re.findall(r'"results/\{dataset\}/\{study\}/([^"]+)"', rules))
    written |= {name for item in registry.ITEMS for name in item.files}
    names = {re.split(r"[.{]", path.split("/")[-1])[0] for path in written}
    assert {"summary", "small_multiples_accuracy", "curves", "predictions"} <= names
    assert [name for name in sorted(names) if name not in readme] == []


# --- data sets


@pytest.mark.parametrize("spec", [DATASETS[name] for name in PUBLISHED_ON], ids=lambda spec: spec.key)
def test_a_data_set_fits_the_networks(spec):
    assert spec.network_shape == MNIST_LIKE
    assert len(set(spec.class_names)) == MNIST_LIKE.classes


@pytest.mark.parametrize("spec", DATASETS.values(), ids=lambda spec: spec.key)
def test_a_built_in_data_set_says_how_each_channel_is_normalised(spec):
    assert spec.shape[0] in (1, 3)
    assert [len(row) for row in spec.normalise] == [spec.shape[0]] * 2
    assert (spec.normalise == ((0.1307,), (0.3081,))) == (spec.shape[0] == 1)


def test_the_readme_has_every_key_of_a_data_set_file(root):
    table = readme_table(root, "key", "## Own data sets")
    assert list(table) == list(schema(root, "dataset", "properties"))


# --- penalties and norms


@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_of_the_table_is_a_layer_of_its_own(norm):
    settings = {"network": "small3", "num_splits": 2, "num_groups": 2, "dropout": None}
    model, plain = build(settings | {"norm": norm}), build(settings | {"norm": BASELINE})
    kinds = {type(module) for module in model} ^ {type(module) for module in plain}
    assert (len(kinds) == 2) == (norm != BASELINE)
    assert model(torch.zeros(4, *MNIST_LIKE[:3])).shape == (4, MNIST_LIKE.classes)


def test_lines_and_factors_are_told_apart():
    assert list(NORM_STYLES) == list(NORMS)
    assert list(PENALTY_STYLES) == list(PENALTIES)
    assert len({(str(norm.line), norm.filled) for norm in NORM_STYLES.values()}) == len(NORMS)
    assert all(set(a.markers).isdisjoint(b.markers) for a, b in combinations(PENALTY_STYLES.values(), 2))
    assert len({penalty.label for penalty in PENALTIES.values()}) == len(PENALTIES)
    norms = [norm_factor(norm).label for norm in NORMS if norm != BASELINE]
    numbers = ["dropout", "label smoothing"]
    assert list(FACTORS) == [*(factor.label for factor in LAMBDAS.values()), "L2 (decoupled)", *norms, *numbers]


def test_penalties_name_lambdas_that_exist():
    assert {key for penalty in PENALTIES.values() for group in penalty.lambdas for key in group} == set(LAMBDAS)


# --- quantities


def test_every_column_of_metrics_csv_is_in_the_table():
    assert [field.name for field in dataclasses.fields(Epoch)] == ["epoch", *EPOCH_QUANTITIES]


def test_what_is_shown_has_the_texts_it_is_shown_with():
    for key in (*effect_quantities(1), *effect_quantities(1000)):
        assert QUANTITIES[key].heading, key
        assert QUANTITIES[key].difference_digits, key
    for key in published.DRAWN:
        assert QUANTITIES[key].phrase, key
        assert QUANTITIES[key].course in EPOCH_QUANTITIES, key
    assert {*curves.COLUMNS, *last_five.COLUMNS} <= set(EPOCH_QUANTITIES)


def test_a_quantity_is_written_as_the_table_says():
    assert QUANTITIES["final_accuracy"].label == "final accuracy %"
    assert QUANTITIES["validation_loss"].title == "validation loss (cross-entropy)"
    assert QUANTITIES["last5_accuracy"].write(99.46) == "99.460"
    assert QUANTITIES["generalization_gap"].write(0.5) == "+0.50"
    assert QUANTITIES["images_per_second"].write(12345.6) == "12,346"
    assert QUANTITIES["last5_loss"].write_difference(-0.000123) == "−0.00012"
