"""The charts of a report, by matplotlib: equal data give equal bytes.

A chart is drawn for white paper. `for_page` makes a picture for a page of it, which takes the page's colours: text and axes
become `currentColor`, the series become the CSS variables --c0 to --c6.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d1f")  # Okabe and Ito, and a brown
MARKERS, LINES = "osD^vPX", ("-", "--", "-.", ":")
INK, GROUND = "#010203", "#fefdfc"  # text and background, unlike any other colour
NO_DATES = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Chart:
    """A drawn chart: name of its files, what it shows in words, and its bytes in both formats."""

    name: str
    text: str
    svg: str
    png: bytes

    def for_page(self) -> str:
        """The SVG element for an HTML page: ids of its own, and colours of the page."""
        svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{self.name}-", self.svg[self.svg.index("<svg") :])
        for i, colour in enumerate(COLOURS):
            svg = svg.replace(colour, f"var(--c{i})")
        svg = svg.replace(INK, "currentColor").replace(GROUND, "var(--ground)")
        return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _draw(name: str, text: str, size: tuple[float, float], fill: Callable) -> Chart:
    """Let `fill(axes)` draw on a figure of a size in inches."""
    import matplotlib  # here: a report alone needs it, and it takes a second to load
    from matplotlib.figure import Figure

    style = {"svg.hashsalt": name, "svg.fonttype": "none", "text.parse_math": False, "font.size": 10}
    style |= {f"{key}.color": INK for key in ("text", "xtick", "ytick")}
    style |= {f"axes.{key}": INK for key in ("edgecolor", "labelcolor")}
    style |= {"axes.spines.top": False, "axes.spines.right": False, "font.family": "DejaVu Sans"}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        fill(figure.subplots())
        svg, png = io.StringIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata=NO_DATES, transparent=True)
        figure.savefig(png, format="png", metadata={"Software": None}, dpi=150)
    drawn = svg.getvalue().replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    return Chart(name, text, drawn, png.getvalue())


def temperature_chart(name: str, title: str, lines: dict[str, list[tuple[float, float, float, float]]]) -> Chart:
    """Lines over temperatures, with intervals.

    Args:
        name: of the chart's files.
        title: what the lines show.
        lines: label -> points (temperature, value, low, high), the last three in per cent.
    """

    def fill(axes) -> None:
        for i, (label, points) in enumerate(lines.items()):
            x, y, low, high = np.array(points).T
            x = x + 0.006 * (i - (len(lines) - 1) / 2)  # intervals beside each other
            style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)], "markersize": 5}
            sides = np.maximum(0, [y - low, high - y])  # matplotlib takes no interval beside its value
            axes.errorbar(x, y, sides, linestyle=LINES[i % len(LINES)], label=label, capsize=2, **style)
        ticks = sorted({point[0] for points in lines.values() for point in points})
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set(xlabel="temperature", ylabel=f"{title}, per cent", ylim=(0, None))
        axes.margins(x=0.1)
        axes.grid(axis="y", alpha=0.25, color=INK)
        axes.figure.legend(axes.containers, list(lines), loc="outside lower left", frameon=False)

    told = [f"{label}: " + ", ".join(f"{y:.1f} at {x:g}" for x, y, *_ in points) for label, points in lines.items()]
    text = f"{title} in per cent against temperature. {'; '.join(told)}."
    return _draw(name, text, (3.7, 2.9 + 0.2 * len(lines)), fill)


def solved_chart(name: str, shares: dict[str, list[float]], spans: dict[str, int]) -> Chart:
    """A strip for each run and a cell for each problem: the share of its samples that pass.

    Args:
        name: of the chart's files.
        shares: label -> share of every problem, between 0 and 1; NaN where the run lacks a problem.
        spans: group of problems -> number of its problems, in the order of the shares.
    """
    grid = np.array(list(shares.values()), dtype=float)  # (runs, problems)
    gap = max(1, grid.shape[1] // 80)  # blank columns between groups
    ends = np.cumsum(list(spans.values()))
    drawn = np.insert(grid, np.repeat(ends[:-1], gap), np.nan, axis=1)
    middles = ends - np.array(list(spans.values())) / 2 + gap * np.arange(len(spans))

    def fill(axes) -> None:
        mesh = axes.pcolormesh(np.ma.masked_invalid(drawn), cmap="cividis", vmin=0, vmax=1)
        axes.set_yticks(np.arange(len(shares)) + 0.5, list(shares))
        axes.invert_yaxis()
        axes.set_xticks(middles, [f"{key}\n{n}" for key, n in spans.items()])
        axes.tick_params(length=0)
        axes.hlines(np.arange(1, len(shares)), 0, drawn.shape[1], color=GROUND, linewidth=3)
        axes.spines[:].set_visible(False)
        bar = axes.figure.colorbar(mesh, ax=axes, location="bottom", aspect=50, shrink=0.5, ticks=[0, 0.5, 1])
        bar.set_label("share of samples that pass")
        bar.outline.set_visible(False)

    told = []
    for label, row in zip(shares, grid, strict=True):
        sometimes = (row > 0) & (row < 1)
        told.append(f"{label}: {(row == 1).sum()} always, {sometimes.sum()} sometimes, {(row == 0).sum()} never")
    text = f"Problems solved by all, some or none of the samples. {'; '.join(told)}."
    return _draw(name, text, (10, 1.6 + 0.4 * len(shares)), fill)


def outcome_chart(name: str, shares: dict[str, dict[str, float]]) -> Chart:
    """A bar for each run, divided by what happened to its samples: label -> {kind: per cent}, each with the same kinds."""
    kinds = list(next(iter(shares.values())))

    def fill(axes) -> None:
        left = np.zeros(len(shares))
        for kind, colour in zip(kinds, COLOURS, strict=False):
            width = np.array([of_kind[kind] for of_kind in shares.values()])
            axes.barh(list(shares), width, left=left, color=colour, edgecolor=GROUND)
            left += width
        axes.invert_yaxis()
        axes.set(xlabel="samples, per cent", xlim=(0, 100))
        axes.figure.legend(axes.containers, kinds, loc="outside upper left", ncols=4, frameon=False)

    told = [
        f"{label}: " + ", ".join(f"{kind} {value:.1f}" for kind, value in found.items())
        for label, found in shares.items()
    ]
    text = f"What happened to the samples, in per cent. {'; '.join(told)}."
    return _draw(name, text, (8, 1.5 + 0.35 * len(shares)), fill)
