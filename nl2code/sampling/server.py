"""A server's address, its key, and what it refuses: the HTTP of nl2code/sampling/endpoint.py, without the asking."""

import email.utils
import os
import time
import urllib.error
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from urllib.parse import urlsplit

from nl2code.errors import UserError

PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 529)  # statuses of which another attempt may be answered


class Refused(UserError):
    """The server answered with a status that another attempt will not change."""

    def __init__(self, url: str, status: int, text: str):
        super().__init__(f"{url}: HTTP {status}: {text}; {_advice(status)}")
        self.status, self.text = status, text


class NoRedirects(urllib.request.HTTPRedirectHandler):
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


def body_of(error: urllib.error.HTTPError) -> str:
    """The text of a refusal, as much of it as arrives."""
    with error:
        try:
            return error.read().decode("utf-8", "replace")
        except (OSError, HTTPException) as cut:
            return getattr(cut, "partial", b"").decode("utf-8", "replace")


def retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None where it holds neither."""
    if text is None:
        return None
    with suppress(ValueError):
        return max(0.0, float(text))
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def api_key() -> str:
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
