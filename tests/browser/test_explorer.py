"""The explorer in Chromium: it is quiet and complete, its filters count right, links and the keyboard work."""

import csv

import numpy as np
import pytest
from looking import VIEWS, colors, in_view, overflow, serious

FACTORS = {0: ("none-bn", "l1-bn"), 1: ("none-bn", "none-gbn")}  # by their order in the page: without, with


def slide(page, name, value):
    """Sets a slider as a person does: it says so with an event."""
    page.locator(f"[name={name}]").fill(str(value))


def choose(page, name, value):
    """Clicks a choice."""
    page.locator(f"[name={name}][value={value}]").check()


def shown(page):
    """Numbers of all images that pass the filters, in order: the table lists them all."""
    if not page.locator("#list").evaluate("list => list.open"):
        page.locator("#list summary").click()
        page.locator("#list table").wait_for(state="attached")  # a browser says a moment later that it is open
    return [int(text) for text in page.locator("#list tbody td:first-child").all_text_contents()]


def expected(truth, **filters):
    """The images that the filters let through, computed from the predictions."""
    wrong = truth.wrong.copy()
    missed = wrong.sum(axis=0)
    wrong &= np.floor(truth.sure * 100) >= filters.get("sure", 0)
    if "taken" in filters:
        wrong &= truth.predicted == filters["taken"]
    keep = wrong.any(axis=0) & (missed >= filters.get("least", 1)) & (missed <= filters.get("most", len(truth.runs)))
    if "actual" in filters:
        keep &= truth.labels == filters["actual"]
    if "change" in filters:
        kind, number = filters["change"].split("-")
        keep &= truth.changes(*FACTORS[int(number)], kind) >= filters.get("often", 1)
    return set(np.flatnonzero(keep).tolist())


def set_filters(page, filters):
    page.locator("#reset").click()
    for name, value in filters.items():
        if name in ("actual", "taken", "change"):
            page.locator(f"[name={name}]").select_option(str(value))
        else:
            slide(page, name, value)


# --- what it looks like


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_every_view_is_in_its_place_and_can_be_read_by_everybody(explorer, visit, width, scheme):
    page = visit(explorer, width, scheme)
    assert in_view(page, page.locator("h1"))
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") == (scheme == "light")
    for prepare in (
        lambda: page.locator("#plot .course").first.wait_for(),
        lambda: page.locator("#finals summary").click(),
        lambda: choose(page, "view", "mistakes"),
        lambda: page.locator("#list summary").click(),
        lambda: page.locator("[name=change]").select_option("fixed-0"),
        lambda: page.locator("#tiles button").first.click(),
    ):
        prepare()
        assert serious(page) == []
        assert overflow(page) <= 0
        assert colors(page) > 30


def test_without_script_the_final_values_are_there(explorer, visit, html_tables):
    page = visit(explorer, java_script_enabled=False)
    assert page.locator("noscript").is_visible()
    page.locator("#finals summary").click()
    assert page.locator("#finals table").is_visible()


# --- curves


@pytest.fixture(scope="module")
def measured(folder):
    """Metrics of all runs: `measured[condition][seed][epoch - 1][column]`."""
    found = {}
    for path in sorted(folder.glob("*/seed*/metrics.csv")):
        rows = list(csv.DictReader(path.open(encoding="utf-8")))
        found.setdefault(path.parts[-3], {})[int(path.parts[-2][4:])] = rows
    return found


def legend_values(page):
    """The value of each condition in the legend, without its range."""
    cells = page.locator("#conditions .value").all()
    return [cell.evaluate("cell => cell.firstChild.textContent") for cell in cells]


@pytest.mark.parametrize("column", ["validation_accuracy", "validation_loss", "train_accuracy", "train_loss"])
def test_the_list_has_the_median_and_range_at_the_chosen_epoch(explorer, visit, measured, column):
    page = visit(explorer)
    split, quantity = column.split("_")
    choose(page, "split", split)
    choose(page, "quantity", quantity)
    digits = 2 if quantity == "accuracy" else 4
    for epoch in (1, 2, 3):
        slide(page, "epoch", epoch)
        values = [[float(rows[epoch - 1][column]) for rows in measured[name].values()] for name in CONDITIONS]
        written = [float(text) for text in legend_values(page)]
        assert written == pytest.approx([np.median(each) for each in values], abs=0.6 * 10**-digits)
        for cell, each in zip(page.locator("#conditions small").all_text_contents(), values, strict=True):
            ends = [float(part) for part in cell.split(" to ")]
            assert ends == pytest.approx([min(each), max(each)], abs=0.6 * 10**-digits)


