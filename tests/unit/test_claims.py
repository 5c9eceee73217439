"""Claims: the file names all of them, and verdicts equal what was worked out by hand.

For two degrees of freedom Student's t has a closed form: P(|T| > t) = 1 - t / sqrt(t^2 + 2). So three seeds give
p-values that need no table.
"""

import copy
from math import sqrt

import numpy as np
import pandas as pd
import pytest
import yaml

from normreg.analysis import claims, inference, study_tables
from normreg.analysis.quantities import EPOCH_QUANTITIES, QUANTITIES
from normreg.config import claims as claims_file
from normreg.config import folders, studies
from normreg.data.specs import DATASETS
from normreg.errors import ConfigError
from normreg.models.build import build
from normreg.models.networks import PUBLISHED, built_in
from normreg.models.shapes import count_parameters
from normreg.report import claims as page
from normreg.utils import tables

T_975 = 4.302653  # quantile of Student's t with two degrees of freedom, from a printed table
MARGIN = {"accuracy": 0.05, "loss": 0.001}
IDS = {
    "gilf641": "G0-lambda G0-epochs G0-l1dip G0-l2up G0-lossfluct G0-gallery G0-iter",
    "hardayaleva5": "H1-params H1-hyper H1-l2 H1-jobs H1-saved",
    "satyajitghana": "S2-params S2-none S2-l1 S2-l2 S2-l1l2 S2-lambdas S2-implied",
    "noopuragr": "N3-aim N3-none07 N3-l1dim N3-l1best N3-l2spike N3-steady N3-realworld N3-gal",
    "ashxjain": "A4-base A4-epochs A4-lambda A4-l1 A4-l2down A4-l2simple A4-l1l2 A4-gbn A4-l1l2gbn A4-human",
}
# Read from the notebooks and READMEs by hand.
SETTINGS = {
    "G0-lambda": "contradicted",  # one weight decay of 1e-4
    "G0-epochs": "contradicted",  # 25
    "H1-params": "supported",
    "H1-hyper": "supported",
    "H1-l2": "contradicted",  # a norm that is not squared
    "H1-jobs": "supported",
    "S2-params": "contradicted",  # 9,962
    "S2-lambdas": "contradicted",  # L1 0 and 5e-3
    "A4-epochs": "contradicted",  # 25
    "A4-lambda": "contradicted",  # 1e-4
}
MISFITS = {  # claim, with, without: why it cannot be tested
    ("S2-l1", "l1-bn", "none-bn"): "none-bn and l1-bn have the same settings.",
    ("S2-implied", "l1-bn", "none-bn"): "none-bn and l1-bn have the same settings.",
    ("A4-l2down", "l2-bn", "none-bn"): "none-bn and l2-bn have the same settings.",
    ("A4-l1l2", "l1l2-bn", "l1-bn"): "l1-bn and l1l2-bn have the same settings.",
    ("N3-l1dim", "l1-bn", "none-bn"): "none-bn and l1-bn differ also in schedule.step_size 3 and 40.",
    ("N3-l1best", "l1-bn", "none-bn"): "none-bn and l1-bn differ also in schedule.step_size 3 and 40.",
    ("N3-l2spike", "l2-bn", "none-bn"): "none-bn and l2-bn differ also in optimizer.momentum 0.9 and 0.",
}


@pytest.fixture
def shipped(root, monkeypatch):
    """The claims of the file, from the project's folder."""
    monkeypatch.chdir(root)
    return claims_file.load()


@pytest.fixture
def changed(root, tmp_path, monkeypatch):
    """A function that changes the content of the file and gives the claims of a study."""
    content = yaml.safe_load((root / "config/claims.yaml").read_text())
    monkeypatch.chdir(root)
    monkeypatch.setattr(claims_file, "CLAIMS", tmp_path / "claims.yaml")

    def load(change, study="ashxjain"):
        edited = copy.deepcopy(content)
        change(edited)
        (tmp_path / "claims.yaml").write_text(yaml.safe_dump(edited, sort_keys=False))
        return claims_file.of_study(claims_file.load(), study)

    return load


def two_sided(t):
    return 1 - abs(t) / sqrt(t**2 + 2)


