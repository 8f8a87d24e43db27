"""The report in a real browser: nothing on the console, no page wider than its window, tab order, contrast.

Needs `pip install playwright` and a Chromium: the system's (`apt-get install chromium`), or `playwright install chromium`.
"""

import shutil

import pytest
from result_trees import write_problems, write_tree

from scripts import report

playwright = pytest.importorskip("playwright.sync_api", reason="no browser: pip install playwright")
pytestmark = pytest.mark.slow
OPEN = "document.querySelectorAll('details').forEach(d => { d.open = true })"
FOCUSABLE = "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')]"
# Text that stands out from what is behind it by less than 4.5 to 1 (WCAG AA).
FAINT = """() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number)
  const light = text => parts(text).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0)
  const behind = node => {
    for (let n = node; n; n = n.parentElement) {
      const colour = getComputedStyle(n).backgroundColor
      if ((parts(colour)[3] ?? 1) > 0) return colour
    }
  }
  const texts = [...document.querySelectorAll('body *:not(svg *):not(script)')]
    .filter(n => [...n.childNodes].some(c => c.nodeType === 3 && c.data.trim()))
  return texts.filter(n => {
    const [a, b] = [light(getComputedStyle(n).color), light(behind(n))].sort((x, y) => y - x)
    return (a + 0.05) / (b + 0.05) < 4.5
  }).map(n => `${n.tagName}.${n.className}: ${n.textContent.slice(0, 40)}`)
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("browser")
    write_tree(folder / "results", write_problems(folder / "P.jsonl"))
    assert report.main([str(folder / "results")]) == 0
    return (folder / "results/report.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    system = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with playwright.sync_playwright() as running:
        try:
            found = running.chromium.launch(executable_path=system, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no browser: {str(error).splitlines()[0]}")
        yield found
        found.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_page(browser, address, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.extend([request.url] * request.url.startswith("http")))
    page.goto(address)
    for opened in (False, True):
        if opened:
            page.evaluate(OPEN)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate("document.body.scrollWidth") <= width
    assert page.evaluate(FAINT) == []
    assert page.evaluate("[...document.querySelectorAll('svg')].every(s => s.getBoundingClientRect().width > 300)")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark") and complaints == []
    page.close()


def test_tab_goes_through_the_page_in_order(browser, address):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(address)
    page.evaluate(OPEN)
    count = page.evaluate(f"{FOCUSABLE}.length")
    visited = []
    for _ in range(count):
        page.keyboard.press("Tab")
        visited.append(page.evaluate(f"{FOCUSABLE}.indexOf(document.activeElement)"))
    assert count > 20 and visited == list(range(count))
    page.close()


def test_details_open_by_keyboard_and_without_scripts(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    summary = page.locator("summary", has_text="case 3")
    assert not page.get_by_text("Verdict").first.is_visible()
    summary.focus()
    page.keyboard.press("Enter")
    assert summary.locator("xpath=..").get_by_text("Verdict").first.is_visible()
    context.close()