CONDITIONS = ["none-bn", "l1-bn", "none-gbn", "twin"]


def lines(page):
    return page.locator("#plot .course:not(.thin)").count()


def test_conditions_groups_and_seeds_are_shown_and_hidden(explorer, visit):
    page = visit(explorer)
    assert (lines(page), page.locator("#plot .band").count(), page.locator("#plot .thin").count()) == (4, 4, 0)
    page.locator("[name=each]").check()
    page.locator("[name=range]").uncheck()
    assert (page.locator("#plot .band").count(), page.locator("#plot .thin").count()) == (0, 8)
    button = page.locator("#conditions button").nth(1)
    button.click()
    assert (lines(page), button.get_attribute("aria-pressed")) == (3, "false")
    for group, count, state in (("BN", 4, "true"), ("BN", 1, "false"), ("penalty L1", 2, "true"), ("all", 4, "true")):
        chip = page.locator("#groups").get_by_role("button", name=group, exact=True)
        chip.click()
        assert (lines(page), chip.get_attribute("aria-pressed")) == (count, state)
    page.locator("#groups").get_by_role("button", name="all", exact=True).click()
    assert lines(page) == 0


def points(page):
    """Places of the points of the first line, in pixels."""
    path = page.locator("#plot .course").first.get_attribute("d")
    return [tuple(map(float, point.split())) for point in path.removeprefix("M").split("L")]


def test_the_end_can_be_enlarged_and_the_axis_chosen(explorer, visit, measured):
    """On the log axis, distances are ratios of errors; on the linear one, differences."""
    page = visit(explorer)
    assert len(points(page)) == 3
    errors = [
        np.median([100 - float(rows[epoch]["validation_accuracy"]) for rows in measured["none-bn"].values()])
        for epoch in range(3)
    ]
    for axis, bend in (("log", np.log), ("linear", np.asarray)):
        choose(page, "axis", axis)
        y = np.array([point[1] for point in points(page)])
        values = bend(np.array(errors))
        assert (y[1] - y[0]) / (y[2] - y[0]) == pytest.approx(
            (values[1] - values[0]) / (values[2] - values[0]), abs=0.02
        )
        assert y[2] < y[0]  # better is above
    slide(page, "from", 2)
    assert len(points(page)) == 2


def test_the_pointer_chooses_epoch_and_line(explorer, visit):
    page = visit(explorer)
    box = page.locator("#plot").bounding_box()
    x, y = points(page)[1]
    page.mouse.move(box["x"] + x + 3, box["y"] + y)
    assert page.locator("[name=epoch]").input_value() == "2"
    text = page.locator("#plot .tag").text_content()
    name, value = text.rsplit("  ", 1)
    assert name in page.locator("#conditions .name").all_text_contents()
    assert value in legend_values(page)
    page.mouse.move(box["x"] + x, box["y"] - 60)
    assert page.locator("#plot .tag").count() == 0


# --- mistakes


def test_the_filters_let_through_what_the_predictions_say(explorer, visit, truth):
    """Each filter alone, then 30 drawn combinations."""
    page = visit(f"{explorer}#view=mistakes")
    assert set(shown(page)) == expected(truth)
    random = np.random.default_rng(16)
    cases = [{"actual": 3}, {"taken": 8}, {"least": 4}, {"most": 2}, {"sure": 70}, {"taken": 8, "sure": 60}]
    cases += [
        {"change": f"{kind}-{n}", "often": often} for kind in ("fixed", "broken") for n in (0, 1) for often in (1, 2)
    ]
    for _ in range(30):
        least, most = sorted(random.integers(1, 7, 2).tolist())
        pool = {
            "actual": int(random.integers(10)),
            "taken": int(random.integers(10)),
            "change": f"{random.choice(['fixed', 'broken'])}-{random.integers(2)}",
            "sure": int(random.integers(30, 90)),
        }
        chosen = random.choice(list(pool), int(random.integers(1, 3)), replace=False)
        cases.append({"least": least, "most": most} | {name: pool[name] for name in pool if name in chosen})
    sizes = []
    for filters in cases:
        set_filters(page, filters)
        wanted = expected(truth, **filters)
        found = shown(page)
        assert set(found) == wanted, filters
        assert len(found) == len(wanted)
        assert page.locator("#count").text_content() == f"{len(wanted)} of {len(expected(truth))} images"
        sizes.append(len(wanted))
    assert sum(size > 0 for size in sizes) > len(sizes) / 2  # the cases do test something


