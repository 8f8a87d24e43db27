"""pass@1 with 95 % intervals of all runs under a folder: a panel for each benchmark, a row for each level."""

import math
from pathlib import Path

from nl2code.errors import UserError
from scripts.reporting.svg import RULE, SOFT, Drawing

COLOURS = ("#57606a", "#0072b2", "#d55e00", "#009e73", "#cc79a7")  # grey for the first run, which is the base
EDGE, LABEL, PLOT, VALUE = 20, 150, 330, 54  # widths: margin, names of rows, axis, numbers
ROW, STEP = 14, 18  # between the runs of a row, line height
ALL = "all problems"

Score = dict  # {"value", "ci95"}, shares between 0 and 1


def scores_of(folder: Path) -> dict[str, dict[str, dict[str, Score]]]:
    """Benchmark -> row (all problems, then the levels with their numbers of problems) -> run -> pass@1.

    Raises:
        UserError: no metrics there, or more runs of one benchmark than colours.
    """
    from scripts.reporting.tables import read_rows

    rows, complaints = read_rows(folder)
    if rows.empty or complaints:
        raise UserError(complaints[0] if complaints else f"no *_metrics.json under {folder}")
    found: dict[str, dict[str, dict[str, Score]]] = {}
    rows = rows.assign(length=rows["run"].str.len())  # the name of a base model is the shortest
    order = ["benchmark", "stages", "length"]
    for row in rows.sort_values(order, ascending=[False, True, True], kind="stable").to_dict("records"):
        metrics = row["metrics"]
        levels = {f"{level} ({of['problems']})": of["pass@1"] for level, of in metrics.get("by_level", {}).items()}
        for name, score in {f"{ALL} ({row['problems']})": metrics["pass@1"], **levels}.items():
            of_runs = found.setdefault(row["benchmark"], {}).setdefault(name, {})
            if row["run"] in of_runs:
                raise UserError(
                    f"{row['benchmark']}: {row['run']} is there twice under {folder}; leave one temperature"
                )
            of_runs[row["run"]] = score
    for benchmark, levels in found.items():
        if (runs := len({run for of_runs in levels.values() for run in of_runs})) > len(COLOURS):
            raise UserError(f"{benchmark}: {runs} runs under {folder}, the picture shows {len(COLOURS)}; remove some")
    return found


def scores_picture(found: dict[str, dict[str, dict[str, Score]]]) -> str:
    """The SVG of `scores_of`; all panels have one axis, in per cent."""
    drawing, y = Drawing(), EDGE
    highest = max(s["ci95"][1] for levels in found.values() for runs in levels.values() for s in runs.values())
    ticks = range(0, 10 * max(1, math.ceil(10 * highest)) + 1, 10)
    scale = PLOT / ticks[-1]
    left, width = EDGE + LABEL, EDGE + LABEL + PLOT + VALUE + EDGE
    told = []
    for benchmark, levels in found.items():
        names = list(dict.fromkeys(name for runs in levels.values() for name in runs))
        drawing.text(EDGE, y + 10, benchmark, bold=True)
        drawing.text(left + PLOT + VALUE, y + 10, "pass@1, per cent, with 95 % intervals", SOFT, size=12, anchor="end")
        for i, name in enumerate(names):
            y += STEP
            drawing.dot(EDGE + 6, y + 12, 4, COLOURS[i])
            drawing.text(EDGE + 18, y + 16, name, COLOURS[i], size=12)
        y += 28
        bottom = y + sum(ROW * len(runs) + 10 for runs in levels.values())
        for tick in ticks:
            drawing.line(left + scale * tick, y, left + scale * tick, bottom)
            drawing.text(left + scale * tick, bottom + 15, str(tick), SOFT, size=11, anchor="middle")
        for level, runs in levels.items():
            drawing.text(left - 10, y + 5 + ROW * len(runs) / 2 + 4, level, size=12, anchor="end")
            for name, score in runs.items():
                colour, middle = COLOURS[names.index(name)], y + 5 + ROW / 2
                value, (low, high) = 100 * score["value"], (100 * bound for bound in score["ci95"])
                drawing.line(left + scale * low, middle, left + scale * high, middle, colour, 2)
                drawing.dot(left + scale * value, middle, 4.5, colour)
                drawing.text(left + PLOT + VALUE, middle + 4, f"{value:.1f}", colour, size=12, anchor="end")
                told.append(f"{benchmark}, {level}, {name}: {value:.1f}")
                y += ROW
            y += 10
            if level.startswith(ALL):
                drawing.line(EDGE, y - 5, width - EDGE, y - 5, RULE)
        y = bottom + 40
    return drawing.render(width, y - 40 + 15 + EDGE, f"pass@1 in per cent. {'; '.join(told)}.")