@pytest.fixture
def measured(condition):
    """A function from the values of each condition to runs: a number or a curve a seed, for every quantity."""
    settings = {
        "none-bn": condition(),
        "l1-bn": condition(penalty="l1", lambdas={"l1": 1e-5}),
        "l2-bn": condition(penalty="l2"),  # with a lambda of 0, so the same as none-bn
        "l1-gbn": condition(penalty="l1", norm="gbn", num_splits=2, batch_size=32, lambdas={"l1": 1e-5}),
    }

    def make(values, dataset="mnist", engines=None):
        rows, courses = [], {}
        for name, seeds in values.items():
            for seed, value in enumerate(seeds):
                numbers = np.atleast_1d(np.array(value, float))
                engine = (engines or {}).get((name, seed), "torch")
                rows.append({"condition": name, "seed": seed, "engine": engine, "diverged_epoch": None})
                rows[-1] |= dict.fromkeys(["last5_accuracy", "final_accuracy", "last5_loss"], numbers[-1])
                courses[name, seed] = dict.fromkeys(claims.COURSES, numbers)
        known = {name: settings[name] | {"epochs": len(numbers)} for name in settings}
        return claims.Measured(DATASETS[dataset], known, MARGIN, pd.DataFrame(rows), courses)

    return make


def claim(*tests):
    tests = [{"quantity": "last5_accuracy", **test} for test in tests]
    return {"id": "X1", "study": "x", "text": "t", "evidence": "e", "tests": tests}


def against(direction, **more):
    return {"with": "l1-bn", "without": "none-bn", "direction": direction} | more


def judge_one(runs, test):
    return claims.judge([claim(test)], runs).iloc[0]


NONE = (99.40, 99.45, 99.50)


def plus(*differences):
    return {"none-bn": NONE, "l1-bn": [a + d for a, d in zip(NONE, differences, strict=True)]}


# --- the file


def test_every_claim_of_the_five_studies_is_there_once_and_belongs_to_its_study(shipped):
    found = {study: [c["id"] for c in shipped if c["study"] == study] for study in IDS}
    assert {study: sorted(ids) for study, ids in found.items()} == {s: sorted(ids.split()) for s, ids in IDS.items()}
    assert len(shipped) == len({c["id"] for c in shipped}) == 37
    assert [sum(key in c for c in shipped) for key in ("settings", "tests", "reason")] == [10, 19, 8]


def test_verdicts_on_settings_and_misfits_come_from_the_study_files(shipped):
    settings, misfits = {}, {}
    for study in IDS:
        run = studies.load_named_run(study)
        runs = claims.Measured(DATASETS["digits"], run.conditions, studies.margin_of(run, 10_000), pd.DataFrame(), {})
        for row in claims.judge(claims_file.of_study(shipped, study), runs).to_dict("records"):
            if row["kind"] == "setting":
                settings[row["claim"]] = row["verdict"]
            else:
                assert row["verdict"] == "not testable"
                if row["kind"] != "untestable" and "digits" not in row["why"]:
                    misfits[row["claim"], row["with"], row["without"]] = row["why"]
    assert settings == SETTINGS
    assert misfits == MISFITS


def test_a_verdict_on_settings_follows_the_study_file(changed):
    def right(content):
        content["A4-lambda"]["settings"][0]["claimed"] = 1e-4
        content["A4-lambda"]["settings"] = content["A4-lambda"]["settings"][:1]

    run = studies.load_named_run("ashxjain")
    runs = claims.Measured(DATASETS["mnist"], run.conditions, studies.margin_of(run, 10_000), pd.DataFrame(), {})
    for change, verdict in ((right, "supported"), (lambda content: None, "contradicted")):
        (chosen,) = [c for c in changed(change) if c["id"] == "A4-lambda"]
        row = claims.judge([chosen], runs).iloc[0]
        assert row["verdict"] == verdict
    assert row["why"] == (
        "Executed: conditions.l1-bn.lambdas.l1 0.0001, not 0.001; conditions.l1l2-bn.lambdas.l1 0.0001, not 0.001; "
        "conditions.l1l2-gbn.lambdas.l1 0.0001, not 0.001."
    )


def test_a_renamed_run_has_no_claims(shipped):
    assert claims_file.of_study(shipped, "ashxjain-e3") == []
    assert claims_file.of_study(shipped, "controlled") == []