def test_the_orders(explorer, visit, truth):
    page = visit(f"{explorer}#view=mistakes")
    missed = truth.wrong.sum(axis=0)
    assert shown(page) == sorted(expected(truth), key=lambda image: (-missed[image], image))
    page.locator("[name=order]").select_option("image")
    assert shown(page) == sorted(expected(truth))
    page.locator("[name=order]").select_option("sure")
    surest = np.where(truth.wrong, np.floor(truth.sure * 10_000), -1).max(axis=0)
    assert shown(page) == sorted(expected(truth), key=lambda image: (-surest[image], image))
    page.locator("[name=change]").select_option("broken-1")
    page.locator("[name=order]").select_option("changed")
    broken = truth.changes(*FACTORS[1], "broken")
    assert shown(page) == sorted(expected(truth, change="broken-1"), key=lambda image: (-broken[image], image))


def test_at_least_is_never_above_at_most(explorer, visit):
    page = visit(f"{explorer}#view=mistakes")
    slide(page, "most", 2)
    slide(page, "least", 5)
    assert page.locator("[name=most]").input_value() == "5"
    slide(page, "most", 3)
    assert page.locator("[name=least]").input_value() == "3"


def test_every_image_has_a_tile(explorer, visit, truth):
    page = visit(f"{explorer}#view=mistakes")
    while page.locator("#more").is_visible():
        page.locator("#more").click()
    labels = [tile.get_attribute("aria-label") for tile in page.locator("#tiles button").all()]
    assert {int(label.split()[1].strip(":")) for label in labels} == expected(truth)
    missed = truth.wrong.sum(axis=0)
    for label in labels:
        image = int(label.split()[1].strip(":"))
        assert f": {truth.labels[image]} (" in label
        assert f"missed by {missed[image]} of 6 runs" in label


def test_a_tile_shows_its_image(explorer, visit, truth, project):
    with np.load(project.folder / "resources/digits.npz") as saved:
        images = saved["test_images"]
    page = visit(f"{explorer}#view=mistakes&order=image")
    first, *_ = shown(page)
    code = "canvas => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0)"
    pixels = page.locator("#tiles canvas").first.evaluate(code)
    assert np.array_equal(np.array(pixels).reshape(28, 28), images[first])


def test_a_click_shows_every_runs_prediction(explorer, visit, truth):
    page = visit(f"{explorer}#view=mistakes")
    for number in (0, 3):
        page.locator("#tiles button").nth(number).click()
        image = shown_image(page)
        cells = page.locator("#predictions td").all()
        assert len(cells) == 6
        for cell, row in zip(cells, range(6), strict=True):
            assert cell.locator("b").text_content() == str(truth.predicted[row, image])
            assert ("missed" in cell.get_attribute("class")) == truth.wrong[row, image]
            percent = cell.locator("small").text_content()
            sure = 100 * truth.sure[row, image]
            assert sure > 99.4 if percent == "> 99 %" else float(percent.split()[0]) == pytest.approx(sure, abs=0.52)
        assert page.locator("#predictions tbody th").first.text_content() == "none · BN = twin"
        page.locator("#close").click()
        assert not page.locator("#detail").is_visible()


def shown_image(page):
    return int(page.locator("#which").text_content().split()[1])


# --- links


def test_a_link_shows_the_same_view(explorer, visit, truth):
    page = visit(explorer)
    choose(page, "quantity", "loss")
    choose(page, "axis", "linear")
    slide(page, "from", 2)
    page.locator("[name=each]").check()
    page.locator("#conditions button").nth(2).click()
    choose(page, "view", "mistakes")
    filters = {"actual": 8, "change": "fixed-1", "often": 2, "sure": 35, "least": 2, "most": 5}
    set_filters(page, filters)
    page.locator("[name=order]").select_option("changed")
    again = visit(page.url)
    state = "JSON.stringify([...document.forms[0].elements].filter(e => e.name).map(e => [e.name, e.value, e.checked]))"
    assert again.evaluate(state) == page.evaluate(state)
    assert shown(again) == shown(page)
    assert set(shown(again)) == expected(truth, **filters)
    choose(again, "view", "curves")
    assert lines(again) == 3
    assert "loss" in again.locator("#heading").text_content()


