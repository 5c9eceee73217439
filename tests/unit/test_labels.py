"""What figures call the conditions of a study with sweeps, and the order of their shades, against labels by hand."""

from typing import Any

import pytest
import yaml

from normreg.config import studies, study_files
from normreg.config.labels import by_pair, name_conditions
from normreg.report.explorer import curves
from normreg.report.job import Course
from normreg.report.looks import MANY, looks, penalty_of

OFF = {"l1": 0.0, "l2": 0.0, "group_l2": 0.0}


def condition(penalty: str, norm: str, lambdas: dict[str, float] | None = None, **settings: Any) -> Any:
    usual = {"num_splits": 2 if norm == "gbn" else 1, "batch_size": 128, "epochs": 25, "dropout": 0.08}
    usual |= {"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}, "train_images": "all"}
    usual |= {"schedule": {"constant": {}}}
    return {"penalty": penalty, "norm": norm, "lambdas": OFF | (lambdas or {}), **usual, **settings}


def label_all(conditions: dict[str, Any], declared: set[str]) -> dict[str, str]:
    return {name: named["label"] for name, named in name_conditions(conditions, declared).items()}


def test_strengths_are_told_beside_their_penalty() -> None:
    found = label_all(
        {
            "none-bn": condition("none", "bn"),
            "l1-bn": condition("l1", "bn", {"l1": 1e-5}),
            "l1-bn-l1-1e-4": condition("l1", "bn", {"l1": 1e-4}),
            "l1-bn-l1-0p1": condition("l1", "bn", {"l1": 0.1}),
            "l1-bn-l1-2p5e-3": condition("l1", "bn", {"l1": 0.0025}),
            "l2-gbn": condition("l2", "gbn", {"l2": 1e-5}),
        },
        {"none-bn", "l1-bn", "l2-gbn"},
    )
    assert found == {
        "none-bn": "none · BN",
        "l1-bn": "L1 1e-5 · BN",
        "l1-bn-l1-1e-4": "L1 1e-4 · BN",
        "l1-bn-l1-0p1": "L1 0.1 · BN",
        "l1-bn-l1-2p5e-3": "L1 2.5e-3 · BN",
        "l2-gbn": "L2 · GBN",
    }


def test_of_two_lambdas_the_one_that_varies_is_told() -> None:
    both = {"l1": 1e-5, "l2": 1e-5}
    one = {"l1l2-bn": condition("l1l2", "bn", both), "l1l2-bn-l2-1e-3": condition("l1l2", "bn", both | {"l2": 1e-3})}
    assert list(label_all(one, {"l1l2-bn"}).values()) == ["L1 + L2 1e-5 · BN", "L1 + L2 1e-3 · BN"]
    grid = one | {"l1l2-bn-l1-1e-4-l2-1e-3": condition("l1l2", "bn", {"l1": 1e-4, "l2": 1e-3})}
    named = name_conditions(grid, {"l1l2-bn"})
    assert named["l1l2-bn-l1-1e-4-l2-1e-3"]["label"] == "L1 1e-4 + L2 1e-3 · BN"
    assert named["l1l2-bn-l1-1e-4-l2-1e-3"]["level"] == "L1 1e-4, L2 1e-3"
    group = {
        "l2-bn": condition("l2", "bn", {"group_l2": 1e-5}),
        "l2-bn-group-l2-1e-3": condition("l2", "bn", {"group_l2": 1e-3}),
    }
    assert list(label_all(group, {"l2-bn"}).values()) == ["group L2 1e-5 · BN", "group L2 1e-3 · BN"]


def test_splits_are_told_beside_the_norm() -> None:
    conditions = {
        "none-gbn": condition("none", "gbn"),
        "none-gbn-num-splits-16": condition("none", "gbn", num_splits=16),
    }
    assert list(label_all(conditions, {"none-gbn"}).values()) == ["none · GBN, 2 splits", "none · GBN, 16 splits"]


def test_epochs_are_left_out_where_the_images_tell_them() -> None:
    conditions = {
        "l1-bn": condition("l1", "bn", {"l1": 1e-5}, train_images=5000, epochs=63),
        "l1-bn-train-images-300-epochs-833": condition("l1", "bn", {"l1": 1e-5}, train_images=300, epochs=833),
        "l1-bn-train-images-all-epochs-5": condition("l1", "bn", {"l1": 1e-5}, train_images="all", epochs=5),
    }
    assert list(label_all(conditions, {"l1-bn"}).values()) == [
        *("L1 · BN, 5,000 images", "L1 · BN, 300 images", "L1 · BN, all images")
    ]
    conditions["l1-bn-train-images-300-epochs-9"] = condition("l1", "bn", {"l1": 1e-5}, train_images=300, epochs=9)
    assert label_all(conditions, {"l1-bn"})["l1-bn-train-images-300-epochs-833"] == "L1 · BN, 300 images, 833 epochs"
    alone = {"l1-bn": condition("l1", "bn"), "l1-bn-epochs-5": condition("l1", "bn", epochs=5)}
    assert list(label_all(alone, {"l1-bn"}).values()) == ["L1 · BN, 25 epochs", "L1 · BN, 5 epochs"]


def test_other_keys_are_told_by_name() -> None:
    conditions = {
        "none-bn": condition("none", "bn"),
        "none-bn-dropout-0p5": condition("none", "bn", dropout=0.5),
        "none-bn-lr-0p01": condition("none", "bn", optimizer={"name": "sgd", "lr": 0.01, "momentum": 0.9}),
    }
    assert label_all(conditions, {"none-bn"})["none-bn-dropout-0p5"] == "none · BN, dropout 0.5, lr 0.1"
    del conditions["none-bn-lr-0p01"]
    assert label_all(conditions, {"none-bn"})["none-bn-dropout-0p5"] == "none · BN, dropout 0.5"
    sizes = {"none-bn": condition("none", "bn"), "none-bn-batch-size-64": condition("none", "bn", batch_size=64)}
    assert list(label_all(sizes, {"none-bn"}).values()) == ["none · BN, batch size 128", "none · BN, batch size 64"]


def test_own_names_stay_and_so_do_those_of_their_copies() -> None:
    conditions = {
        "l1-bn": condition("l1", "bn", {"l1": 1e-5}),
        "l1-bn-readme": condition("l1", "bn", {"l1": 3e-5}, dropout=0.5),
        "l1-bn-l1-1e-4": condition("l1", "bn", {"l1": 1e-4}),
        "l1-bn-readme-l1-1e-4": condition("l1", "bn", {"l1": 1e-4}, dropout=0.5),
    }
    found = name_conditions(conditions, {"l1-bn", "l1-bn-readme"})
    labels = {name: named["label"] for name, named in found.items()}
    own = ("l1-bn-readme", "l1-bn-readme-l1-1e-4")
    assert labels == {name: name for name in own} | {"l1-bn": "L1 1e-5 · BN", "l1-bn-l1-1e-4": "L1 1e-4 · BN"}
    assert [found[name]["shade"] for name in own] == [None, None]
    alone = {"mild": condition("l1", "bn", {"l1": 1e-5}), "mild-l1-1e-4": condition("l1", "bn", {"l1": 1e-4})}
    assert list(label_all(alone, {"mild"}).values()) == ["L1 1e-5 · BN", "L1 1e-4 · BN"]


ADAMW = {"optimizer": {"name": "adamw", "lr": 0.001, "beta1": 0.9, "beta2": 0.999}}


def test_the_l2_of_adamw_is_called_decoupled() -> None:
    conditions = {
        "none-bn": condition("none", "bn", **ADAMW),
        "l1-bn": condition("l1", "bn", {"l1": 1e-5}, **ADAMW),
        "l2-bn": condition("l2", "bn", {"l2": 1e-2}, **ADAMW),
        "l1l2-gbn": condition("l1l2", "gbn", {"l1": 1e-5, "l2": 1e-2}, **ADAMW),
        "l2-gbn": condition("l2", "gbn", {"group_l2": 1e-2}, **ADAMW),
    }
    assert list(label_all(conditions, set(conditions)).values()) == [
        *("none · BN", "L1 · BN", "L2 (decoupled) · BN", "L1+L2 (decoupled) · GBN", "L2 · GBN")
    ]
    conditions["l2-bn-l2-0p1"] = condition("l2", "bn", {"l2": 0.1}, **ADAMW)
    found = name_conditions(conditions, conditions.keys() - {"l2-bn-l2-0p1"})
    assert found["l2-bn-l2-0p1"]["label"] == "L2 (decoupled) 0.1 · BN"
    assert {name: named.get("penalty") for name, named in found.items()} == {
        "none-bn": "none",
        "l1-bn": "L1",
        "l2-bn": "L2 (decoupled)",
        "l1l2-gbn": "L1+L2 (decoupled)",
        "l2-gbn": None,
        "l2-bn-l2-0p1": "L2 (decoupled)",
    }


def test_legends_call_a_penalty_decoupled_only_if_all_of_its_conditions_are() -> None:
    conditions = {"l2-bn": condition("l2", "bn", {"l2": 1e-2}, **ADAMW), "mine": condition("l2", "gbn", {"l2": 1e-2})}
    courses = [Course(name, "l2", one["norm"], (0,), *([[1]] * 2)) for name, one in conditions.items()]  # type: ignore[arg-type]
    found = list(looks(courses, name_conditions(conditions, set(conditions))).values())
    assert [look.penalty for look in found] == ["L2 (decoupled)", "L2"]
    assert (penalty_of(found[:1], "l2"), penalty_of(found, "l2")) == ("L2 (decoupled)", "L2")


def test_swept_optimizers_are_told_by_name() -> None:
    sgd = {"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": False}}
    conditions = {"none-bn": condition("none", "bn", **sgd), "none-bn-name-adamw": condition("none", "bn", **ADAMW)}
    assert list(label_all(conditions, {"none-bn"}).values()) == ["none · BN, sgd", "none · BN, adamw"]