def put(path, value):
    def change(content):
        *parents, last = path
        for key in parents:
            content = content[key]
        content[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("A4-l1", "study"), "nobody", "key 'A4-l1.study': found 'nobody'; expected a study at hand: ashxjain,"),
        (("A4-l1", "txt"), "x", "unknown key 'A4-l1.txt'. Did you mean 'text'?"),
        (("A4-human", "tests"), [], "expected study, text, evidence, and one of settings, tests, reason."),
        (("A4-l1", "tests"), [], "key 'A4-l1.tests': found []; expected a list of tests"),
        (("A4-epochs", "settings"), [], "key 'A4-epochs.settings': found []; expected a list of entries"),
        (
            ("A4-l1", "tests", 0, "quantity"),
            "luck",
            "key 'A4-l1.tests.1.quantity': found 'luck'; expected one of final_",
        ),
        (("A4-l1", "tests", 0, "statistic"), "drop", "key 'A4-l1.tests.1': found {"),
        (("A4-l1", "tests", 0, "from_epoch"), 3, "of a curve also statistic and from_epoch."),
        (("A4-l1", "tests", 0, "quantity"), "train_loss", "found 'train_loss'; expected one of final_accuracy,"),
        (("N3-none07", "tests", 0, "quantity"), "best_loss", "found 'best_loss'; expected one of train_objective,"),
        (
            ("A4-l1", "tests", 0, "with"),
            "l9-bn",
            "key 'A4-l1.tests.1.with': found 'l9-bn'; expected a condition of the",
        ),
        (
            ("A4-l1", "tests", 0, "without"),
            "l9",
            "key 'A4-l1.tests.1.without': found 'l9'; expected a condition of the",
        ),
        (("A4-l1", "tests", 0, "direction"), "near", "key 'A4-l1.tests.1.value' is missing."),
        (
            ("A4-epochs", "settings", 0, "key"),
            "epoch",
            "key 'A4-epochs.settings.1.key': found 'epoch'; expected a setting",
        ),
        (("A4-epochs", "settings", 0, "key"), "conditions.l9-bn.epochs", "found 'conditions.l9-bn.epochs'; expected"),
        (("A4-epochs", "settings", 0, "key"), "epochs.x", "found 'epochs.x'; expected a setting of the study ashxjain"),
    ],
)
def test_a_wrong_claim_gives_one_message_that_names_it(changed, path, value, message):
    with pytest.raises(ConfigError) as error:
        changed(put(path, value))
    assert "claims.yaml: " in str(error.value)
    assert message in str(error.value)


def test_a_test_compares_with_something(changed):
    with pytest.raises(ConfigError, match="expected with, quantity, direction, and without or value"):
        changed(lambda content: content["A4-l1"]["tests"][0].pop("without"))


