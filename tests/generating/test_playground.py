"""The playground: models by default, runs in the terminal and in a browser, nothing hostile gets through.

The browser's test needs gradio (requirements-demo.txt), playwright and a Chromium.
"""

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
import tiny

from nl2code.errors import UserError
from nl2code.sampling import Completion
from scripts import playground as command
from scripts.generating import playground as logic
from scripts.generating.playground import RAISED, RAN, Answer, Models, Playground, Result, Wish, find_models, judge

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "import pandas as pd\n# <img src=x onerror=alert(1)> ${alert(2)} {{7*7}} </code>\nprint('<b>shown</b>')\n"


class Script:
    """A stand-in for `Sampler` that writes given texts."""

    def __init__(self, *texts: str):
        self.texts = texts

    def sample_many(self, requests, **settings):
        return [
            [Completion(text, text, 1, "eos") for text in (self.texts * request.count)[: request.count]]
            for request in requests
        ]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[str]:
    """Flags that name a tiny sketcher and generator."""
    folder = tmp_path_factory.mktemp("tiny")
    sketcher, generator = (str(tiny.save_tiny(folder / name, seed)) for seed, name in enumerate(("s", "g")))
    return ["-sketcher", sketcher, "-generator", generator, "-l", "8"]


@pytest.fixture(scope="module")
def scripted(models) -> Playground:
    """A playground whose models are `Script`s."""
    one = Playground(Models(models[1], models[3], "tiny"), "Pandas")
    one.sketcher = Script("df[df[string] >= number]", "df.query(string)", "df[df[string] >= number]")
    one.generator = Script('df[df["age"] >= 18]', 'df[df["age"] > 18]', 'df[df["Age"] >= 18]')
    return one


def test_the_test_of_a_problem_decides(scripted):
    problem = scripted.problem("CertPandas/0")
    found = scripted.run(problem["prompt"], Wish(n=6), "CertPandas/0")
    assert found.sketches == [("df[df[string] >= number]", 4), ("df.query(string)", 2)]
    assert found.used == {"df[df[string] >= number]"} and found.layer in ("bubblewrap", "landlock")
    told = [(a.code, a.count, a.case, a.verdict, a.detail.partition(":")[0]) for a in found.answers]
    assert told == [
        ('df[df["age"] >= 18]', 2, 1, "passed", ""),
        ('df[df["age"] > 18]', 2, 1, "failed", "assertion"),
        ('df[df["Age"] >= 18]', 2, 1, "failed", "KeyError"),
    ]
    assert found.summary == "2 of 6 samples pass the test of CertPandas/0"


def test_a_changed_prompt_is_run_without_the_test(scripted):
    prompt = "import pandas as pd\ndf = pd.DataFrame({'age': [17, 18, 40]})\nold = "
    found = scripted.run(prompt, Wish(n=3), "CertPandas/0")
    assert not found.task_id and found.summary == "2 of 3 samples run without an exception"
    outputs = {answer.code: (answer.verdict, answer.detail, answer.output) for answer in found.answers}
    assert outputs['df[df["age"] >= 18]'] == (RAN, "", "old =\n   age\n1   18\n2   40")
    assert outputs['df[df["Age"] >= 18]'] == (RAISED, "KeyError: 'Age' (line 3)", "")


def test_what_programs_show():
    expected = {
        "print(1)\n2 + 3": (RAN, "", "1\n5"),
        "x = None": (RAN, "", ""),
        "if True:\n    __name__": (RAN, "", ""),
        "__name__": (RAN, "", "'__main__'"),
        "print('before')\n1 / 0": (RAISED, "ZeroDivisionError: division by zero (line 2)", "before"),
        "def f(:": (RAISED, "SyntaxError: invalid syntax (line 1)", ""),
        "raise SystemExit(3)": (RAISED, "SystemExit: 3 (line 1)", ""),
        "class Shown(Exception): pass\nraise Shown('passed')": (RAISED, "Shown: passed (line 2)", ""),
        "import os\nos._exit(0)": (RAISED, "exit: status 0 before the tests ended", ""),
        "'''\"\\'''": (
            RAISED,
            "SyntaxError: unterminated triple-quoted string literal (detected at line 1) (line 1)",
            "",
        ),
    }
    verdicts, _ = judge({code: code for code in expected}, None)
    assert verdicts == expected
    long, _ = judge({"x": "print('é' * 5000)"}, None)
    assert long["x"][2].endswith("é\n[cut here]") and 900 < len(long["x"][2]) < 1000


