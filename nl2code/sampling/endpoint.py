"""The interface of `nl2code.sampling.Sampler` on a server that speaks OpenAI's protocol: vLLM, llama.cpp, Ollama, hosted.

Completions are asked of `BASE_URL/completions`, or of `BASE_URL/chat/completions` (nl2code/sampling/chat.py). Each request
carries a seed made of (seed, task, first sample in it), so samples are as reproducible as the server's own `seed`; servers
that ignore it still give n draws, but other ones in every run. Blanks at the end of a prompt are not sent (tokens of code
begin with a blank); a completion that begins with them loses them.

The key is read from the environment variable OPENAI_API_KEY; it is neither written nor printed.
"""

import email.utils
import json
import os
import random
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from urllib.parse import urlsplit

from nl2code.errors import UserError
from nl2code.sampling import chat
from nl2code.sampling.prompts import Completion, PromptError, Request, sample_seed, valid_text

KINDS = ("auto", "completions", "chat")
STOP = ["\ndef", "\nclass", "\n#", "\nprint"]  # of BOUNDARIES: OpenAI takes four; truncation cuts at the others
ATTEMPTS = 6
LONGEST_WAIT = 600  # seconds
TIMEOUT = 600  # seconds without a byte of the answer
PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 529)  # statuses of which another attempt may be answered


class Refused(UserError):
    """The server answered with a status that another attempt will not change."""

    def __init__(self, url: str, status: int, text: str):
        super().__init__(f"{url}: HTTP {status}: {text}; {_advice(status)}")
        self.status, self.text = status, text


class EndpointSampler:
    """A model behind a server.

    Attributes:
        served: what answered so far, in order: {"base_url", "endpoint", "model", "system_fingerprint"} as the server
            reports them.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        endpoint: str = "auto",
        concurrency: int = 8,
        requests_per_minute: float = 0,
        samples_per_request: int = 1,
    ):
        """`requests_per_minute` 0 is no limit; `samples_per_request` above 1 asks for `n` choices of one seed."""
        self.name, self.base_url = name, checked_url(base_url)
        self.endpoint, self.concurrency, self.per_request = endpoint, concurrency, samples_per_request
        self.served: list[dict] = []
        self.limit_name = "max_tokens"
        self._interval = 60 / requests_per_minute if requests_per_minute else 0.0
        self._next, self._lock, self._stopped = 0.0, threading.Lock(), threading.Event()
        # Without redirects: they would carry the key to another host.
        self._open = urllib.request.build_opener(_NoRedirects).open

    def encode(self, prompt: str, max_new_tokens: int) -> None:
        """Check a prompt; its length is the server's to judge. Raises PromptError."""
        if not valid_text(prompt).strip():
            raise PromptError("an empty prompt cannot be completed by a server; give it a text")

    def sample_many(
        self,
        requests: list[Request],
        *,
        temperature: float,
        top_p: float,
        max_new_tokens: int,
        seed: int,
        batch_size: int | None = None,
    ) -> list[list[Completion]]:
        """As `Sampler.sample_many`; `batch_size` changes nothing, the server chooses its batches.

        Raises:
            UserError: the server refuses, does not answer (also after ATTEMPTS attempts), or answers what is none.
        """
        self._stopped.clear()
        common = {"temperature": temperature, "top_p": top_p}
        pool = ThreadPoolExecutor(self.concurrency)
        try:
            groups = [
                [
                    pool.submit(self._samples, request, first, count, max_new_tokens, seed, common)
                    for first, count in _parts(request, self.per_request)
                ]
                for request in requests
            ]
            return [[sample for future in group for sample in future.result()] for group in groups]
        finally:
            self._stopped.set()  # where one failed, the others give up too
            pool.shutdown(cancel_futures=True)

    def _samples(self, request: Request, first: int, count: int, length: int, seed: int, common: dict):
        """Samples first .. first + count - 1; what a server gives too few of is asked again, with the next seed."""
        found: list[Completion] = []
        while len(found) < count:
            number = sample_seed(seed, request.task_id, first + len(found)) & 0x7FFFFFFF
            body = {"model": self.name, **common, "seed": number, "n": count - len(found)}
            if body["n"] == 1:
                del body["n"]  # not every server knows it
            found += self._ask(request.prompt, length, body)[: count - len(found)]
        return found

    def _ask(self, prompt: str, length: int, body: dict) -> list[Completion]:
        """The completions of one request."""
        if self.endpoint != "auto":
            return self._ask_at(self.endpoint, prompt, length, body)
        try:
            found = self._ask_at("completions", prompt, length, body)
            self.endpoint = "completions"
        except Refused as refusal:
            # Where another thread got completions meanwhile, the prompt is refused, not the endpoint.
            if refusal.status not in (400, 404, 405) or self.endpoint == "completions":
                raise
            try:
                found = self._ask_at("chat", prompt, length, body)
            except Refused as second:
                raise UserError(f"{refusal}. And {second}") from second
            self.endpoint = "chat"
        return found

    def _ask_at(self, kind: str, prompt: str, length: int, body: dict) -> list[Completion]:
        text: dict
        if kind == "chat":
            path, text = "chat/completions", {"messages": chat.messages(prompt)}
            length += chat.room(prompt)
        else:
            path, text = "completions", {"prompt": prompt.rstrip(" \t"), "stop": STOP}
        answer = self._post(path, {**body, **text}, length)
        choices, url = answer.get("choices"), f"{self.base_url}/{path}"
        if not isinstance(choices, list) or not choices:
            raise UserError(f"{url}: HTTP 200 without choices: {self._shown(answer)}; is it an OpenAI server?")
        found = [completion for choice in choices if (completion := _completion(kind, prompt, choice))]
        if len(found) < len(choices):
            raise UserError(f"{url}: HTTP 200 with a choice without text: {self._shown(answer)}; use --endpoint")
        about: dict[str, str | None] = {"base_url": self.base_url, "endpoint": kind}
        about |= {key: answer.get(key) for key in ("model", "system_fingerprint")}
        with self._lock:
            if about not in self.served:
                self.served.append(about)
        return found

    def _post(self, path: str, body: dict, length: int) -> dict:
        """The answer to a request, after attempts as long as the failure may pass by."""
        url = f"{self.base_url}/{path}"
        for attempt in range(1, ATTEMPTS + 1):
            self._wait_for_turn()
            limit_name = self.limit_name
            try:
                return self._post_once(url, {**body, limit_name: length})
            except urllib.error.HTTPError as error:
                told = self._shown(_body(error))
                if error.code == 400 and "max_completion_tokens" in told and limit_name == "max_tokens":
                    self.limit_name = "max_completion_tokens"  # the name that OpenAI's newer models want
                    continue
                if error.code not in PASSING:
                    raise Refused(url, error.code, told) from None
                wait, what = _retry_after(error.headers.get("Retry-After")), f"HTTP {error.code}: {told}"
            except (OSError, HTTPException, ValueError, RecursionError) as error:  # no connection, cut off, no JSON
                cause = getattr(error, "reason", error)
                wait, what = None, self._shown(f"{type(cause).__name__}: {cause}")
                if isinstance(error, urllib.error.URLError) and not self.served:
                    raise UserError(f"{url}: {what}; start the server, or correct --base_url") from None
            wait = min(60.0, 2.0**attempt) * random.uniform(0.5, 1) if wait is None else wait
            if attempt == ATTEMPTS or wait > LONGEST_WAIT or self._stopped.wait(wait):
                break
        raise UserError(
            f"{url}: {what} (attempt {attempt}, wait of {wait:.0f} s); run the same command again when the server answers, "
            "finished units are kept; or lower --concurrency, or set --requests_per_minute"
        )

    def _post_once(self, url: str, body: dict) -> dict:
        headers = {"Content-Type": "application/json"}
        if key := _key():
            headers["Authorization"] = f"Bearer {key}"
        data = json.dumps(body).encode()
        with self._open(urllib.request.Request(url, data, headers), timeout=TIMEOUT) as answer:
            found = json.loads(answer.read())
        if not isinstance(found, dict):
            raise ValueError("the answer is no JSON object")
        return found

    def _wait_for_turn(self) -> None:
        """Keep requests apart, those of all threads and repeated ones too. Raises UserError once another one has failed."""
        if self._interval:
            with self._lock:
                turn = max(self._next, time.monotonic())
                self._next = turn + self._interval
            self._stopped.wait(turn - time.monotonic())
        if self._stopped.is_set():
            raise UserError(f"{self.base_url}: stopped, because another request failed")

    def _shown(self, text: object) -> str:
        """The beginning of a server's text, without the key, which some servers repeat."""
        line = " ".join((text if isinstance(text, str) else json.dumps(text)).split())
        return (line.replace(_key(), "***") if _key() else line)[:300]


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None  # the status becomes an HTTPError


