"""What can be asked of a page in a browser: is it seen, is it blank, can everybody read it."""

from io import BytesIO

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page

SIZES = {1280: 900, 390: 844}  # width and height of the window: a small desktop, a phone
VIEWS = [(width, scheme) for width in SIZES for scheme in ("light", "dark")]


def serious(where, part: str | None = None) -> list[str]:
    """What axe finds that is serious or critical, in a page or a frame, or only in what the selector `part` finds."""
    found = Axe().run(where, context=part).response["violations"]
    return [
        f"{each['id']}: {node['html'][:150]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def in_view(page: Page, element) -> bool:
    """Whether a whole element is inside the window, and its middle is not covered by another."""
    box, size = element.bounding_box(), page.viewport_size
    inside = (
        box is not None
        and box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= size["width"]
        and box["y"] + box["height"] <= size["height"]
    )
    uncovered = """element => {
        const box = element.getBoundingClientRect();
        const top = document.elementFromPoint(box.x + Math.min(box.width / 2, 40), box.y + box.height / 2);
        return element.contains(top) || (top && top.contains(element));
    }"""
    return inside and element.evaluate(uncovered)


def colors(page: Page) -> int:
    """How many colors a screenshot has. A blank page has one."""
    with Image.open(BytesIO(page.screenshot())) as image:
        return len(image.convert("RGB").getcolors(maxcolors=2**24))


def overflow(page: Page) -> int:
    """By how many pixels a page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")
