"""The responses in the explorer, in Chromium: what it shows is in the tables, links and the keyboard work."""

import csv

import pytest
from looking import VIEWS, colors, overflow, serious

SWEPT = {
    "conditions": {"none-bn": {"penalty": "none", "norm": "bn"}, "l1-bn": {"penalty": "l1", "norm": "bn"}},
    "galleries": ["none-bn"],
    "train_images": 200,
    "planned_seeds": 3,
    "sweeps": {"strength": {"over": "lambdas.l1", "values": [1e-5, 1.0], "conditions": ["l1-bn"]}},
}
PAGE = "results/digits/tiny/explorer.html"


@pytest.fixture(scope="module")
def results(run_once):
    """The results of a run with a sweep, as far as the page needs them."""

    def run(project):
        project.change_study(**SWEPT)
        project.snakemake(PAGE, config=("seeds=[0,1,2]",))

    return (run_once("browser-responses", run).folder / PAGE).parent


@pytest.fixture(scope="module")
def swept(results):
    return (results / "explorer.html").as_uri() + "#view=responses"


def table(results, name, kind):
    """The rows of a table about accuracy or loss."""
    found = csv.DictReader((results / name).open(encoding="utf-8"))
    return [row for row in found if row["quantity"].endswith(kind)]


def written(value, digits):
    return f"{float(value):+.{digits}f}".replace("-", "−")


@pytest.mark.parametrize(("kind", "digits", "unit"), [("accuracy", 3, "points"), ("loss", 5, "nats")])
def test_a_value_says_what_the_tables_say(results, swept, visit, kind, digits, unit):
    page = visit(swept)
    page.locator(f"[name=response][value={kind}]").check()
    rows = table(results, "responses.csv", kind)
    seeds = table(results, "response_seeds.csv", kind)
    assert [row["value"] for row in rows] == ["1e-5", "1"]
    assert page.locator(".spot").count() == 2
    cells = page.locator("#tabled section:not([hidden]) tbody tr")
    for place, row in enumerate(rows):
        page.locator(".spot").nth(place).focus()
        told = page.locator(".told").text_content()
        assert told.startswith(f"{row['value']}: {written(row['difference'], digits)} {unit}")
        assert f"(band {written(row['low'], digits)} to {written(row['high'], digits)})" in told
        assert f", {row['verdict'].split(' the margin')[0]}" in told
        each = [f"{one['seed']} {written(one['number'], digits)}" for one in seeds if one["value"] == row["value"]]
        assert told.endswith(f"Seeds: {'; '.join(each)}.")
        assert len(each) == 3
        texts = cells.nth(place).locator("td").all_text_contents()
        assert texts[1:7] == [
            *(row["value"], row["reference"], row["seeds"]),
            *(written(row[name], digits) for name in ("difference", "low", "high")),
        ]
    assert page.locator("#panels .at").all_text_contents() == ["absent", "1e-5", "1"]


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_view_can_be_read_by_everybody(swept, visit, width, scheme):
    page = visit(swept, width, scheme)
    page.locator(".spot").first.wait_for()
    for prepare in (lambda: page.locator(".spot").first.focus(), lambda: page.locator("#tabled summary").click()):
        prepare()
        assert serious(page) == []
        assert overflow(page) <= 0
        assert colors(page) > 30


def test_the_pointer_and_the_keyboard_go_to_a_value(swept, visit):
    page = visit(swept)
    page.locator(".spot").first.focus()
    first = page.locator(".told").text_content()
    page.keyboard.press("ArrowRight")
    second = page.locator(".told").text_content()
    assert (first[:5], second[:2]) == ("1e-5:", "1:")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == f"L1 · BN, {second}"
    page.keyboard.press("Home")
    assert page.locator(".told").text_content() == first
    box = page.locator(".panel > svg").bounding_box()
    page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + 60)
    assert page.locator(".told").text_content() == second
    assert page.locator(".spot.on").count() == 1


def test_a_link_shows_the_same_view_and_seeds_can_be_hidden(swept, visit):
    page = visit(swept)
    assert page.locator("#panels .thin").count() == 3
    page.locator("[name=single]").focus()
    page.keyboard.press("Space")
    page.locator("[name=response][value=loss]").check()
    assert page.url.endswith("#view=responses&response=loss&single=0")
    again = visit(page.url)
    assert again.locator("#panels .thin").count() == 0
    assert "difference in loss (nats)" in again.locator("figcaption").last.text_content()
    assert not again.locator("#finals").is_visible()
    again.locator("[name=view][value=curves]").check()
    assert not again.locator("#tabled").is_visible()
    assert again.locator("#plot").is_visible()


def test_without_script_the_tables_are_there(swept, visit):
    page = visit(swept, java_script_enabled=False)
    page.locator("#tabled summary").click()
    assert page.locator("#tabled table").count() == 2
    assert page.locator("#tabled table").first.is_visible()


def test_a_study_without_sweeps_has_no_such_view(explorer, visit):
    page = visit(f"{explorer}#view=responses")
    assert page.locator("[name=view]").count() == 2
    assert page.locator("#plot").is_visible()
