"""The report that Snakemake makes, in Chromium: its title is seen at once, and the explorer works inside it."""

import pytest
from looking import VIEWS, colors, in_view, overflow, serious

TITLE = "digits (tiny)"


@pytest.fixture(scope="module")
def report(project):
    return (project.folder / "report.html").as_uri()


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_title_is_in_view_when_the_report_opens(report, visit, width, scheme):
    page = visit(report, width, scheme)
    title = page.get_by_text(TITLE).first
    title.wait_for()
    assert in_view(page, title), title.bounding_box()
    assert colors(page) > 30


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_landing_page_shows_the_effects_to_everybody(report, visit, width, scheme):
    """The picture can be seen without scrolling, no text in it lies on another, and axe finds nothing serious."""
    page = visit(report, width, scheme)
    picture = page.locator("#effects")
    picture.wait_for()
    for drawing in picture.locator("div > svg").all():
        assert in_view(page, drawing), drawing.bounding_box()
    assert serious(page, ".prose") == []  # around it is Snakemake's own page, which has faults
    assert overflow(page) <= 0
    rows = [row.locator("> div > *") for row in picture.locator("> div").all()]
    assert [row.all_text_contents() for row in rows] == [
        ["L1 1e-3", "too few seeds"],
        ["GBN, 2 splits", "too few seeds"],
    ]
    for row in rows:
        name, verdict = (text.bounding_box() for text in row.all())
        assert name["x"] + name["width"] < verdict["x"] or name["y"] + name["height"] <= verdict["y"]
        assert min(name["height"], verdict["height"]) > 13  # a narrow window does not make texts smaller
    frame, numbers = picture.bounding_box(), [text.bounding_box() for text in picture.locator("text").all()]
    assert all(frame["x"] <= box["x"] <= frame["x"] + frame["width"] - box["width"] for box in numbers)
    assert page.get_by_text("With fewer than three seeds no effect can be told from chance").count() == 1


def explorer_in(page):
    """The frame of the explorer, opened through the menus as a reader does."""
    page.get_by_text("1 Answer").first.click()
    row = page.get_by_role("row").filter(has_text="explore curves and mistakes")
    row.get_by_role("link").first.click()
    page.locator("iframe").wait_for()
    frame = page.locator("iframe").element_handle().content_frame()
    frame.locator("#plot .course").first.wait_for()
    return frame


def test_the_explorer_works_in_the_report(report, visit, truth):
    page = visit(report)
    frame = explorer_in(page)
    assert serious(frame) == []
    assert not frame.locator("#share").is_visible()  # the frame has no address that could be sent to anybody
    frame.locator("[name=view][value=mistakes]").check()
    frame.locator("[name=actual]").select_option("8")
    wanted = int((truth.wrong.any(axis=0) & (truth.labels == 8)).sum())
    total = int(truth.wrong.any(axis=0).sum())
    assert frame.locator("#count").text_content() == f"{wanted} of {total} images"
    frame.locator("#tiles button").first.click()
    assert frame.locator("#predictions td").count() == len(truth.runs)
    frame.locator("#close").click()
    assert not frame.locator("#detail").is_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_page_of_tables_is_never_wider_than_the_window(folder, visit, width):
    """Its tables are, and scroll in their place."""
    for name in ("about", "agreement", "effects", "last_five", "layers", "mcnemar", "noise", "summary", "weight_sizes"):
        page = visit((folder / f"{name}.html").as_uri(), width)
        assert overflow(page) <= 0, name
        assert serious(page) == [], name
