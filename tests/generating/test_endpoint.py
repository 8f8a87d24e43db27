"""Models behind a server, against a stub on loopback: what is asked, what is made of the answers, and what fails how."""

import email.utils
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import tiny

import eval_cert
import eval_cert_unified
from nl2code.errors import UserError
from nl2code.sampling import chat, endpoint
from nl2code.sampling.endpoint import EndpointSampler
from nl2code.sampling.prompts import PromptTooLong, Request
from nl2code.sampling.server import retry_after

KEY = "sk-secret-4711"
PROTOCOLS = Path(__file__).resolve().parents[2] / "configs/generating"
SETTINGS = {"temperature": 0.8, "top_p": 0.9, "max_new_tokens": 12, "seed": 7}
TASKS = [
    {"task_id": "T/0", "prompt": "def f(x):\n    return ", "entry_point": "f", "canonical_solution": ["x"]},
    {"task_id": "T/1", "prompt": "df = ", "entry_point": "none", "canonical_solution": ["1"]},
    {"task_id": "T/2", "prompt": "# rows\n", "entry_point": "none", "canonical_solution": ["rows = 1"]},
]


class Stub(ThreadingHTTPServer):
    """A server that answers with what `reply(path, body)` returns: (status, JSON value or text, headers)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.times, self.keys, self.reply = [], [], [], self.completions
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    @staticmethod
    def completions(path, body):
        """Text that is a function of the seed and of the choice's number; chat is not there."""
        if path != "/v1/completions":
            return 404, {"error": {"message": "no such path"}}, {}
        texts = [f" {body['seed']}_{i}\nif x:" for i in range(body.get("n", 1))]
        choices = [{"text": text, "finish_reason": "stop"} for text in texts]
        return 200, {"choices": choices, "model": "served-1", "system_fingerprint": "fp_1"}, {}

    @staticmethod
    def chat(path, body):
        if path != "/v1/chat/completions":
            return 404, "no such path", {}
        text = f"<think>hm</think>Here:\n```python\ndf = f({body['seed']})\n```\nDone."
        return 200, {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "model": "talker"}, {}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        self.server.times.append(time.monotonic())
        self.server.keys.append(self.headers["Authorization"])
        status, value, headers = self.server.reply(self.path, body)
        data = (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(endpoint.random, "uniform", lambda low, high: 0.001)
    server = Stub()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "Tiny.jsonl"
    path.write_text("".join(json.dumps({**task, "test": "def check(f=0):\n    assert f"}) + "\n" for task in TASKS))
    return path


def evaluate(stub, problems, output, *more):
    arguments = ["-model", "openai:org/model:7b", "--base_url", stub.url, "-d", problems, "-n", 4, "-o", output, *more]
    return eval_cert.main([str(argument) for argument in arguments])


def rows_of(path):
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def test_completions_end_to_end(stub, problems, tmp_path, monkeypatch):
    """Each sample has a request with a seed of its own; the record says who answered; the key is in no file."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    output = tmp_path / "out/x.samples.jsonl"
    assert evaluate(stub, problems, output, "-l", 12) == 0
    rows = rows_of(output)
    assert [(row["task_id"], row["sample_id"]) for row in rows] == [(f"T/{t}", i) for t in range(3) for i in range(4)]
    assert {path for path, _ in stub.asked} == {"/v1/completions"} and set(stub.keys) == {f"Bearer {KEY}"}
    bodies = [body for _, body in stub.asked]
    assert len({body["seed"] for body in bodies}) == 12 == len(bodies)
    assert {(body["model"], body["max_tokens"], len(body["stop"])) for body in bodies} == {("org/model:7b", 12, 4)}
    assert {body["prompt"] for body in bodies} == {"def f(x):\n    return", "df =", "# rows\n"}  # no blanks at the end
    assert rows[0]["completion"] == rows[0]["raw"].removesuffix("\nif x:") and rows[0]["raw"][0] != " "
    assert rows[8]["raw"][0] == " " and rows[0]["finish"] == "boundary" and "answer" not in rows[0]
    meta = json.loads((tmp_path / "out/x.meta.json").read_text())
    about = {"base_url": stub.url, "endpoint": "completions", "model": "served-1", "system_fingerprint": "fp_1"}
    assert meta["run"]["servers"] == [about] and list(meta["inputs"]) == ["benchmark"]
    expected = {"served": {"model": "org/model:7b"}, "seed": 42, "endpoint": "auto", "dtype": None, "unit_size": 50}
    assert expected.items() <= meta["settings"].items()
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and KEY in file.read_text()]


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_protocol_file_may_hold_what_a_server_decides(stub, problems, tmp_path, protocol):
    flags = ["-model", "openai:m", "--base_url", stub.url, "-d", problems, "-n", 1, "-t", 0.2]
    assert eval_cert.main(list(map(str, [protocol, *flags, "-o", tmp_path / "x.samples.jsonl"]))) == 0
    assert json.loads((tmp_path / "x.meta.json").read_text())["settings"]["dtype"] is None


def test_a_sample_depends_on_its_number_alone(stub, problems, tmp_path):
    """Not on n, units, concurrency or the order of answers."""
    assert evaluate(stub, problems, tmp_path / "a.samples.jsonl", "-u", 3, "--concurrency", 5) == 0
    assert evaluate(stub, problems, tmp_path / "b.samples.jsonl", "-n", 6, "--concurrency", 1) == 0
    longer = {(row["task_id"], row["sample_id"]): row for row in rows_of(tmp_path / "b.samples.jsonl")}
    rows = rows_of(tmp_path / "a.samples.jsonl")
    assert rows and all(longer[row["task_id"], row["sample_id"]] == row for row in rows)
    assert evaluate(stub, problems, tmp_path / "c.samples.jsonl", "--seed", 43) == 0
    assert rows_of(tmp_path / "c.samples.jsonl") != rows


def test_several_samples_of_one_request(stub):
    sampler = EndpointSampler("m", stub.url, samples_per_request=4)
    (samples,) = sampler.sample_many([Request("x =", "T", 2, 7)], **SETTINGS)
    assert sorted(body.get("n", 1) for _, body in stub.asked) == [1, 2, 4]
    assert len(samples) == 7 == len({sample.raw for sample in samples})


def test_a_server_that_ignores_n_is_asked_again(stub):
    stub.reply = lambda path, body: Stub.completions(path, {**body, "n": 1})
    sampler = EndpointSampler("m", stub.url, samples_per_request=3)
    (samples,) = sampler.sample_many([Request("x =", "T", 0, 3)], **SETTINGS)
    assert [body.get("n", 1) for _, body in stub.asked] == [3, 2, 1]
    assert len({sample.raw for sample in samples}) == 3
    stub.reply = lambda path, body: Stub.completions(path, {**body, "n": 5})  # and one that gives too many
    (samples,) = sampler.sample_many([Request("x =", "T", 0, 2)], **SETTINGS)
    assert len(samples) == 2


def test_auto_turns_to_chat(stub, problems, tmp_path):
    stub.reply = Stub.chat
    assert evaluate(stub, problems, tmp_path / "x.samples.jsonl", "--tasks", "T/1", "--concurrency", 1) == 0
    assert [path for path, _ in stub.asked].count("/v1/completions") == 1
    body = stub.asked[-1][1]
    assert body["messages"] == [{"role": "user", "content": chat.INSTRUCTION.format("df = ")}]
    assert "stop" not in body and body["max_tokens"] > 100
    for row in rows_of(tmp_path / "x.samples.jsonl"):
        assert row["completion"].startswith("f(") and row["answer"].endswith("Done.") and row["finish"] == "eos"
    assert json.loads((tmp_path / "x.meta.json").read_text())["run"]["servers"][0]["endpoint"] == "chat"
    stub.asked.clear()
    with pytest.raises(UserError, match="/v1/completions: HTTP 404: no such path; correct the model's name"):
        EndpointSampler("m", stub.url, "completions").sample_many([Request("x", "T", 0, 1)], **SETTINGS)
    assert len(stub.asked) == 1


def test_newer_models_want_another_name_of_the_limit(stub):
    def reply(path, body):
        if "max_tokens" in body:
            return 400, {"error": {"message": "Use 'max_completion_tokens' instead."}}, {}
        return Stub.chat(path, body)

    stub.reply = reply
    sampler = EndpointSampler("m", stub.url, "chat", concurrency=6)
    (samples,) = sampler.sample_many([Request("df = ", "T", 0, 12)], **SETTINGS)
    assert len(samples) == 12 and len(stub.asked) <= 18


def test_busy_servers_are_asked_again_and_retry_after_is_kept(stub):
    answers = iter([(429, "slow down", {"Retry-After": "0.3"}), (503, "starting", {})])
    stub.reply = lambda path, body: next(answers, None) or Stub.completions(path, body)
    sampler = EndpointSampler("m", stub.url, "completions")
    assert len(sampler.sample_many([Request("x =", "T", 0, 1)], **SETTINGS)[0]) == 1
    assert len(stub.times) == 3 and 0.3 <= stub.times[1] - stub.times[0] < 2 and stub.times[2] - stub.times[1] < 0.25
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    assert 95 < retry_after(date) <= 100 and retry_after("soon") is None


def test_waits_grow(stub, monkeypatch):
    waits = []
    monkeypatch.setattr(endpoint.random, "uniform", lambda low, high: high)
    sampler = EndpointSampler("m", stub.url, "completions")
    monkeypatch.setattr(sampler._stopped, "wait", waits.append)
    stub.reply = lambda path, body: (500, "broken", {})
    with pytest.raises(UserError):
        sampler._ask("x", 3, {})
    assert waits == [2, 4, 8, 16, 32] and len(stub.asked) == endpoint.ATTEMPTS


def test_requests_per_minute(stub):
    sampler = EndpointSampler("m", stub.url, "completions", requests_per_minute=600)
    sampler.sample_many([Request("x =", "T", 0, 4)], **SETTINGS)
    gaps = [b - a for a, b in zip(sorted(stub.times), sorted(stub.times)[1:], strict=False)]
    assert len(gaps) == 3 and sorted(stub.times)[-1] - min(stub.times) > 0.27


@pytest.mark.parametrize("per_minute", [0, 1])
def test_after_a_failure_nothing_is_asked(stub, per_minute):
    """By those that wait for their turn, and those that lack samples."""
    sampler = EndpointSampler("m", stub.url, "completions", requests_per_minute=per_minute)
    sampler._stopped.set()
    with pytest.raises(UserError, match="another request failed"):
        sampler._samples(Request("x =", "T", 0, 1), 3, 7, 0.8, 0.9)
    assert stub.asked == []


def test_a_lasting_failure_ends_in_one_line_and_finished_units_stay(stub, problems, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    output = tmp_path / "x.samples.jsonl"
    assert evaluate(stub, problems, tmp_path / "whole.samples.jsonl", "-u", 4) == 0

    def reply(path, body):
        if body["prompt"] == "# rows\n":
            return 500, f"broken, your key is {KEY}", {}
        return Stub.completions(path, body)

    stub.reply, stub.asked[:] = reply, []
    capsys.readouterr()
    assert evaluate(stub, problems, output, "-u", 4) == 1
    error = [line for line in capsys.readouterr().err.replace("\r", "\n").split("\n") if line.startswith("error")]
    assert len(error) == 1 and "HTTP 500: broken, your key is ***" in error[0] and f"{stub.url}/completions" in error[0]
    assert "run the same command again" in error[0] and not output.exists()
    assert len(list((tmp_path / "x.parts").glob("*.jsonl"))) == 2
    stub.reply, stub.asked[:] = Stub.completions, []
    assert evaluate(stub, problems, output, "-u", 4) == 0
    assert [body["prompt"] for _, body in stub.asked] == ["# rows\n"] * 4
    assert output.read_bytes() == (tmp_path / "whole.samples.jsonl").read_bytes()
    assert len(json.loads((tmp_path / "x.meta.json").read_text())["run"]["servers"]) == 1


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ((200, "<html>", {}), "JSONDecodeError"),
        ((200, "[1]", {}), "no JSON object"),
        ((200, "[" * 200_000, {}), "RecursionError"),
        ((200, {"detail": "hello"}, {}), "without choices"),
        ((200, {"choices": []}, {}), "without choices"),
        ((200, {"choices": [{"text": None}]}, {}), "without text"),
        ((200, {"choices": [3]}, {}), "without text"),
        ((401, {"error": f"key {KEY}"}, {}), "OPENAI_API_KEY"),
        ((307, "", {"Location": "http://127.0.0.1:9/"}), "redirects"),
        ((429, "", {"Retry-After": "86400"}), "requests_per_minute"),
        ((400, "context too long", {}), "context too long; shorten the prompt, or lower -l/--max_tokens"),
    ],
)
def test_odd_answers_are_one_line(stub, monkeypatch, reply, told):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    stub.reply = lambda path, body: reply
    with pytest.raises(UserError, match=told) as raised:
        EndpointSampler("m", stub.url).sample_many([Request("x =", "T", 0, 2)], **SETTINGS)
    assert stub.url in str(raised.value) and KEY not in str(raised.value) and "\n" not in str(raised.value)


def test_a_failure_does_not_wait_for_a_request_that_hangs(stub):
    end = threading.Event()

    def reply(path, body):
        if body["prompt"] == "x =":
            end.wait(60)
        return 401, "", {}

    stub.reply = reply
    with pytest.raises(UserError, match="HTTP 401"):
        EndpointSampler("m", stub.url).sample_many([Request(text, "T", 0, 1) for text in ("x =", "y =")], **SETTINGS)
    assert not end.is_set()
    end.set()


def test_ctrl_c_ends_a_run_whose_server_hangs(problems, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        command = [
            sys.executable,
            eval_cert.__file__,
            "-model",
            "openai:m",
            "--base_url",
            url,
            "-d",
            problems,
            "-n",
            "2",
        ]
        run = subprocess.Popen(
            [*map(str, command), "-o", str(tmp_path / "x.samples.jsonl")],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # ignored in the background
        )
        connection, _ = server.accept()
        run.send_signal(signal.SIGINT)
        assert "run the same command again to resume" in run.communicate(timeout=30)[1] and run.returncode == 130
        connection.close()


@pytest.mark.parametrize("status", [400, 413])
def test_a_prompt_that_is_too_long_is_known_from_then_on(stub, status):
    """Once the others were asked, whose answers are kept."""
    told = "'max_completion_tokens' is too large. This model's maximum context length is 20 tokens"
    stub.reply = lambda path, body: (status, told, {}) if body["prompt"] == "long" else Stub.completions(path, body)
    sampler = EndpointSampler("m", stub.url, concurrency=1)
    requests = [Request("long", "T", 0, 2), Request("x =", "T", 0, 2)]
    for request in requests:
        sampler.encode(request.prompt, 12)
    with pytest.raises(PromptTooLong, match="context length is 20 tokens; shorten the prompt"):
        sampler.sample_many(requests, **SETTINGS)
    with pytest.raises(PromptTooLong):
        sampler.encode("long", 12)
    asked = len(stub.asked)
    assert len(sampler.sample_many(requests[1:], **SETTINGS)[0]) == 2 and len(stub.asked) == asked == 3
    assert len(sampler.sample_many(requests[1:], **SETTINGS)[0]) == 2 and len(stub.asked) == 5


def test_a_sketch_too_long_for_a_served_generator_is_left_out(stub, problems, tmp_path):
    def reply(path, body):
        if body["model"] == "s":
            text = "f(number)" * (20 if body["prompt"] == "df =" else 1)
            return 200, {"choices": [{"text": text, "finish_reason": "stop"}]}, {}
        too_long = len(body["prompt"]) > 100
        return (400, "prompt is too long", {}) if too_long else Stub.completions(path, body)

    stub.reply = reply
    arguments = ["-sketcher", "openai:s", "-generator", "openai:g", "--base_url", stub.url, "-d", problems, "-n", 2]
    assert eval_cert_unified.main(list(map(str, [*arguments, "-o", tmp_path / "x.samples.jsonl"]))) == 0
    sketches = [row["sketch"] for row in rows_of(tmp_path / "x.samples.jsonl")]
    assert sketches == ["f(number)"] * 2 + [""] * 2 + ["f(number)"] * 2
    bodies = [(body["prompt"], body["seed"]) for _, body in stub.asked if body["model"] == "g"]
    assert len(set(bodies)) == len(bodies)  # none is asked twice


def test_empty_answers_are_samples(stub):
    def reply(path, body):
        return 200, {"choices": [{"text": "", "message": {"content": None}, "finish_reason": "length"}]}, {}

    stub.reply = reply
    for kind in ("completions", "chat"):
        ((sample,),) = EndpointSampler("m", stub.url, kind).sample_many([Request("x =", "T", 0, 1)], **SETTINGS)
        assert (sample.text, sample.finish) == ("", "length")


def test_no_server_at_all(stub, problems, tmp_path, capsys):
    arguments = ["-model", "openai:m", "--base_url", "http://127.0.0.1:9/v1", "-d", problems, "-o", tmp_path / "x/"]
    assert eval_cert.main([str(argument) for argument in arguments]) == 1
    assert "start the server, or correct --base_url" in capsys.readouterr().err


@pytest.mark.parametrize("served", ["sketcher", "generator", "both"])
def test_the_stages_may_come_from_different_places(stub, problems, tmp_path, served):
    other = Stub()
    other.reply = Stub.chat
    local = tiny.save_tiny(tmp_path / "base")
    flags = {
        "sketcher": ["-sketcher", "openai:s", "-generator", local, "--base_url", stub.url],
        "generator": ["-sketcher", local, "-generator", "openai:g", "--base_url", other.url],
        "both": ["-sketcher", "openai:s", "-generator", "openai:g", "--base_url", stub.url, "--base_url2", other.url],
    }[served]
    arguments = [*flags, "-d", problems, "-n", 2, "-l", 8, "-o", tmp_path / "x.samples.jsonl"]
    assert eval_cert_unified.main([str(argument) for argument in arguments]) == 0
    assert len(rows_of(tmp_path / "x.samples.jsonl")) == 6
    meta = json.loads((tmp_path / "x.meta.json").read_text())
    assert set(meta["settings"]["served"]) == ({"sketcher", "generator"} if served == "both" else {served})
    assert meta["settings"]["backend"] == (None if served == "both" else "torch")
    other.shutdown()
    other.server_close()


def test_names_of_files(stub, problems, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["-model", "openai:org/model:7b", "--base_url", stub.url, "-d", problems, "-n", 1]
    assert eval_cert.main([str(argument) for argument in arguments]) == 0
    (file,) = tmp_path.glob("results/Tiny/openai_org_model_7b/*.samples.jsonl")
    assert file.name == "n1_t0.2_p0.9_l100_s42.samples.jsonl"


def test_a_refusal_that_is_cut_off_is_asked_again(stub, monkeypatch):
    monkeypatch.setattr(endpoint.random, "uniform", lambda low, high: 0.01)
    answers = iter([(503, "busy", {"Content-Length": "1000"})])
    stub.reply = lambda path, body: next(answers, None) or Stub.completions(path, body)
    sampler = EndpointSampler("m", stub.url, "completions")
    assert len(sampler.sample_many([Request("x =", "T", 0, 1)], **SETTINGS)[0]) == 1 and len(stub.asked) == 2