def test_a_link_to_an_image_opens_it(explorer, visit, truth):
    image = max(expected(truth))
    page = visit(f"{explorer}#view=mistakes&image={image}")
    assert shown_image(page) == image
    page.evaluate("location.hash = '#view=mistakes'")
    page.locator("#detail").wait_for(state="hidden")


def test_an_address_of_another_study_does_no_harm(explorer, visit, truth):
    page = visit(f"{explorer}#view=x&actual=99&change=fixed-7&often=50&image=100000&off=nobody,%25&least=-3&z=1")
    assert page.locator("#plot").is_visible()
    choose(page, "view", "mistakes")
    assert set(shown(page)) == expected(truth)


def test_reset_and_the_default_state_leave_a_clean_address(explorer, visit):
    page = visit(f"{explorer}#view=mistakes&actual=3&sure=50")
    page.locator("#reset").click()
    assert page.url.endswith("#view=mistakes")


def test_the_button_copies_the_link(explorer, visit):
    page = visit(f"{explorer}#view=mistakes&actual=3", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#share").click()
    page.get_by_role("button", name="Link copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


# --- by keyboard alone


def focused(page):
    """Name or id of what has the focus."""
    return page.evaluate("document.activeElement.name || document.activeElement.id || document.activeElement.tagName")


def tab_order(page, most=60):
    """What Tab reaches, in order, until it leaves the page."""
    found = []
    for _ in range(most):
        page.keyboard.press("Tab")
        now = focused(page)
        if now == "BODY":
            break
        found.append(now)
    return found


def test_tab_reaches_every_control(explorer, visit):
    page = visit(explorer)
    order = tab_order(page)
    assert [name for name in order if name not in ("BUTTON", "SUMMARY")] == [
        *("share", "view", "quantity", "split", "axis", "range", "each", "from", "epoch")
    ]
    assert order.count("BUTTON") == 4 + page.locator("#groups button").count()
    assert order.count("SUMMARY") == 1
    page = visit(f"{explorer}#view=mistakes&change=fixed-0")
    order = tab_order(page)
    assert [name for name in order if name not in ("BUTTON", "SUMMARY")] == [
        *("share", "view", "actual", "taken", "change", "order", "least", "most", "sure", "often", "reset")
    ] + (["more"] if page.locator("#more").is_visible() else [])
    assert order.count("BUTTON") == 1  # one tile: the arrow keys reach the others
    assert order.count("SUMMARY") == 1


def go_to(page, name):
    for _ in range(60):
        if focused(page) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {name}")


def test_curves_by_keyboard(explorer, visit):
    page = visit(explorer)
    go_to(page, "quantity")
    page.keyboard.press("ArrowRight")
    assert "loss" in page.locator("#heading").text_content()
    go_to(page, "range")
    page.keyboard.press("Space")
    assert page.locator("#plot .band").count() == 0
    go_to(page, "epoch")
    page.keyboard.press("ArrowLeft")
    assert "at epoch 2" in page.locator("#columns").text_content()
    page.locator("#conditions button").first.focus()
    page.keyboard.press("Enter")
    assert lines(page) == 3
    assert page.locator("#conditions button").first.evaluate("button => button === document.activeElement")


def test_mistakes_by_keyboard(explorer, visit, truth):
    page = visit(explorer)
    go_to(page, "view")
    page.keyboard.press("ArrowRight")
    go_to(page, "actual")
    page.keyboard.press("8")
    assert set(shown(page)) == expected(truth, actual=8)
    page.locator("#reset").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    order = sorted(expected(truth), key=lambda image: (-truth.wrong.sum(axis=0)[image], image))
    assert shown_image(page) == order[2]
    page.keyboard.press("ArrowRight")
    assert shown_image(page) == order[3]
    assert f"image={order[3]}" in page.url
    page.keyboard.press("Escape")
    page.locator("#detail").wait_for(state="hidden")
    page.wait_for_url(lambda url: "image=" not in url)
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith(f"Image {order[3]}:")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith(f"Image {order[0]}:")
