"""A small SVG writer: light card of its own, text as text, nothing from elsewhere. Equal calls give equal bytes."""

from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SANS = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"
INK, SOFT, RULE, GROUND = "#1f2328", "#57606a", "#d0d7de", "#ffffff"  # text, lesser text, lines, background
EM = 0.61  # width of a monospace character, in font sizes; the widest of MONO


@dataclass
class Drawing:
    """Elements in the order in which they are painted; lengths in pixels, y grows downwards."""

    parts: list[str] = field(default_factory=list)

    def rect(self, x: float, y: float, width: float, height: float, fill: str, line: str = "none") -> None:
        box = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"'
        self.parts.append(f'<rect {box} fill="{fill}" stroke="{line}"/>')

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = RULE, width: float = 1) -> None:
        ends = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
        self.parts.append(f'<line {ends} stroke="{colour}" stroke-width="{width:g}"/>')

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{colour}"/>')

    def arrow(self, x: float, y: float, length: float) -> None:
        """From (x, y) downwards."""
        tip = y + length
        self.line(x, y, x, tip - 5, SOFT, 1.5)
        self.parts.append(f'<path d="M{x - 5:g} {tip - 8:g}L{x + 5:g} {tip - 8:g}L{x:g} {tip:g}z" fill="{SOFT}"/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        colour: str = INK,
        *,
        mono: bool = False,
        bold: bool = False,
        size: float = 13,
        anchor: str = "start",
    ) -> None:
        """One line; y is its baseline, `anchor` the end that lies at x: start, middle or end."""
        look = f'class="{"m" if mono else "s"}" font-size="{size:g}" fill="{colour}" text-anchor="{anchor}"'
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}" {look}{weight} xml:space="preserve">{escape(text)}</text>')

    def render(self, width: float, height: float, title: str) -> str:
        """The file's text; `title` says in words what the picture shows."""
        title = " ".join(title.split())
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"'
        style = f".m {{ font-family: {MONO}; white-space: pre }} .s {{ font-family: {SANS} }}"
        card = f'<rect x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="8" fill="{GROUND}"'
        lines = [
            f'{head} height="{height:g}" role="img" aria-label={quoteattr(title)}>',
            f"<title>{escape(title)}</title>",
            f"<style>{style}</style>",
            f'{card} stroke="{RULE}"/>',
            *self.parts,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"