def test_without_the_file_there_are_no_claims(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert claims_file.load()  # those of this project: another workflow may have imported it
    monkeypatch.setattr(folders, "PROJECT", tmp_path)
    assert claims_file.load() == []


def test_the_schema_has_the_words_of_the_tables(root):
    schema = yaml.safe_load((root / "workflow/scripts/normreg/config/claims.schema.yaml").read_text())
    test = schema["additionalProperties"]["properties"]["tests"]["items"]
    words, kinds = test["properties"], test["allOf"][1]
    curve, effect = (kinds[branch]["properties"]["quantity"] for branch in ("then", "else"))
    assert words["statistic"]["enum"] == list(claims.STATISTICS)
    assert set(curve["enum"]) == set(claims.COURSES) < set(EPOCH_QUANTITIES)
    assert set(effect["enum"]) < set(QUANTITIES) & set(study_tables.SUMMARY.columns)
    assert words["direction"]["enum"] == list(page._COMPARED)
    assert words["reading"]["enum"] == list(page._READINGS)
    for part in (curve, effect, *words.values()):
        assert part is True or "enum" not in part or part["description"] == f"one of {', '.join(part['enum'])}"


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_counted_as_pytorch_counts_them(name):
    model = build({"network": name, "norm": "gbn", "num_splits": 2, "dropout": None})
    assert count_parameters(built_in(name)) == sum(p.numel() for p in model.parameters() if p.requires_grad)


# --- rules


def test_the_estimate_of_a_pair_is_students(measured):
    row = judge_one(measured(plus(0.10, 0.11, 0.12)), against("higher"))
    error = 0.01 / sqrt(3)
    assert row["measured"] == pytest.approx(0.11)
    assert (row["low"], row["high"]) == pytest.approx((0.11 - T_975 * error, 0.11 + T_975 * error))
    assert row["p"] == row["p_adjusted"] == pytest.approx(two_sided(0.11 / error))
    upper = (0.11 - 0.05) / error  # the mean is above the margin: half of the distribution and more
    assert row["p_equivalence"] == pytest.approx(1 - two_sided(upper) / 2)
    assert (row["seeds"], row["margin"], row["reading"]) == (3, 0.05, "executed")


SMALL = (0.001, 0.002, 0.003)  # p 0.074; equivalent: (0.05 - 0.002) / 0.000577 is 83
SURE_SMALL = (0.0100, 0.0105, 0.0110)  # p 0.0008, equivalent
LARGE = (0.10, 0.11, 0.12)  # p 0.0027
LOOSE = (-0.10, 0.00, 0.10)


@pytest.mark.parametrize(
    ("direction", "differences", "verdict", "why"),
    [
        ("higher", LARGE, "supported", "It is higher."),
        ("higher", SURE_SMALL, "supported", "It is higher, by less than the margin."),
        ("higher", [-d for d in LARGE], "contradicted", "It is lower."),
        ("higher", SMALL, "no difference as large as the margin", "The difference is smaller than the margin."),
        ("higher", LOOSE, "not distinguishable", "These seeds do not tell the difference from chance."),
        ("lower", [-d for d in LARGE], "supported", "It is lower."),
        ("lower", LARGE, "contradicted", "It is higher."),
        ("lower", SMALL, "no difference as large as the margin", "The difference is smaller than the margin."),
        ("none", SMALL, "supported", "The difference is smaller than the margin."),
        ("none", SURE_SMALL, "supported", "The difference is smaller than the margin."),
        ("none", LARGE, "contradicted", "There is a difference, and it is not shown to be smaller than the margin."),
        (
            "none",
            LOOSE,
            "not distinguishable",
            "These seeds show neither a difference nor that it is below the margin.",
        ),
        ("higher", (0.1, 0.1, 0.1), "not distinguishable", inference.NO_SPREAD),
    ],
)
def test_a_verdict_on_a_difference(measured, direction, differences, verdict, why):
    row = judge_one(measured(plus(*differences)), against(direction))
    assert row["verdict"] == verdict
    assert row["why"].startswith(why)


@pytest.mark.parametrize("seeds", [1, 2])
def test_below_three_seeds_there_is_no_verdict(measured, seeds):
    runs = measured({name: values[:seeds] for name, values in plus(*LARGE).items()})
    row = judge_one(runs, against("higher"))
    assert (row["verdict"], row["seeds"]) == ("too few seeds", seeds)
    assert row["measured"] == pytest.approx(np.mean(LARGE[:seeds]))


def test_a_seed_of_two_engines_is_no_pair(measured):
    row = judge_one(measured(plus(*LARGE), engines={("l1-bn", 1): "numba"}), against("higher"))
    assert (row["verdict"], row["seeds"]) == ("too few seeds", 2)


def test_a_loss_has_a_margin_of_its_own(measured):
    row = judge_one(measured(plus(0.011, 0.012, 0.013)), against("none", quantity="last5_loss"))
    assert (row["margin"], row["verdict"]) == (0.001, "contradicted")


def test_all_tests_of_a_study_are_one_family(measured):
    """A p-value of 0.0202 alone is significant. Holm multiplies the smallest of four by 4."""
    runs = measured(plus(0.06, 0.08, 0.10))
    p = two_sided(0.08 / (0.02 / sqrt(3)))
    assert p == pytest.approx(0.0202, abs=1e-4)
    alone = claims.judge([claim(against("higher"))], runs).iloc[0]
    assert (alone["verdict"], alone["p_adjusted"]) == ("supported", pytest.approx(p))
    family = claims.judge([claim(against("higher")), claim(*[against("higher")] * 3)], runs)
    assert len(family) == 4
    assert family["p_adjusted"].to_list() == pytest.approx([4 * p] * 4)
    assert set(family["verdict"]) == {"not distinguishable"}


def test_a_value_that_could_be_one_more_run_is_judged_alone(measured):
    """The more tests, the easier would Holm's adjustment make it to support that a value is near."""
    runs = measured({"l1-bn": (99.40, 99.42, 99.44), "none-bn": NONE})
    near = {"with": "l1-bn", "direction": "near", "value": 99.53}
    table = claims.judge([claim(near, *[against("higher")] * 3)], runs)
    assert table["verdict"].iloc[0] == "contradicted"
    assert table["p_adjusted"].isna().tolist() == [True, False, False, False]
    assert table["p_adjusted"].iloc[1] == pytest.approx(min(1, 3 * table["p"].iloc[1]))


def test_a_condition_against_a_value(measured):
    """99.40, 99.42, 99.44 against 99.4: t = 0.02 / (0.02 / sqrt 3) = 1.73; and far below 99.6."""
    runs = measured({"l1-bn": (99.40, 99.42, 99.44)})
    error = 0.02 / sqrt(3)
    test = {"with": "l1-bn", "direction": "higher"}
    row = judge_one(runs, test | {"value": 99.4})
    assert (row["measured"], row["p"]) == pytest.approx((99.42, two_sided(0.02 / error)))
    assert (row["low"], row["high"]) == pytest.approx((99.42 - T_975 * error, 99.42 + T_975 * error))
    assert pd.isna(row["p_equivalence"])
    assert row["verdict"] == "not distinguishable"
    assert judge_one(runs, test | {"value": 99.6})["verdict"] == "contradicted"
    assert judge_one(runs, test | {"value": 99.2})["verdict"] == "supported"
    assert judge_one(runs, test | {"value": 99.42, "direction": "none"})["verdict"] == "supported"


@pytest.mark.parametrize(
    ("spread", "value", "verdict"),
    [
        (0.02, 99.50, "supported"),  # the interval reaches 0.0994 to each side, which is below 0.1
        (0.02, 99.53, "contradicted"),
        (0.03, 99.50, "not distinguishable"),  # it reaches 0.149
    ],
)
def test_a_value_that_could_be_one_more_run(measured, spread, value, verdict):
    runs = measured({"l1-bn": (99.42 - spread, 99.42, 99.42 + spread)})
    row = judge_one(runs, {"with": "l1-bn", "direction": "near", "value": value})
    assert row["verdict"] == verdict
    assert row["high"] - row["measured"] == pytest.approx(T_975 * spread * sqrt(4 / 3))
    assert row["p"] == pytest.approx(two_sided((value - 99.42) / (spread * sqrt(4 / 3))))


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ({"with": "l2-bn", "without": "none-bn"}, "none-bn and l2-bn have the same settings."),
        ({"with": "l2-bn", "without": "none-bn", "reading": "recipes"}, "none-bn and l2-bn have the same settings."),
        ({"with": "l2-bn", "without": "none-bn", "value": 1}, "none-bn and l2-bn have the same settings."),
        ({"with": "l1-gbn", "without": "l1-bn"}, "l1-bn and l1-gbn differ also in batch_size 16 and 32."),
    ],
)
def test_what_two_conditions_cannot_show(measured, test, why):
    same = dict.fromkeys(("none-bn", "l1-bn", "l2-bn", "l1-gbn"), NONE)
    row = judge_one(measured(same), {"direction": "higher"} | test)
    assert row["verdict"] == "not testable"
    assert set(why.split()) == set(row["why"].split())
    assert pd.isna(row["measured"])


