"""The playground in a browser, by Gradio: components and events alone. `serve` is started by scripts/playground.py."""

import os
from collections.abc import Sequence
from dataclasses import fields

from nl2code.errors import UserError
from scripts.generating.playground import Playground, Wish
from scripts.reporting.playground_page import message, page_of, style

OWN = "a prompt of your own"
COLUMNS = ["run", "prompt", "result", "settings"]
STRATEGIES = ["popular", "each", "top-1", "top-2", "top-3", "top-5", "greedy"]
START = "Choose a problem or write the beginning of a program, then run."
# name of a field of Wish -> explanation, lowest, highest value, step
NUMBERS = {
    "n": ("samples", 1, 50, 1),
    "temperature": ("of the sketcher", 0, 2, 0.05),
    "temperature2": ("of the generator", 0, 2, 0.05),
    "top_p": ("nucleus sampling", 0.05, 1, 0.05),
    "max_tokens": ("new ones per sample", 1, 512, 1),
    "seed": ("of all draws", 0, 2**31 - 1, 1),
}


def quiet_gradio():
    """The package, told to send nothing anywhere. Raises UserError where it is not installed."""
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    try:
        import gradio
    except ImportError as error:
        advice = "pip install -r requirements-demo.txt, or give --cli"
        raise UserError(f"the page needs the package gradio ({error}): {advice}") from error
    return gradio


def build(playground: Playground, wish: Wish):
    """The page; `wish` holds the first values of the settings."""
    gr = quiet_gradio()

    def prompt_of(task_id: str) -> str:
        return "" if task_id == OWN else playground.problem(task_id)["prompt"]

    def task_of(task_id: str, prompt: str) -> str:
        return task_id if prompt == prompt_of(task_id) else OWN

    def run(task_id: str, prompt: str, history: list, strategy: str, *numbers):
        try:
            found = playground.run(prompt, wish_of(strategy, numbers), "" if task_id == OWN else task_id)
        except UserError as error:
            return message(str(error), is_error=True), history, rows_of(history)
        history = [*history, found]
        return page_of(found), history, rows_of(history)

    def again(history: list, event: gr.SelectData) -> str:
        return page_of(history[int(event.row_value[0]) - 1])

    with gr.Blocks(title="CERT playground", analytics_enabled=False) as page:
        gr.HTML(message(f"Sketcher and generator: {playground.models.note}.", heading="CERT playground"))
        history = gr.State([])
        with gr.Row():
            with gr.Column(scale=5):
                task = gr.Dropdown([OWN, *playground.problems], value=OWN, label="problem", elem_id="task")
                prompt = gr.Textbox(label="prompt", lines=12, max_lines=24, elem_id="prompt")
                button = gr.Button("Run", variant="primary", elem_id="run")
                with gr.Group():
                    choices = STRATEGIES if wish.strategy in STRATEGIES else [wish.strategy, *STRATEGIES]
                    strategy = gr.Dropdown(choices, value=wish.strategy, label="sketches for the generator")
                    with gr.Row():
                        numbers = [
                            gr.Number(
                                getattr(wish, name),
                                label=name,
                                info=about,
                                minimum=low,
                                maximum=high,
                                step=step,
                                min_width=150,
                                elem_id=name,
                            )
                            for name, (about, low, high, step) in NUMBERS.items()
                        ]
            with gr.Column(scale=6):
                shown = gr.HTML(message(START), elem_id="shown")
        table = gr.Dataframe(
            headers=COLUMNS,
            interactive=False,
            wrap=True,
            column_widths=["5%", "35%", "25%", "35%"],
            label="runs of this session; click one to see it again",
            elem_id="history",
        )
        task.input(prompt_of, task, prompt, show_progress="hidden", api_visibility="private")
        prompt.change(task_of, [task, prompt], task, queue=False, show_progress="hidden", api_visibility="private")
        inputs, outputs = [task, prompt, history, strategy, *numbers], [shown, history, table]
        button.click(run, inputs, outputs, api_visibility="private")
        table.select(again, history, shown, api_visibility="private")
    return page


def wish_of(strategy: str, numbers: Sequence[float | None]) -> Wish:
    """The settings of a run; `numbers` in the order of NUMBERS. Raises UserError where a field is empty."""
    values = dict(zip(NUMBERS, numbers, strict=True))
    for name, value in values.items():
        if value is None:
            low, high = NUMBERS[name][1:3]
            raise UserError(f"the field {name} is empty; give a number from {low} to {high}")
    kinds = {field.name: field.type for field in fields(Wish)}
    return Wish(strategy=strategy, **{name: kinds[name](value) for name, value in values.items()})


def rows_of(history: list) -> list[list]:
    """The table of a session's runs, newest first."""
    rows = [
        [number, found.task_id or found.prompt.strip()[-60:], found.summary, str(found.wish)]
        for number, found in enumerate(history, 1)
    ]
    return rows[::-1]


def serve(playground: Playground, wish: Wish, port: int | None) -> None:
    """Serve the page on 127.0.0.1 until Ctrl-C. Raises UserError where the port is taken."""
    gr = quiet_gradio()
    page = build(playground, wish).queue(max_size=8, default_concurrency_limit=1)
    try:
        page.launch(
            server_name="127.0.0.1",
            server_port=port,
            share=False,
            theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            css=style(),
            footer_links=[],
            enable_monitoring=False,
            mcp_server=False,
            run_history=False,
            ssr_mode=False,
            pwa=False,
            quiet=True,  # else it advertises public links
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise UserError(f"--port {port or '7860 and those after it'}: taken; give another --port") from error
    print(f"the page is at {page.local_url} until Ctrl-C", flush=True)
    page.block_thread()
