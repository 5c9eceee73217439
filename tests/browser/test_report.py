"""The report that Snakemake makes, in Chromium: its title is seen at once, and the explorer works inside it."""

import pytest
from looking import VIEWS, colors, in_view, serious

TITLE = "tiny on digits"


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