def test_recipes_are_compared_with_all_that_differs(measured):
    runs = measured({"l1-bn": NONE, "l1-gbn": [a + d for a, d in zip(NONE, LARGE, strict=True)]})
    test = {"with": "l1-gbn", "without": "l1-bn", "direction": "higher", "reading": "recipes"}
    assert judge_one(runs, test)["verdict"] == "supported"


def test_another_data_set_is_not_what_the_claim_is_about(measured):
    row = judge_one(measured(plus(*LARGE), dataset="digits"), against("higher"))
    assert (row["verdict"], row["why"]) == ("not testable", "This run is on digits, the claim is about MNIST.")


# --- curves


@pytest.mark.parametrize(
    ("name", "start", "expected"),
    [
        ("lowest", 1, 1.0),
        ("lowest", 3, 2.0),
        ("drop", 1, 2.0),  # from 5 to 3
        ("drop", 5, 1.0),  # from 4 to 3
        ("drop", 6, 0.0),
        ("rises", 1, 4.0),  # 1 to 3 and 2 to 4
        ("rises", 2, 4.0),
        ("rises", 3, 2.0),
        ("largest_rise", 1, 2.0),
        ("largest_rise", 4, 2.0),
        ("largest_rise", 5, 0.0),
        ("largest_rise", 6, 0.0),  # the last epoch: there is no move after it
        ("fall", 1, 2.0),
        ("fall", 5, 1.0),
    ],
)
def test_a_statistic_of_a_curve(name, start, expected):
    curve = np.array([5.0, 1.0, 3.0, 2.0, 4.0, 3.0])
    assert claims.STATISTICS[name][1](curve, start) == pytest.approx(expected)


