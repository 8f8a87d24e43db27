"""The supervisor: starts one server a worker inside the sandbox, hands out programs, collects verdicts.

    with Executor(interpreter, limits, workers=2) as executor:
        for key, verdict in executor.run({"a": ("x = 1\\n", "assert x")}):
            ...

The supervisor never runs code under test and believes a server only, never a sample. A server that dies or falls
silent is replaced and its program run again.
"""

import os
import selectors
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial

from pandas_numpy_eval import sandbox
from pandas_numpy_eval.sandbox import Interpreter, Launch, SandboxError
from pandas_numpy_eval.server_process import Server

ATTEMPTS = 3
AHEAD_CHARACTERS = 5_000  # of a program: escaped to 12 bytes each, they still fit a pipe of 64 KiB
LONGEST_WAIT = 3600.0  # seconds; epoll takes at most 24 days
SILENT = "the sandbox's server died or fell silent 3 times"

Program = tuple[str, str]  # body and test, see `data.program_parts`


@dataclass(frozen=True)
class Limits:
    """What one sample may use; its verdict depends on these."""

    timeout: float = 3.0  # seconds
    timer: str = "cpu"  # clock of the timeout: cpu (preloaded imports excluded) or wall
    wall: float | None = None  # seconds of wall time with the CPU timer; None: 10 times the timeout
    memory_gb: float = 4.0  # address space in GiB

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
    """What became of a program: `passed`, `assertion`, `syntax`, `timeout`, `memory`, `crash`, `exit`, `error`, or the
    name of the exception, and what it said."""

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
# Ends of what a server says or leaves behind.
KILLED = ("exit status -9", "exit status 137", "killed by SIGKILL", SILENT)


class Executor:
    """Runs programs in the sandbox. Use as a context manager, from the main thread. Raises SandboxError.

    `workers`: programs that run at a time; `preload`: modules that servers import beforehand; `layer`: one of
    `sandbox.LAYERS`, or "auto" for the first that works; `unsafe`: allow the layer "none".
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
        self.interpreter, self.limits, self.workers, self.preload = interpreter, Limits(), max(1, workers), []
        self.servers: list[Server] = []
        self.selector = selectors.DefaultSelector()
        self.layer = self._choose(layer, unsafe)
        self.limits, self.preload = limits, list(preload)

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *_: object) -> None:
        self._remove(self.servers)
        self.selector.close()

    def run(self, programs: Mapping[str, Program]) -> Iterator[tuple[str, Verdict]]:
        """Verdicts of programs by key as they come, in no order."""
        try:
            yield from self._run(programs)
        finally:
            self._remove(server for server in self.servers if server.keys)  # their replies would come too late

    def _run(self, programs: Mapping[str, Program]) -> Iterator[tuple[str, Verdict]]:
        waiting, attempts = deque(programs), dict.fromkeys(programs, 0)
        left, failed_starts = len(attempts), 0
        while left:
            while len(self.servers) < min(self.workers, left):
                self._add(Server(self._launch()))
            self._hand_out(waiting, programs)
            for server, reply in self._replies():
                key = server.take() if server.keys else None
                if server.versions:
                    failed_starts = 0
                elif server.preload is self.preload:  # not one that was started before the list became empty
                    failed_starts += 1
                if failed_starts == ATTEMPTS:
                    if not self.preload:
                        raise SandboxError(f"a server does not start: {server.complaint()}")
                    self.preload, failed_starts = [], 0  # a library ends the process; let the samples that need it fail
                if reply is None or reply["retire"]:
                    waiting.extendleft(server.keys)
                    self._remove([server])
                if key is None:
                    continue
                attempts[key] += 1
                verdict = Verdict("crash", SILENT) if reply is None else Verdict(reply["kind"], reply["message"])
                unconfined = reply is not None and reply["unconfined"]
                if (unconfined or verdict in FROM_OUTSIDE) and attempts[key] < ATTEMPTS:
                    waiting.appendleft(key)
                    continue
                if unconfined:
                    advice = "run again; with a --memory_gb or --timeout of your own, leave it out"
                    raise SandboxError(f"a sample could not be confined {ATTEMPTS} times ({verdict.message}): {advice}")
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
        events = self.selector.select(min(max(0.0, nearest - now), LONGEST_WAIT))
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
                    server.versions, outside = message["ready"], self.interpreter.versions
                    if server.versions != outside:
                        raise SandboxError(f"versions inside are {server.versions}, outside {outside}")
                else:
                    yield server, message
        for server in expected:
            if server in self.servers and server.is_expected and server.deadline < now:
                yield server, None

    def _add(self, server: Server) -> None:
        server.preload = self.preload
        self.servers.append(server)
        self.selector.register(server.stdout, selectors.EVENT_READ, server)

    def _remove(self, servers: Iterable[Server]) -> None:
        for server in list(servers):
            self.servers.remove(server)
            self.selector.unregister(server.stdout)
            server.end()

    def _choose(self, wanted: str, unsafe: bool) -> str:
        """The first layer that proves itself; `_launch` then prepares a server in it."""
        failures = []
        for layer in sandbox.LAYERS:
            ways = self._launchers(layer) if wanted in ("auto", layer) and (unsafe or layer != "none") else []
            for launch in ways:
                self._launch = lambda launch=launch: launch(self.preload)
                reason = self._prove(layer)
                if reason is None:
                    return layer
                if reason.endswith(KILLED):  # no reason for a weaker layer
                    cause = f"somebody or a lack of memory killed its server {ATTEMPTS} times"
                    raise SandboxError(f"{layer}: {cause}; run again")
                failures.append(f"{layer}: {reason}")
        reasons = "; ".join(failures) or f"{wanted}: nothing to run it with"
        repair = "install bubblewrap"
        if sandbox.find_bubblewrap():
            repair = "let users make namespaces (sysctl user.max_user_namespaces=10000), or take Linux 6.2 or later"
        advice = f"{repair}, or give --unsafe (in the shells: UNSAFE=1) to run without"
        if wanted != "auto":
            advice = "give --sandbox auto, the strongest that works"
        raise SandboxError(f"no sandbox works here ({reasons}): {advice}")

    def _launchers(self, layer: str) -> list[Callable[[list[str]], Launch]]:
        """Functions from the modules to preload to a Launch, one for every way to have a layer."""
        about = self.interpreter, list(self.interpreter.versions)[1:]
        if layer == "bubblewrap":
            return [partial(sandbox.bubblewrap, binary, *about) for binary in sandbox.find_bubblewrap()]
        return [partial(sandbox.landlock, layer, *about)]

    def _prove(self, layer: str) -> str | None:
        """Run a program that tries the walls of a layer; None where they hold, else what is wrong."""
        folder = sandbox.Scratch()
        try:
            secret = os.path.join(folder.path, "secret")
            with open(secret, "w") as file:
                file.write("unread")
            os.chmod(folder.path, 0o777)
            os.chmod(secret, 0o666)
            program = ("", "") if layer == "none" else (sandbox.TRIAL, f"trial({secret!r})")
            ((_, verdict),) = self._run({"trial": program})
            with open(secret) as file:
                untouched = file.read() == "unread" and os.listdir(folder.path) == ["secret"]
        except (OSError, SandboxError) as error:
            return str(error)
        finally:
            self._remove(self.servers)
            folder.remove()
        if not verdict.passed:
            return f"the trial program says {verdict.result}"
        return None if untouched or layer == "none" else "the trial program wrote outside"