def checked_url(url: str) -> str:
    """A base URL without a slash at its end. Raises UserError where it is none or holds a password."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
        fits = fits and parts.port != 0 and url.isascii() and url.isprintable() and " " not in url
    except ValueError:  # brackets without an end, a port that is no number up to 65535
        fits = False
    if not fits:
        raise UserError(f"--base_url {url!r} is no address of a server; give one such as http://localhost:8000/v1")
    if parts.username or parts.password:
        raise UserError("--base_url holds a user or password; put the key into OPENAI_API_KEY and leave it out here")
    return url.rstrip("/")


def _parts(request: Request, size: int) -> list[tuple[int, int]]:
    """(first, count) of each request to the server; they end at multiples of `size`, wherever `request` begins.

    >>> _parts(Request("", "", 3, 6), 4)
    [(3, 1), (4, 4), (8, 1)]
    """
    end, first, found = request.first + request.count, request.first, []
    while first < end:
        found.append((first, min(end, first - first % size + size) - first))
        first += found[-1][1]
    return found


def _completion(kind: str, prompt: str, choice: object) -> Completion | None:
    """A choice of an answer; None where it has no text."""
    if not isinstance(choice, dict):
        return None
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    if kind == "completions":
        text = choice.get("text")
    elif isinstance(message, dict) and text is None:
        text = ""  # a refusal, or a model that was cut off while it reasoned: an empty answer
    if not isinstance(text, str):
        return None
    raw = chat.completion_of(prompt, text) if kind == "chat" else chat.without_tail(prompt, text)
    return Completion.finished(raw, 0, choice.get("finish_reason"), text if kind == "chat" else None)


def _body(error: urllib.error.HTTPError) -> str:
    """The text of a refusal, as much of it as arrives."""
    with error:
        try:
            return error.read().decode("utf-8", "replace")
        except (OSError, HTTPException) as cut:
            return getattr(cut, "partial", b"").decode("utf-8", "replace")


def _retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None where it holds neither."""
    if text is None:
        return None
    with suppress(ValueError):
        return max(0.0, float(text))
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _key() -> str:
    """The key. Raises UserError, without telling it, where it cannot be sent in a header."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UserError("OPENAI_API_KEY holds line breaks or characters beyond ASCII; set it to the key alone")
    return key


def _advice(status: int) -> str:
    if status in (401, 403):
        return "put a valid key into the environment variable OPENAI_API_KEY"
    if status in (301, 302, 303, 307, 308):
        return "redirects are not followed; give the address itself as --base_url"
    if status in (404, 405):
        return "correct the model's name, --base_url (most end in /v1) or --endpoint"
    return "change what it objects to"
