"""The supervisor: starts one server a worker inside the sandbox, hands out programs, collects verdicts.

    with Executor(interpreter, limits, workers=2) as executor:
        for key, verdict in executor.run({"a": ("x = 1\\n", "assert x")}):
            ...

The supervisor never runs code under test and believes a server only, never a sample. A server that dies or falls
silent is replaced and its program run again.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

from pandas_numpy_eval import sandbox
from pandas_numpy_eval.sandbox import Interpreter, Launch, SandboxError

ATTEMPTS = 3
AHEAD_CHARACTERS = 5_000  # of a program: escaped to 12 bytes each, they still fit a pipe of 64 KiB
START_SECONDS = 180
GRACE_SECONDS = 20  # a server ends a sample by itself; this is for servers that are gone
SILENT = "the sandbox's server died or fell silent 3 times"

Program = tuple[str, str]  # body and test, see `data.program_parts`


@dataclass(frozen=True)
class Limits:
    """What one sample may use; its verdict depends on these.

    Attributes:
        timeout: seconds on the clock `timer`.
        timer: cpu (preloaded imports excluded) or wall.
        wall: seconds of wall time with the CPU timer; None: 10 times the timeout.
        memory_gb: address space in GiB.
    """

    timeout: float = 3.0
    timer: str = "cpu"
    wall: float | None = None
    memory_gb: float = 4.0

    @property
    def deadline(self) -> float:
        """Seconds of wall time after which a sample is ended."""
        return self.timeout if self.timer == "wall" else self.wall or 10 * self.timeout

    def as_dict(self) -> dict:
        return {**asdict(self), "wall": self.deadline}

    def job(self, body: str, test: str) -> dict:
        """The message that asks a server for a verdict."""
        cpu = self.timeout if self.timer == "cpu" else None
        return {"body": body, "test": test, "cpu": cpu, "wall": self.deadline, "memory": int(self.memory_gb * 2**30)}


@dataclass(frozen=True)
class Verdict:
    """What became of a program.

    Attributes:
        kind: `passed`, `assertion`, `syntax`, `timeout`, `memory`, `crash`, `exit`, `error`, or an exception's name.
        message: what it said.
    """

    kind: str
    message: str = ""

    @property
    def passed(self) -> bool:
        return self.kind == "passed"

    @property
    def result(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


# Not, or not surely, the program's own doing (the kernel was short of memory, somebody killed it): it runs again.
FROM_OUTSIDE = (Verdict("crash", SILENT), Verdict("crash", "killed by SIGKILL"))
KILLED = ("exit status -9", "exit status 137", "killed by SIGKILL")  # ends of what a server says or leaves behind


class Server:
    """One server process: starting until it says it is ready, then idle, or busy with the first of its programs.

    A second one may lie in the pipe, so that the server need not wait for the supervisor between two.
    """

    def __init__(self, launch: Launch):
        self.launch = launch
        self.errors, self.info = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 (closed in `end`)
        told = ["--info-fd", str(self.info.fileno())] if launch.namespace else []
        self.process = subprocess.Popen(
            [launch.command[0], *told, *launch.command[1:]],
            pass_fds=[self.info.fileno()] if told else [],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=launch.environment,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which ends the servers
            bufsize=0,
        )
        self.versions: dict | None = None  # None: not ready yet
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
                data = data[self.process.stdin.write(data) :]

    def take(self) -> str:
        """The program that it was busy with; the next one's time begins."""
        self.deadline = time.monotonic() + self._seconds
        return self.keys.popleft()

    def receive(self) -> list[dict]:
        """The messages that are complete by now. Raises EOFError from a dead server."""
        chunk = self.process.stdout.read(1 << 16)
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
        for stream in (self.process.stdin, self.process.stdout, self.errors, self.info):
            stream.close()
        if self.launch.scratch:
            sandbox.remove_tree(self.launch.scratch)

    def _first_process(self) -> list[int]:
        """Process 1 of the namespace, by its number outside, while bubblewrap lives to hold it."""
        self.info.seek(0)
        try:
            return [json.load(self.info)["child-pid"]] if self.process.poll() is None else []
        except ValueError:  # there is no namespace (yet)
            return []


