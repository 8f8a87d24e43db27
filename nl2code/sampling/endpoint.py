"""The interface of `nl2code.sampling.Sampler` on a server that speaks OpenAI's protocol: vLLM, llama.cpp, Ollama, hosted.

Completions are asked of `BASE_URL/completions`, or of `BASE_URL/chat/completions` (nl2code/sampling/chat.py). Each request
carries a seed made of (seed, task, first sample in it), so samples are as reproducible as the server's own `seed`; servers
that ignore it still give n draws, but other ones in every run. Blanks at the end of a prompt are not sent (tokens of code
begin with a blank); a completion that begins with them loses them.

The key is read from the environment variable OPENAI_API_KEY; it is neither written nor printed.
"""

import json
import random
import re
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace
from functools import partial
from http.client import HTTPException

from nl2code.errors import UserError
from nl2code.sampling import chat
from nl2code.sampling.prompts import Completion, PromptError, PromptTooLong, Request, sample_seed, valid_text
from nl2code.sampling.server import PASSING, NoRedirects, Refused, api_key, body_of, checked_url, retry_after
from nl2code.sampling.threads import in_threads

KINDS = ("auto", "completions", "chat")
STOP = ["\ndef", "\nclass", "\n#", "\nprint"]  # of BOUNDARIES: OpenAI takes four; truncation cuts at the others
ATTEMPTS = 6
LONGEST_WAIT = 600  # seconds
TIMEOUT = 600  # seconds without a byte of the answer
TOO_LONG = re.compile(r"context.(length|size|window)|too long|maximum model length", re.IGNORECASE)  # in refusals


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
        self._too_long: dict[str, PromptTooLong] = {}  # prompts that the server refused as such
        self._answered: dict[tuple, list[Completion]] = {}  # beside such, for the next call
        self._interval = 60 / requests_per_minute if requests_per_minute else 0.0
        self._next, self._lock, self._stopped = 0.0, threading.Lock(), threading.Event()
        # Without redirects: they would carry the key to another host.
        self._open = urllib.request.build_opener(NoRedirects).open

    def encode(self, prompt: str, max_new_tokens: int) -> None:
        """Check a prompt; too long is what the server refused as such before. Raises PromptError."""
        if not valid_text(prompt).strip():
            raise PromptError("an empty prompt cannot be completed by a server; give it a text")
        if prompt in self._too_long:
            raise self._too_long[prompt]

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
            PromptTooLong: the server says so of a prompt, which `encode` refuses from then on. All others were asked, too;
                a next call with them has their answers.
            UserError: the server refuses, does not answer (also after ATTEMPTS attempts), or answers what is none.
        """
        self._stopped.clear()
        settings = max_new_tokens, seed, temperature, top_p
        groups = [[(part, *settings) for part in _parts(request, self.per_request)] for request in requests]
        asks = [ask for group in groups for ask in group if ask not in self._answered]
        try:
            in_threads([partial(self._answer, ask) for ask in asks], self.concurrency)
        finally:
            self._stopped.set()  # where one failed, the others give up too
        for request in requests:
            if request.prompt in self._too_long:
                raise self._too_long[request.prompt]
        answered, self._answered = self._answered, {}
        return [[sample for ask in group for sample in answered[ask]] for group in groups]

    def _answer(self, ask: tuple[Request, int, int, float, float]) -> None:
        """Keep the samples, or the refusal of a prompt that is too long."""
        prompt = ask[0].prompt
        try:
            if prompt not in self._too_long:
                self._answered[ask] = self._samples(*ask)
        except PromptTooLong as error:
            self._too_long[prompt] = error

    def _samples(self, part: Request, length: int, seed: int, temperature: float, top_p: float) -> list[Completion]:
        """What a server gives too few of is asked again, with the next seed."""
        found: list[Completion] = []
        while (wanted := part.count - len(found)) > 0:
            number = sample_seed(seed, part.task_id, part.first + len(found)) & 0x7FFFFFFF
            body = {"model": self.name, "temperature": temperature, "top_p": top_p, "seed": number, "n": wanted}
            if wanted == 1:
                del body["n"]  # not every server knows it
            found += self._ask(part.prompt, length, body)[:wanted]
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
                told = self._shown(body_of(error))
                if error.code == 413 or (error.code == 400 and TOO_LONG.search(told)):
                    advice = "shorten the prompt, or lower -l/--max_tokens (in the shells: MAX_TOKENS)"
                    raise PromptTooLong(f"{url}: HTTP {error.code}: {told}; {advice}") from None
                if error.code == 400 and "max_completion_tokens" in told and limit_name == "max_tokens":
                    self.limit_name = "max_completion_tokens"  # the name that OpenAI's newer models want
                    continue
                if error.code not in PASSING:
                    raise Refused(url, error.code, told) from None
                wait, what = retry_after(error.headers.get("Retry-After")), f"HTTP {error.code}: {told}"
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
        if key := api_key():
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
        return (line.replace(key, "***") if (key := api_key()) else line)[:300]


def _parts(request: Request, size: int) -> list[Request]:
    """What one request to the server asks for; parts end at multiples of `size`, wherever `request` begins.

    >>> [(part.first, part.count) for part in _parts(Request("", "", 3, 6), 4)]
    [(3, 1), (4, 4), (8, 1)]
    """
    end, first, found = request.first + request.count, request.first, []
    while first < end:
        found.append(replace(request, first=first, count=min(end, first - first % size + size) - first))
        first += found[-1].count
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
