"""Flags and settings of models behind a server."""

import pytest

import eval_cert
import eval_cert_unified
from nl2code.errors import UserError
from nl2code.sampling.endpoint import EndpointSampler, Refused
from nl2code.sampling.prompts import Request
from scripts.generating.backends import open_sampler
from scripts.generating.names import file_name
from scripts.generating.options import parse_args
from scripts.settings import Settings


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["-model", "a/b", "--base_url", "http://x/v1"], "--base_url is for models behind a server"),
        (["-model", "a/b", "--concurrency", "2"], "--concurrency"),
        (["-model", "openai:m"], "needs --base_url"),
        (["-model", "openai:", "--base_url", "http://x/v1"], "lacks the model's name"),
        (["-model", "openai:m", "--base_url", "http://x/v1", "--dtype", "float16"], "--dtype"),
        (["-model", "openai:m", "--base_url", "http://x/v1", "--device", "cpu"], "--device"),
        (["-model", "openai:m", "--base_url", "http://x/v1", "-gpu", "0"], "--gpu_device is for models of this"),
        (["-model", "openai:m", "--base_url", "http://x/v1", "-b", "3"], "--batch_size"),
    ],
)
def test_flags_that_would_change_nothing(capsys, flags, told):
    with pytest.raises(SystemExit):
        eval_cert.main(flags)
    assert told in capsys.readouterr().err


def test_processes_share_the_requests_of_a_minute(monkeypatch):
    flags = ["-model", "openai:m", "--base_url", "http://x/v1", "--requests_per_minute", "60"]
    args = parse_args(flags, "", two_stages=False)
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert open_sampler("openai:m", args)._interval == 4  # seconds between requests of one of them


def test_a_server_that_no_stage_asks(capsys):
    flags = ["-sketcher", "a/b", "-generator", "openai:m", "--base_url", "http://x/v1", "--base_url2", "http://y/v1"]
    with pytest.raises(SystemExit):
        eval_cert_unified.main(flags)
    assert "--base_url changes nothing beside --base_url2, a/b is not behind a server" in capsys.readouterr().err


def test_settings_of_the_shell(tmp_path):
    places = {"DATA_DIR": f"{tmp_path}/data", "RESULTS_DIR": f"{tmp_path}/results", "CERT_PYTHON": "python"}
    served = {"MODEL_VERSION": "openai:a/b:7b", "BASE_URL": "http://x/v1", "CONCURRENCY": "3"}
    found = Settings("run_generating_codes.sh", [], {**places, **served})
    assert found.shell["PROGRAM"] == "eval_cert.py" and found.shell["MODELS"] == ["-model", "openai:a/b:7b"]
    assert found.shell["SAMPLING_FLAGS"] == ["--base_url", "http://x/v1", "--concurrency", "3"]
    for wrong, told in (
        ({"MODEL_VERSION": "openai:m"}, "needs BASE_URL"),
        ({"MODEL_VERSION": "openai:", "BASE_URL": "http://x/v1"}, "MODEL_VERSION=openai: is not there"),
        ({**served, "BASE_URL": "localhost:8000"}, "is not an address"),
        ({**served, "BASE_MODEL": "openai:m"}, "BASE_MODEL=openai:m is not there"),
    ):
        with pytest.raises(UserError, match=told):
            Settings("run_generating_codes.sh", [], {**places, **wrong})
    base = Settings("run_generating_codes.sh", [], {**places, **served, "MODEL_VERSION": "base"})
    assert base.notes == ["BASE_URL changes nothing for base", "CONCURRENCY changes nothing for base"]
    assert "--base_url" not in base.shell["SAMPLING_FLAGS"]


def test_names_tell_what_decides_the_samples():
    assert "_chat_r4" in file_name({"num_samples": 1, "endpoint": "chat", "samples_per_request": 4}, {})


@pytest.mark.parametrize(
    "url",
    [
        *("localhost:8000", "ftp://x/v1", "http://user:pw@x/v1", "http://x/v1?key=3", "http://[x/v1"),
        *("http://x:port/v1", "http://x:99999/v1", "http://x y/v1", "http://x/\u00e9"),
    ],
)
def test_addresses_that_are_none(url):
    with pytest.raises(UserError, match="--base_url"):
        EndpointSampler("m", url)


@pytest.mark.parametrize("end", ["\nsecond line", "\u20ac"])
def test_a_key_that_cannot_be_sent_is_not_told(monkeypatch, end):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-4711" + end)
    settings = {"temperature": 0.8, "top_p": 0.9, "max_new_tokens": 12, "seed": 7}
    with pytest.raises(UserError, match="OPENAI_API_KEY holds line breaks") as raised:
        EndpointSampler("m", "http://127.0.0.1:9/v1").sample_many([Request("x =", "T", 0, 1)], **settings)
    assert "secret" not in str(raised.value)


def test_auto_does_not_mix_endpoints():
    """A prompt that is refused after another one was completed."""

    class Late(EndpointSampler):
        def _ask_at(self, kind, *_):
            assert kind == "completions"
            self.endpoint = "completions"  # as another thread sets it
            raise Refused(self.base_url, 400, "prompt too long")

    with pytest.raises(Refused, match="prompt too long"):
        Late("m", "http://127.0.0.1:9/v1")._ask("x = ", 1, {})
