"""The report as HTML, Markdown and JSON, and its charts as files: `write_report`."""

import html
import re
from pathlib import Path

from scripts.file_utils import replacing_folder, write_json, write_text
from scripts.reporting.blocks import Section
from scripts.reporting.markdown import cell, fence
from scripts.reporting.views import sections, stage_sections

TEMPLATES = Path(__file__).parent / "templates"
CHARTS = "report_charts"  # folder beside the page
LIGHT, DARK = "default", "github-dark"  # styles of Pygments


def write_report(data: dict, parts: list[tuple[str, list[Section]]], folder: Path) -> None:
    """Write report.html, report.md, report.json and the folder report_charts (SVG, PNG) of data and its `parts_of`.

    Equal results give equal bytes. The page needs no other file.
    """
    charts = [chart for _, found in parts for section in found for chart in section.charts]
    with replacing_folder(folder / CHARTS) as new:
        for chart in charts:
            (new / f"{chart.name}.svg").write_text(chart.svg, encoding="utf-8")
            (new / f"{chart.name}.png").write_bytes(chart.png)
    write_json(folder / "report.json", data)
    write_text(folder / "report.html", render("report.html", parts))
    write_text(folder / "report.md", render("report.md", parts))


def parts_of(data: dict) -> list[tuple[str, list[Section]]]:
    """Headings and sections: a part for each benchmark, and one for the metrics of the stages."""
    names = [benchmark["name"] for benchmark in data["benchmarks"]]
    prefixes = [re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "benchmark" for name in names]
    parts = []
    for i, (benchmark, prefix) in enumerate(zip(data["benchmarks"], prefixes, strict=True)):
        own = f"{prefix}_{i}" if prefixes.count(prefix) > 1 else prefix
        parts.append((names[i], sections(benchmark, data["sweeps"], own)))
    if data["stages"]:
        parts.append(("Metrics of the stages", stage_sections(data["stages"])))
    return parts


def render(template: str, parts: list[tuple[str, list[Section]]]) -> str:
    """A page of the parts: a template's text. Text from results is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from pygments.formatters import HtmlFormatter

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=template.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": highlighted, "quoted": quoted, "cell": cell, "fence": fence, "is_number": is_number}
    light, dark = (HtmlFormatter(style=style).get_style_defs("code") for style in (LIGHT, DARK))
    return environment.get_template(template).render(parts=parts, light=light, dark=dark, charts=CHARTS)


def highlighted(code: str | None):
    """Python code as HTML with classes of Pygments."""
    from markupsafe import Markup
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return Markup(highlight(code or "", PythonLexer(stripnl=False, ensurenl=False), HtmlFormatter(nowrap=True)))


def quoted(text: str):
    """Text as HTML."""
    from markupsafe import Markup

    return Markup(html.escape(text))


def is_number(text: str) -> bool:
    """Whether a cell begins like a number, so that it stands at the right.

    >>> [is_number(text) for text in ("12.5 [1.0, 2.0]", "-", "+1", "3 of 4", "0.2/0.2", "a")]
    [True, True, True, True, True, False]
    """
    return re.match(r"[+-]?\d|-$", text) is not None
