"""One server process as the supervisor sees it: its start, the programs given to it, its replies, its end."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections import deque

from pandas_numpy_eval.sandbox import Launch

START_SECONDS = 180
GRACE_SECONDS = 20  # a server ends a sample by itself; this is for servers that are gone


class Server:
    """One server process: starting until it says it is ready, then idle, or busy with the first of its programs.

    A second one may lie in the pipe, so that the server need not wait for the supervisor between two.
    """

    def __init__(self, launch: Launch):
        self.launch = launch
        self.errors, self.info = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 (closed in `end`)
        fds = [self.info.fileno()] if launch.namespace else []
        told = ["--info-fd", *map(str, fds)] if fds else []
        command = [launch.command[0], *told, *launch.command[1:]]
        # In a session of its own: Ctrl-C reaches the supervisor alone, which ends the servers.
        self.process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            pass_fds=fds,
            env=launch.environment,
            start_new_session=True,
        )
        assert self.process.stdin and self.process.stdout  # pipes
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.versions: dict | None = None  # None: not ready yet
        self.preload: list[str] = []  # the list itself that it was started with
        self.keys: deque[str] = deque()
        self.deadline = time.monotonic() + START_SECONDS
        self._received = b""

    @property
    def is_expected(self) -> bool:
        """Whether a message of it is awaited."""
        return bool(self.keys) or not self.versions

    def give(self, key: str, job: dict) -> None:
        self.keys.append(key)
        self._seconds = job["wall"] + GRACE_SECONDS
        if len(self.keys) == 1:
            self.deadline = time.monotonic() + self._seconds
        data = memoryview(json.dumps(job).encode() + b"\n")
        with contextlib.suppress(BrokenPipeError):  # it is found dead when read from
            while data:
                data = data[self.stdin.write(data) :]

    def take(self) -> str:
        """The program that it was busy with; the next one's time begins."""
        self.deadline = time.monotonic() + self._seconds
        return self.keys.popleft()

    def receive(self) -> list[dict]:
        """The messages that are complete by now. Raises EOFError from a dead server."""
        chunk = self.stdout.read(1 << 16)
        if not chunk:
            raise EOFError
        *lines, self._received = (self._received + chunk).split(b"\n")
        return [json.loads(line) for line in lines]

    def complaint(self) -> str:
        """The last line that it wrote to stderr."""
        self.errors.seek(0)
        lines = self.errors.read()[-4000:].decode("utf-8", "replace").strip().split("\n")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        return lines[-1] or f"exit status {self.process.poll()}"

    def end(self) -> None:
        """Kill it. With bubblewrap, process 1 of its namespace first: everything inside dies with it."""
        for pid in self._first_process():
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.kill(pid, signal.SIGKILL)
                self.process.wait(10)  # bubblewrap ends when the namespace is empty
        self.process.kill()
        self.process.wait()
        for stream in (self.stdin, self.stdout, self.errors, self.info):
            stream.close()
        if self.launch.scratch:
            self.launch.scratch.remove()

    def _first_process(self) -> list[int]:
        """Process 1 of the namespace, by its number outside, while bubblewrap lives to hold it."""
        self.info.seek(0)
        try:
            return [json.load(self.info)["child-pid"]] if self.process.poll() is None else []
        except ValueError:  # there is no namespace (yet)
            return []