def test_labels_that_would_be_equal_become_names() -> None:
    """Two settings that look alike: the names still differ."""
    twins = {"none-bn": condition("none", "bn", dropout=0), "none-bn-dropout-0": condition("none", "bn", dropout=0)}
    assert list(label_all(twins, {"none-bn"}).values()) == ["none-bn", "none-bn-dropout-0"]


def test_shades_follow_the_strength_and_no_number_of_images_is_the_largest() -> None:
    values = {"l1-bn": 1e-5, "l1-bn-l1-0p1": 0.1, "l1-bn-l1-1e-6": 1e-6, "l1-bn-l1-1e-3": 1e-3, "l1-bn-l1-0p01": 0.01}
    found = name_conditions({n: condition("l1", "bn", {"l1": v}) for n, v in values.items()}, {"l1-bn"})
    assert {name: named["shade"] for name, named in found.items()} == {
        **{"l1-bn-l1-1e-6": 0.0, "l1-bn": 0.25, "l1-bn-l1-1e-3": 0.5, "l1-bn-l1-0p01": 0.75, "l1-bn-l1-0p1": 1.0}
    }
    sizes = {"none-bn": "all", "none-bn-train-images-300": 300, "none-bn-train-images-1000": 1000}
    found = name_conditions({n: condition("none", "bn", train_images=v) for n, v in sizes.items()}, {"none-bn"})
    assert [named["shade"] for named in found.values()] == [1.0, 0.0, 0.5]


