"""A run of the playground as HTML. All text of prompts, models and programs is escaped."""

from markupsafe import Markup
from pygments.formatters import HtmlFormatter

from scripts.generating.playground import PASSED, RAN, Answer, Result
from scripts.reporting.page import DARK, LIGHT, highlighted

STYLE = """
.gradio-container { max-width: 1400px !important; --block-info-text-color: #57606a; }
.dark.gradio-container, .dark .gradio-container { --block-info-text-color: #a1a1aa; }
#prompt textarea { font-family: var(--font-mono); font-size: 13px; line-height: 1.5; }
.cert { color: var(--body-text-color); }
.cert h2 { margin: 0 0 4px; font-size: 20px; font-weight: 600; }
.cert h3 { margin: 18px 0 8px; font-size: 15px; font-weight: 600; }
.cert h3:first-child, .cert p { margin-top: 0; }
.cert .box { border: 1px solid var(--border-color-primary); border-radius: 6px; margin-bottom: 8px; overflow: hidden; }
.cert .head { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: center; padding: 5px 10px; font-size: 13px;
  background: var(--background-fill-secondary); border-bottom: 1px solid var(--border-color-primary); }
.cert pre { margin: 0; padding: 8px 10px; overflow-x: auto; background: transparent; }
.cert code { font-family: var(--font-mono); font-size: 13px; line-height: 1.5; white-space: pre; padding: 0; border: 0;
  background: transparent; color: inherit; }
.cert .told { border-top: 1px dashed var(--border-color-primary); }
.cert .told code { white-space: pre-wrap; overflow-wrap: anywhere; }
.cert .mark { border-radius: 4px; padding: 0 7px; font-weight: 600; color: #fff; background: #57606a; }
.cert .good { background: #1a7f37; }
.cert .bad { background: #b42318; }
.cert .soft { color: #57606a; }
.dark .cert .soft { color: #a1a1aa; }
.cert summary.head { display: list-item; list-style-position: inside; cursor: pointer; }
.cert details:not([open]) summary { border-bottom: 0; }
.cert details code { white-space: pre-wrap; }
"""


def style() -> str:
    """CSS of the page, with the colours of code for light and dark."""
    pairs = ((LIGHT, ".cert code"), (DARK, ".dark .cert code"))
    light, dark = (HtmlFormatter(style=name).get_style_defs(prefix) for name, prefix in pairs)
    return f"{light}\n{dark}\n{STYLE}"


def page_of(result: Result) -> str:
    """Sketches with counts, codes with verdicts, and what the run cost."""
    sampling, sandbox = result.seconds
    cost = f"sampled in {sampling:.1f} s, run in {sandbox:.1f} s (sandbox: {result.layer})"
    parts = [Markup("<h3>{}</h3><p class='soft'>{}<br>{}</p>").format(result.summary, result.wish, cost)]
    prompt = Markup("<details class='box'><summary class='head'>prompt</summary><pre><code>{}</code></pre></details>")
    parts.append(prompt.format(highlighted(result.prompt)))
    parts.append(Markup("<h3>Sketches</h3>"))
    for sketch, count in result.sketches:
        used = Markup("<span class='mark'>used</span>") * (sketch in result.used)
        parts.append(_box(Markup("<span>{} of {} drafts</span>{}").format(count, _drafts(result), used), sketch))
    parts.append(Markup("<h3>Code</h3>"))
    parts += [_answer(answer, result) for answer in result.answers]
    return str(Markup("<div class='cert'>{}</div>").format(Markup("").join(parts)))


def message(text: str, heading: str = "", is_error: bool = False) -> str:
    """A paragraph."""
    above = Markup("<h2>{}</h2>").format(heading) if heading else ""
    mark = Markup("<span class='mark bad'>error</span> ") * is_error
    return str(Markup("<div class='cert'>{}<p>{}{}</p></div>").format(above, mark, text))


def _drafts(result: Result) -> int:
    return sum(count for _, count in result.sketches)


def _answer(answer: Answer, result: Result) -> Markup:
    kind = "good" if answer.verdict in (PASSED, RAN) else "bad"
    verdict = Markup("<span class='mark {} verdict'>{}</span>").format(kind, answer.verdict)
    stages = "both stages" if answer.case == 1 else "sketcher alone"
    about = Markup("<span>{} of {} samples</span>{}<span class='soft'>{}</span>")
    box = about.format(answer.count, result.wish.n, verdict, stages)
    told = "\n".join(filter(None, [answer.detail, answer.output]))
    rest = Markup("<pre class='told'><code>{}</code></pre>").format(told) if told else Markup("")
    return _box(box, answer.code, rest)


def _box(head: Markup, code: str, rest: str = "") -> Markup:
    shown = Markup("<code>{}</code>").format(highlighted(code)) if code else Markup("<span class='soft'>empty</span>")
    return Markup("<div class='box'><div class='head'>{}</div><pre>{}</pre>{}</div>").format(head, shown, rest)