def test_the_change_of_level():
    """Epochs 1 to 12 have the values 1 to 12: the last five have a mean of 10, the five up to epoch 6 of 4."""
    change = claims.STATISTICS["change"][1]
    assert change(np.arange(1.0, 13.0), 6) == pytest.approx(6)
    assert change(np.arange(1.0, 13.0), 2) == pytest.approx(10 - 1.5)


def test_curves_are_compared_by_their_statistic_within_seeds(measured):
    none = [[0.5, 0.3, 0.31, 0.2], [0.5, 0.3, 0.32, 0.2], [0.5, 0.3, 0.33, 0.2]]  # rises 0.01, 0.02, 0.03
    l1 = [[0.5, 0.3, 0.41, 0.2], [0.5, 0.3, 0.43, 0.2], [0.5, 0.3, 0.45, 0.2]]  # rises 0.11, 0.13, 0.15
    test = against("higher", quantity="validation_loss", statistic="rises", from_epoch=1)
    row = judge_one(measured({"none-bn": none, "l1-bn": l1}), test)
    assert row["measured"] == pytest.approx(0.11)
    assert row["p"] == pytest.approx(two_sided(0.11 / (0.01 / sqrt(3))))
    assert (row["verdict"], row["statistic"]) == ("supported", "sum of upward moves after epoch 1")
    late = judge_one(measured({"none-bn": none, "l1-bn": l1}), test | {"from_epoch": 5})
    assert (late["verdict"], late["why"]) == (
        "not testable",
        "The run has 4 epochs, the claim is about epoch 5 and later.",
    )


# --- files


def test_the_table_and_the_page_say_what_was_judged(measured, tmp_path, html_tables):
    said = claim(against("higher"), against("none", reading="readme")) | {"text": "L1 <helps>"}
    near = claim({"with": "l1-bn", "direction": "near", "value": 99.5}) | {"id": "X2"}
    other = {"id": "X3", "text": "t", "evidence": "e", "reason": "An opinion."}
    table = claims.judge([said, near, other], measured(plus(0.10, 0.11, 0.12)))
    tables.write_frame(tmp_path / "c.csv", claims.TABLE, table, "mnist/x 1")
    back = tables.read_frame(tmp_path / "c.csv", claims.TABLE)
    assert back["verdict"].to_list() == table["verdict"].to_list()
    assert back["verdict"].to_list() == ["supported", "contradicted", "not distinguishable", "not testable"]
    page.write(tmp_path / "c.html", "Claims", "a notebook", table)
    text = (tmp_path / "c.html").read_text()
    assert "Published in: a notebook." in text
    assert "<h2>X1 (effect)</h2>" in text
    overview, first, second, third = html_tables(text)
    assert overview[1] == ["X1", "L1 <helps>", "as executed: supported; as the README says: contradicted"]
    lines = [row[1] for row in first[1:]]
    assert lines[2] == "last-five accuracy %: l1-bn higher than none-bn (as executed)"
    p = f"adjusted p {2 * two_sided(0.11 / (0.01 / sqrt(3))):.3f}"
    assert lines[3].startswith(f"difference +0.1100; interval +0.0852 to +0.1348; 3 seeds; margin 0.05; {p}; ")
    assert [row[0] for row in first[1:]] == [
        *("said", "published", "test", "measured", "supported"),
        *("test", "measured", "contradicted"),
    ]
    assert "mean 99.5600; one more run 99.2" in second[4][1]
    assert third[3] == ["not testable", "An opinion."]