class Executor:
    """Runs programs in the sandbox. Use as a context manager, from the main thread. Raises SandboxError.

    Args:
        interpreter: of the code under test.
        limits: of each program.
        workers: programs that run at a time.
        preload: modules that servers import beforehand.
        layer: one of `sandbox.LAYERS`, or "auto" for the first that works.
        unsafe: allow the layer "none".
    """

    def __init__(
        self,
        interpreter: Interpreter,
        limits: Limits,
        workers: int = 1,
        preload: tuple[str, ...] = ("numpy", "pandas"),
        layer: str = "auto",
        unsafe: bool = False,
    ):
        self.interpreter, self.limits, self.workers, self.preload = interpreter, limits, max(1, workers), list(preload)
        self.servers: list[Server] = []
        self.selector = selectors.DefaultSelector()
        self.layer, self._launch = self._choose(layer, unsafe)

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *_) -> None:
        for server in list(self.servers):
            self._remove(server)
        self.selector.close()

    def run(self, programs: Mapping[str, Program]) -> Iterator[tuple[str, Verdict]]:
        """Verdicts of programs by key as they come, in no order."""
        try:
            yield from self._run(programs)
        finally:
            for server in [server for server in self.servers if server.keys]:
                self._remove(server)  # its reply would come too late

    def _run(self, programs: Mapping[str, Program]) -> Iterator[tuple[str, Verdict]]:
        waiting, attempts = deque(programs), dict.fromkeys(programs, 0)
        left, failed_starts = len(attempts), 0
        while left:
            while len(self.servers) < min(self.workers, left):
                self._add(Server(self._launch()))
            self._hand_out(waiting, programs)
            for server, reply in self._replies():
                key = server.take() if server.keys else None
                failed_starts = 0 if server.versions else failed_starts + 1
                if failed_starts == ATTEMPTS:
                    if not self.preload:
                        raise SandboxError(f"a server does not start: {server.complaint()}")
                    self.preload, failed_starts = [], 0  # a library ends the process; let the samples that need it fail
                if reply is None or reply["retire"]:
                    waiting.extendleft(server.keys)
                    self._remove(server)
                if key is None:
                    continue
                attempts[key] += 1
                verdict = Verdict("crash", SILENT) if reply is None else Verdict(reply["kind"], reply["message"])
                if verdict in FROM_OUTSIDE and attempts[key] < ATTEMPTS:
                    waiting.appendleft(key)
                    continue
                left -= 1
                yield key, verdict

    def _hand_out(self, waiting: deque[str], programs: Mapping[str, Program]) -> None:
        """Give idle servers a program, then, while many wait, busy ones the next; only one that a pipe takes at once."""
        for ahead in (False, True):
            for server in self.servers:
                if not server.versions or len(server.keys) != ahead or len(waiting) <= ahead * self.workers:
                    continue
                if not ahead or sum(map(len, programs[waiting[0]])) < AHEAD_CHARACTERS:
                    key = waiting.popleft()
                    server.give(key, self.limits.job(*programs[key]))

    def _replies(self) -> Iterator[tuple[Server, dict | None]]:
        """Wait until something happens; servers with their replies, None for those that died or are overdue."""
        expected, now = [server for server in self.servers if server.is_expected], time.monotonic()
        nearest = min((server.deadline for server in expected), default=now + 1)
        events = self.selector.select(max(0.0, nearest - now))
        now = time.monotonic()  # before the yields, which may take any time
        for event, _ in events:
            server = event.data
            try:
                messages = server.receive()
            except EOFError:
                yield server, None
                continue
            for message in messages:
                if server not in self.servers:  # what it did after the reply that retired it does not count
                    break
                if "ready" in message:
                    server.versions = message["ready"]
                else:
                    yield server, message
        for server in expected:
            if server in self.servers and server.is_expected and server.deadline < now:
                yield server, None

    def _add(self, server: Server) -> None:
        self.servers.append(server)
        self.selector.register(server.process.stdout, selectors.EVENT_READ, server)

    def _remove(self, server: Server) -> None:
        self.servers.remove(server)
        self.selector.unregister(server.process.stdout)
        server.end()

    def _choose(self, wanted: str, unsafe: bool) -> tuple[str, Callable[[], Launch]]:
        """The first layer that proves itself and a function that prepares a server in it."""
        failures = []
        layers = [layer for layer in sandbox.LAYERS if wanted in ("auto", layer) and (unsafe or layer != "none")]
        for layer, launch in [(name, launch) for name in layers for launch in self._launchers(name)]:
            for _ in range(ATTEMPTS):
                reason = self._prove(layer, launch)
                if reason is None:
                    return layer, lambda launch=launch: launch(self.preload)
            if reason.endswith(KILLED):  # no reason for a weaker layer
                cause = f"somebody or a lack of memory killed its server {ATTEMPTS} times"
                raise SandboxError(f"{layer}: {cause}; run again")
            failures.append(f"{layer}: {reason}")
        reasons = "; ".join(failures) or f"{wanted}: nothing to run it with"
        raise SandboxError(f"no sandbox works here ({reasons}): install bubblewrap, or give --unsafe to run without")

    def _launchers(self, layer: str) -> list[Callable[[list[str]], Launch]]:
        """Functions from the modules to preload to a Launch, one for every way to have a layer."""
        interpreter, libraries = self.interpreter, list(self.interpreter.versions)[1:]
        if layer == "bubblewrap":
            return [
                lambda preload, binary=binary: sandbox.bubblewrap(binary, interpreter, preload, libraries)
                for binary in sandbox.find_bubblewrap()
            ]
        return [lambda preload: sandbox.landlock(interpreter, preload, libraries, layer)]

    def _prove(self, layer: str, launch: Callable[[list[str]], Launch]) -> str | None:
        """Run a program that tries the walls of a layer; None where they hold, else what is wrong."""
        server = None
        with tempfile.TemporaryDirectory() as folder:
            secret = os.path.join(folder, "secret")
            with open(secret, "w") as file:
                file.write("unread")
            os.chmod(folder, 0o777)
            os.chmod(secret, 0o666)
            program = ("", "") if layer == "none" else (sandbox.TRIAL, f"trial({secret!r})")
            try:
                server = Server(launch([]))
                self._add(server)
                replies: list[dict | None] = []
                while not server.versions and not replies:
                    replies = [reply for _, reply in self._replies()]
                if server.versions and server.versions != self.interpreter.versions:
                    return f"versions inside are {server.versions}, outside {self.interpreter.versions}"
                if server.versions:
                    server.give("trial", Limits().job(*program))
                while not replies:
                    replies = [reply for _, reply in self._replies()]
                if replies[0] is None:
                    return server.complaint()
                if replies[0]["kind"] != "passed":
                    return f"the trial program says {Verdict(replies[0]['kind'], replies[0]['message']).result}"
                with open(secret) as file:
                    untouched = file.read() == "unread" and os.listdir(folder) == ["secret"]
                return None if untouched or layer == "none" else "the trial program wrote outside"
            except (OSError, SandboxError) as error:
                return str(error)
            finally:
                if server in self.servers:
                    self._remove(server)