def test_programs_run_in_the_sandbox_alone(tmp_path):
    mark = tmp_path / "mark"
    mark.write_text("unread")
    attacks = [f"open({str(mark)!r}).read()", f"open({str(mark)!r}, 'w').write('x')"]
    attacks += ["import socket\nsocket.create_connection(('127.0.0.1', 9))", "import os\nos.fork()"]
    verdicts, _ = judge({code: code for code in attacks}, None)
    assert [verdicts[code][0] for code in attacks] == [RAISED] * 4 and mark.read_text() == "unread"


def test_models_by_default(tmp_path, monkeypatch):
    def put(folder: Path, when: int = 0) -> str:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_text("weights")
        os.utime(folder, (when, when))
        return str(folder)

    monkeypatch.setattr("nl2code.models.MODELS_DIR", tmp_path / "models")
    nothing = find_models("Pandas", str(tmp_path))
    assert (nothing.sketcher, nothing.generator) == ("smollm2-135m", "smollm2-135m") and "stands in" in nothing.note
    shipped = [put(tmp_path / "models" / f"{stage}-pandas") for stage in ("sketcher", "generator")]
    found = find_models("Pandas", str(tmp_path))
    assert [str(tmp_path / "models" / name) for name in (found.sketcher, found.generator)] == shipped
    runs = tmp_path / "Pandas/experiments"
    put(runs / "generator_models/half/model", 9)  # without a sketcher
    pairs = {
        run: tuple(put(runs / f"{stage}_models" / run / "model", when) for stage in ("sketcher", "generator"))
        for run, when in (("late", 8), ("early", 7))
    }
    found = find_models("Pandas", str(tmp_path))
    assert (found.sketcher, found.generator) == pairs["late"] and "late" in found.note
    assert find_models("Numpy", str(tmp_path)) == find_models("Numpy", str(tmp_path / "none"))


def test_in_the_terminal(models, capsys, monkeypatch, tmp_path):
    assert command.main(["--cli", "--task", "CertPandas/0", "-n", "3", *models]) == 0
    shown = capsys.readouterr()
    assert "different sketches of 3 (popular)" in shown.out and "answer 1: " in shown.out
    assert "samples pass the test of CertPandas/0 (sandbox: " in shown.out and "models: " in shown.err
    own = ["--cli", "-n", "2", "-t", "1", "--sketch_strategy", "each", *models]
    monkeypatch.setattr("sys.stdin", io.StringIO("x = 5\ny = "))
    assert command.main(own) == 0
    first, marker = capsys.readouterr().out, "samples run without an exception"
    (tmp_path / "p.py").write_text("x = 5\ny = \n")
    assert command.main([*own, "--prompt", str(tmp_path / "p.py")]) == 0
    assert marker in first and capsys.readouterr().out.split(marker)[0] == first.split(marker)[0]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--cli", "--task", "Nope/0"], "no task 'Nope/0'"),
        (["--cli", "--problems", "nope.jsonl", "--task", "x"], "no problem file at nope.jsonl"),
        (["--cli", "--problems", "Pandsa", "--prompt", os.devnull], "'Pandsa'"),
        (["--cli", "--prompt", "/nonexistent"], "/nonexistent"),
        (["--cli", "--prompt", os.devnull], "the prompt is empty"),
    ],
)
def test_errors_are_one_line_before_models_are_loaded(models, capsys, monkeypatch, flags, told):
    monkeypatch.setattr(command, "Playground", None)
    assert command.main([*flags, *models]) == 1
    (line,) = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("error: ") and told in line


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--task", "CertPandas/0"], "are for --cli"),
        (["--cli", "--port", "80"], "is for the page"),
        (["--cli", "-sketcher", "x"], "belong together"),
        (["--cli", "--task", "a", "--prompt", "b"], "leave one out"),
        (["-sketcher", "x", "-generator", "y", "-base", "smollm2-135m"], "-base and --data_dir change nothing"),
        (["-sketcher", "x", "-generator", "y", "--data_dir", "z"], "-base and --data_dir change nothing"),
        (["-n", "51"], "not a whole number from 1 to 50"),
    ],
)
def test_flags_that_would_change_nothing_are_refused(capsys, flags, told):
    with pytest.raises(SystemExit):
        command.main(flags)
    assert told in capsys.readouterr().err


