"""A correct program gets the verdict that plain Python gives: in every layer, as who runs the tests and as another user."""

import functools
import json
import os
import subprocess
import sys

import pytest
from ordinary_programs import PROGRAMS
from other_user import PACKAGE, public_home, start_as_nobody

# Runs {key: [body, test]} from stdin: `plain` in a process each, else in the executor with that layer. Prints {key: kind},
# or why the layer does not work here. Kinds of plain Python are read from its exit status and its last words.
RUNNER = r"""
import json, os, re, signal, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
from pandas_numpy_eval.execution import Executor, Limits
from pandas_numpy_eval.sandbox import ENVIRONMENT, SandboxError, describe_interpreter

def plain(program):
    with tempfile.TemporaryDirectory() as outer:
        work, home, temporary = (os.path.join(outer, name) for name in ("work", "home", "temporary"))
        for folder in (work, home, temporary):
            os.mkdir(folder)
        mark = os.path.join(outer, "mark")
        text = "".join(program) + f"\n__import__('os').mkdir({mark!r})\n"
        with open(os.path.join(work, "prog.py"), "w", encoding="utf-8", newline="") as file:
            file.write(text)
        environment = {**ENVIRONMENT, "HOME": home, "TMPDIR": temporary}
        del environment["MALLOC_ARENA_MAX"]
        done = subprocess.run([sys.executable, "-s", os.path.join(work, "prog.py")], cwd=work, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=100)
        if os.path.isdir(mark):
            return "passed" if done.returncode == 0 else f"status {done.returncode} at its end"
    said = done.stderr.decode("utf-8", "replace")
    names = re.findall(r"^[ |+]*(?:\w+\.)*(\w*(?:Error|Exception|Iteration|Group)|E)\b(?::|$)", said, re.M)
    if done.returncode < 0:
        return "KeyboardInterrupt" if done.returncode == -signal.SIGINT else "crash"
    if "Traceback" not in said and '  File "' in said:
        return "syntax"
    if done.returncode != 1 or not names or "FAILED (" in said.splitlines()[-1]:
        return "exit"
    if "Exception Group Traceback" in said:
        return "ExceptionGroup"
    return {"AssertionError": "assertion", "MemoryError": "memory"}.get(names[-1], names[-1])

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits that it is ignored
programs, layer = {key: tuple(both) for key, both in json.load(sys.stdin).items()}, sys.argv[1]
if layer == "plain":
    with ThreadPoolExecutor(2) as pool:
        kinds = dict(zip(programs, pool.map(plain, programs.values())))
else:
    try:
        with Executor(describe_interpreter(None, []), Limits(timeout=20), 2, ("numpy", "pandas"), layer, True) as executor:
            verdicts = {key: verdict.kind for key, verdict in executor.run(programs)}
        kinds = {key: "exit" if kind == "SystemExit" else kind for key, kind in verdicts.items()}
    except SandboxError as error:
        kinds = str(error)
print(json.dumps(kinds))
"""
# Differences that stay, with their reasons; the kinds that the sandbox gives instead.
MODES = "landlock cannot confine chmod and utime to the scratch folder: the filter refuses them, they do nothing there"
DOCUMENTED = {  # (program, layers): (kind, reason)
    ("library: mode of a file", ("landlock",)): ("assertion", MODES),
    ("library: time of a file", ("landlock",)): ("assertion", MODES),
}


def _run(user: str, layer: str) -> dict[str, str] | str:
    text = json.dumps(PROGRAMS)
    if user == "here":
        variables = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        command = [sys.executable, "-c", RUNNER, layer]
        done = subprocess.run(command, input=text, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)
    with public_home() as home:
        process = start_as_nobody(home, RUNNER, layer)
        output, errors = process.communicate(text)
        assert process.returncode == 0, errors[-3000:]
        return json.loads(output)


run = functools.cache(_run)


@pytest.mark.parametrize("layer", ["bubblewrap", "landlock", "none"])
@pytest.mark.parametrize("user", ["here", "nobody"])
def test_same_verdicts_as_plain_python(user, layer):
    found, plain = run(user, layer), run(user, "plain")
    if isinstance(found, str):
        pytest.skip(found)
    assert len(PROGRAMS) >= 150 and list(plain.values()).count("passed") > len(plain) / 2
    different = {key: (plain[key], found[key]) for key in PROGRAMS if plain[key] != found[key]}
    expected = {key: kind for (key, layers), (kind, _) in DOCUMENTED.items() if layer in layers}
    assert {key: both[1] for key, both in different.items()} == expected, different