@pytest.mark.parametrize("path", sorted(study_files.path_of("controlled").parent.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_study_has_a_label_for_each_condition(path: Any) -> None:
    run = studies.load_named_run(path.stem)
    named = name_conditions(run.conditions, run.declared)
    assert list(named) == list(run.conditions)
    assert len({one["label"] for one in named.values()}) == len(named)
    plain = by_pair({name: (one["penalty"], one["norm"]) for name, one in run.conditions.items()})
    if "sweeps" not in yaml.safe_load(path.read_text(encoding="utf-8")):
        decoupled = {name: one.pop("penalty") for name, one in named.items() if "penalty" in one}
        assert set(decoupled) == {name for name, each in run.conditions.items() if each["optimizer"]["name"] == "adamw"}
        assert named == plain
    else:
        assert all("·" in one["label"] for one in named.values())


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("penalty", ["none", "l1", "l2", "l1l2"])
@pytest.mark.parametrize("number", [2, 6, 50])
def test_shades_go_from_light_to_dark_and_can_be_read(penalty: str, number: int) -> None:
    """On the dark page from dark to light. A line has a contrast of 2.4:1 at least, there 4.5:1."""
    some = [Course(f"{i}", penalty, "bn", (0,), *([[1]] * 2)) for i in range(number)]  # type: ignore[arg-type]
    named: Any = {f"{i}": {"label": str(i), "level": str(i), "shade": i / (number - 1)} for i in range(number)}
    found = list(looks(some[::-1], named).values())[::-1]
    light = [luminance(look.color) for look in found]
    assert light == sorted(light, reverse=True)
    assert len({(look.color, look.marker) for look in found}) == number
    assert 1.05 / (light[0] + 0.05) > 2.4
    dark = [luminance(curves._line_for_dark(look)) for look in found]
    assert dark == sorted(dark)
    assert dark[0] < dark[-1]
    assert (dark[0] + 0.05) / (luminance("#15181c") + 0.05) >= 4.5
    assert {look.width < 1 for look in found} == {number > MANY}
    if number <= 3:
        assert len({look.marker for look in found}) == number