def test_without_gradio_the_error_says_what_to_install(models, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert command.main(models) == 1
    told = capsys.readouterr().err
    assert (
        told.startswith("error: the page needs the package gradio") and "requirements-demo.txt, or give --cli" in told
    )


def test_an_empty_field_of_the_page_is_named():
    from scripts.reporting.playground_app import wish_of

    assert wish_of("each", [10.0, 0.2, 0.4, 0.9, 100.0, 42.0]) == Wish(temperature2=0.4, strategy="each")
    with pytest.raises(UserError, match="the field max_tokens is empty; give a number from 1 to 512"):
        wish_of("each", [10, 0.2, 0.4, 0.9, None, 42])


def test_served_models_are_refused():
    with pytest.raises(Exception, match="models of this machine only"):
        Playground(Models("openai:x", "openai:x", ""))


def test_hostile_text_is_escaped():
    from scripts.reporting.playground_page import message, page_of

    evil = "<script>alert(1)</script>"
    answer = Answer(f"x = '{evil}'", 1, evil, 1, RAN, evil, evil)
    found = Result(evil, evil, Wish(strategy=evil), [(evil, 1)], [answer], evil, (0, 0))
    for page in (page_of(found), message(evil, heading=evil), message(evil, is_error=True)):
        assert "<script" not in page and "alert(1)" in page.replace("</span>", "").replace('<span class="', "")
    text = logic.as_text(Result("", "", Wish(), [("\x1b[2J", 1)], [], "", (0, 0)))
    assert "\x1b" not in text and "\\x1b[2J" in text


@pytest.fixture(scope="module")
def address(models):
    """A playground that runs as users start it."""
    pytest.importorskip("gradio", reason="no page: pip install -r requirements-demo.txt")
    pytest.importorskip("playwright.sync_api", reason="no browser: pip install playwright")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'pandas-numpy-eval'}", "GRADIO_SHARE": "true"}
    environment["GRADIO_SERVER_NAME"] = "0.0.0.0"  # neither counts
    command = [sys.executable, "-m", "scripts.playground", "--port", str(port), "-n", "3", *models]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        with suppress(OSError):
            urllib.request.urlopen(address, timeout=5)
            break
        assert server.poll() is None, server.stdout.read().decode()
        time.sleep(0.5)
    yield address
    server.terminate()
    told = server.communicate(timeout=30)[0].decode()
    assert f"the page is at {address}/" in told and "gradio.live" not in told and "share" not in told


@pytest.mark.slow
def test_a_port_that_is_taken(models, capsys):
    pytest.importorskip("gradio", reason="no page: pip install -r requirements-demo.txt")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert command.main(["--port", str(port), *models]) == 1
    assert f"error: --port {port}: taken; give another" in capsys.readouterr().err


@pytest.mark.slow
def test_the_page_is_for_this_machine_alone(address):
    port, listening = f":{int(address.rpartition(':')[2]):04X}", "0A"
    rows = [line.split() for file in ("tcp", "tcp6") for line in Path("/proc/net", file).read_text().split("\n")[1:-1]]
    assert [row[1] for row in rows if row[1].endswith(port) and row[3] == listening] == ["0100007F" + port]


@pytest.mark.slow
def test_in_a_browser(address):
    from playwright import sync_api

    system = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    complaints = []
    with sync_api.sync_playwright() as running:
        try:
            browser = running.chromium.launch(executable_path=system, args=["--no-sandbox"])
        except sync_api.Error as error:
            pytest.skip(f"no browser: {str(error).split(chr(10))[0]}")
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.on("console", lambda one: complaints.extend([one.text] * (one.type in ("error", "warning"))))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda one: complaints.extend([one.url] * (not one.url.startswith((address, "data:")))))
        page.goto(address)
        shown = page.locator("#shown")
        page.locator("#prompt textarea").fill(HOSTILE)
        page.locator("#run").click()
        sync_api.expect(shown).to_contain_text("of 3 samples run without an exception", timeout=60_000)
        assert "Sketches" in shown.inner_text() and shown.locator(".verdict").first.inner_text() in (RAN, RAISED)
        shown.locator("summary").click()
        assert "<img src=x onerror=alert(1)> ${alert(2)} {{7*7}} </code>" in shown.inner_text()
        assert page.locator("img[src=x]").count() == 0 and shown.locator("b").count() == 0
        page.locator("#task input").click()
        page.get_by_role("option", name="CertPandas/0", exact=True).click()
        sync_api.expect(page.locator("#prompt textarea")).to_have_value(re.compile("def adults"))
        page.locator("#run").click()
        sync_api.expect(shown).to_contain_text("pass the test of CertPandas/0", timeout=60_000)
        assert shown.locator(".verdict").first.inner_text() in ("passed", "failed")
        page.locator("#history [role=gridcell]", has_text="without an exception").first.click()
        sync_api.expect(shown).to_contain_text("run without an exception")
        page.locator("#prompt textarea").fill("")
        sync_api.expect(page.locator("#task input")).to_have_value("a prompt of your own")
        page.locator("#run").click()
        sync_api.expect(shown).to_contain_text("the prompt is empty")
        assert page.evaluate("document.documentElement.scrollWidth") == 1400
        browser.close()
    assert complaints == []
