"""Programs that try to break out, break down or lie, and what must become of them; shared by the sandbox tests.

`ENDINGS`: name -> (program, kinds of verdict that are right). The test asks for `answer == 42`.
`WALLS`: name -> statements of which each must raise OSError or return -1 with a refusal in errno.
`CANARY` stands for a file outside that any user may read and write, `PORT` for a port where somebody listens, `HOME` for
the home of who runs the tests.
"""

from pathlib import Path

TEST = "def check():\n    assert answer == 42\ncheck()"
LONG = 100_000_000

_LOOPS = {
    "loop": "while True: pass",
    "loop in C": "sum(iter(int, 1))",
    "power": "10 ** 10 ** 9",
    "backtracking": "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
    "sleep": "import time; time.sleep(1000)",
    "event": "import threading; threading.Event().wait()",
    "deadlock": "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "pause": "import signal; signal.pause()",
    "pipe": "import os; r, w = os.pipe(); os.read(r, 1)",
    "stubborn": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "ignores the timer": "import signal; signal.signal(signal.SIGPROF, signal.SIG_IGN)\nwhile True: pass",
    "stops the timer": "import signal; signal.setitimer(signal.ITIMER_PROF, 0)\nwhile True: pass",
    "blocks signals": "import signal; signal.pthread_sigmask(signal.SIG_SETMASK, range(1, 65))\nwhile True: pass",
    "late but right": "import signal, time; signal.signal(signal.SIGPROF, signal.SIG_IGN)\n"
    "while time.process_time() < 1.2: pass\nanswer = 42",
    "spinning threads": "import threading\nfor _ in range(4): threading.Thread(target=lambda: sum(iter(int, 1))).start()\n"
    "sum(iter(int, 1))",
    "print flood": "while True: print('x' * 10 ** 6)",
    "descriptor flood": "import os\nwhile True: os.write(1, b'x' * 10 ** 6); os.write(2, b'x' * 10 ** 6)",
    "endless str": "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
    "endless eq": "class A:\n    def __eq__(self, other):\n        while True: pass\nanswer = A()",
    "endless hash": "class A:\n    def __hash__(self):\n        while True: pass\n{A()}",
    "endless repr": "class A:\n    def __repr__(self):\n        while True: pass\nraise ValueError(A())",
    "endless finalizer": "class A:\n    def __del__(self):\n        while True: pass\nx = A()\ndel x",
    "endless truth": "class A:\n    def __bool__(self):\n        while True: pass\n"
    "class B:\n    def __eq__(self, other): return A()\nanswer = B()",
    "endless generator": "import itertools\nfor _ in itertools.repeat(0): pass",
    "endless import hook": "import sys\nclass F:\n    def find_spec(*a):\n        while True: pass\n"
    "sys.meta_path.insert(0, F)\nimport colorsys",
    "endless trace": "import sys\ndef t(*a):\n    while True: pass\nsys.settrace(t)\n(lambda: 0)()",
    "busy file": "import os\nwhile True:\n    with open('f', 'w') as f: f.write('x')\n    os.remove('f')",
    "wait for nobody": "import os, select; r, w = os.pipe(); select.select([r], [], [])",
    "join": "import threading\nt = threading.Thread(target=threading.Event().wait)\nt.start()\nt.join()",
    "stderr flood": "import sys\nwhile True: print('x' * 10 ** 6, file=sys.stderr)",
    "warning flood": "import warnings\nwarnings.simplefilter('always')\nwhile True: warnings.warn('x' * 1000)",
    "lowers its limit": "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass",
}

_OTHER = {
    # signals to oneself
    "kills itself": ("import os; os.kill(os.getpid(), 9)", {"crash"}),
    "terminates itself": ("import os; os.kill(os.getpid(), 15)", {"crash"}),
    "stops itself": ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", {"crash"}),
    "aborts": ("import os; os.abort()", {"crash"}),
    "alarm": ("import signal; signal.setitimer(signal.ITIMER_REAL, 0.1); signal.pause()", {"crash"}),
    "stops a thread": (
        "import signal, threading; signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)",
        {"crash"},
    ),
    # the kernel ignores it where no shell could continue the process
    "stops as from a terminal": (
        "import os, signal; os.kill(os.getpid(), signal.SIGTSTP); answer = 42",
        {"crash", "passed"},
    ),
    "stops from a thread": (
        "import os, signal, threading, time\n"
        "threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGSTOP)).start()\ntime.sleep(60)",
        {"crash"},
    ),
    "real-time signal": ("import os, signal; os.kill(os.getpid(), signal.SIGRTMIN + 3)", {"crash"}),
    "interrupts itself": ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", {"KeyboardInterrupt"}),
    "expires early": ("import os, signal; os.kill(os.getpid(), signal.SIGPROF)", {"timeout"}),
    "child signal": ("import os, signal; os.kill(os.getpid(), signal.SIGCHLD); answer = 42", {"passed"}),
    # bombs
    "fork bomb": ("import os\nwhile True: os.fork()", {"PermissionError"}),
    "thread bomb": (
        "import threading, time\nthreading.stack_size(1 << 16)\n"
        "while True: threading.Thread(target=time.sleep, args=(1000,)).start()",
        {"RuntimeError", "timeout", "memory"},
    ),
    "memory at once": ("x = bytearray(10 ** 12)", {"memory"}),
    "memory bit by bit": ("x = []\nwhile True: x.append(bytearray(10 ** 8))", {"memory", "timeout"}),
    "memory by mapping": ("import mmap; mmap.mmap(-1, 10 ** 11)", {"OSError"}),
    "one large file": ("f = open('f', 'wb')\nwhile True: f.write(b'x' * 10 ** 7)", {"OSError"}),
    "many files": (
        "i = 0\nwhile True:\n    i += 1\n    with open(str(i), 'w') as f: f.write('x')",
        {"OSError", "timeout"},
    ),
    "deep folders": (
        "import os\nwhile True: os.mkdir('d'); os.chdir('d')",
        {"OSError", "timeout", "FileNotFoundError"},
    ),
    "many descriptors": ("x = [open('/dev/null') for _ in range(10 ** 6)]", {"OSError"}),
    "sparse file": ("open('f', 'wb').truncate(10 ** 12)", {"OSError"}),
    # landlock cannot limit the sum of all files
    "full disk": (
        "import os\nfor i in range(6): os.posix_fallocate(os.open(str(i), os.O_CREAT | os.O_RDWR), 0, 50 << 20)\n"
        "answer = 42",
        {"OSError", "passed"},
    ),
    "memory in threads": (
        "import threading\nx = []\n"
        "def f():\n    while True: x.append(bytearray(10 ** 7))\n"
        "for t in [threading.Thread(target=f) for _ in range(4)]: t.start()\nf()",
        {"memory", "timeout"},
    ),
    "memory of a list": ("x = [0]\nwhile True: x += x", {"memory", "timeout"}),
    "memory of a text": ("x = 'x'\nwhile True: x += x", {"memory", "timeout"}),
    "memory caught": (
        "x = []\ntry:\n    while True: x.append(bytearray(10 ** 7))\nexcept MemoryError: pass\nanswer = 42",
        {"passed", "memory", "timeout"},
    ),
    "many pipes": ("import os\nx = [os.pipe() for _ in range(10 ** 5)]", {"OSError"}),
    "many mappings": (
        "import mmap\nx = [mmap.mmap(-1, 4096) for _ in range(10 ** 6)]",
        {"OSError", "memory", "timeout", "ValueError"},
    ),
    "raises its own limits": (
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2 ** 40, 2 ** 40))",
        {"ValueError", "PermissionError"},
    ),
    # output
    "large output": ("print('x' * 10 ** 7)\nanswer = 42", {"passed"}),
    "reads input": ("input()", {"EOFError"}),
    # early exits
    "sys.exit": ("import sys; sys.exit(0)", {"SystemExit"}),
    "SystemExit": ("raise SystemExit", {"SystemExit"}),
    "exit": ("exit()", {"SystemExit"}),
    "os._exit": ("import os; os._exit(0)", {"exit"}),
    "os._exit 1": ("import os; os._exit(1)", {"exit"}),
    "libc exit": ("import ctypes; ctypes.CDLL(None).exit(0)", {"exit"}),
    "libc _exit": ("import ctypes; ctypes.CDLL(None)._exit(0)", {"exit"}),
    "exits in a thread": (
        "import threading, os, time; threading.Thread(target=os._exit, args=(0,)).start(); time.sleep(60)",
        {"exit"},
    ),
    "exits at exit": ("import atexit, os; atexit.register(os._exit, 0); answer = 0", {"assertion"}),
    "exits in a finalizer": ("import os\nclass A:\n    def __del__(self): os._exit(0)\nx = A()\ndel x", {"exit"}),
    "exits in a finalizer of the test": (
        "import os\nclass A:\n    def __eq__(self, other): return False\n    def __del__(self): os._exit(0)\nanswer = A()",
        {"assertion"},
    ),
    "exits when traced": ("import os, sys\nsys.settrace(lambda *a: os._exit(0)); answer = 0", {"exit"}),
    "exits in a signal handler": (
        "import os, signal\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0)); signal.alarm(1); signal.pause()",
        {"exit"},
    ),
    "exits by faulthandler": (
        "import faulthandler, time; faulthandler.dump_traceback_later(0.05, exit=True); time.sleep(60)",
        {"exit"},
    ),
    "exits in a subclass of int": (
        "import sys\nclass A(int):\n    def __eq__(self, other): sys.exit(0)\nanswer = A(42)",
        {"SystemExit"},
    ),
    "exits without status": ("import ctypes; ctypes.CDLL(None).syscall(60, 0)", {"exit"}),
    "exits with everything": ("import ctypes; ctypes.CDLL(None).syscall(231, 0)", {"exit"}),
    "exits in a comparison": ("import os\nclass A:\n    def __eq__(self, other): os._exit(0)\nanswer = A()", {"exit"}),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", {"KeyboardInterrupt"}),
    "GeneratorExit": ("raise GeneratorExit", {"GeneratorExit"}),
    # swallowing the test
    "decorator": ("def swallow(f): return lambda: None\nanswer = 0\n@swallow\n", {"syntax"}),
    "open string": ("answer = 0\n'''", {"syntax"}),
    "open condition": ("answer = 0\nif False:\n", {"syntax"}),
    "open bracket": ("answer = (0,", {"syntax"}),
    "open try": ("answer = 0\ntry:\n    pass\n", {"syntax"}),
    "backslash": ("answer = 0\nx = \\", {"syntax"}),
    "own check": ("def check(*a): pass\nanswer = 0", {"assertion"}),
    "own check by globals": ("globals()['check'] = print\nanswer = 0", {"assertion"}),
    "empty builtins": ("answer = 0\n__builtins__ = {}", {"assertion", "NameError"}),
    "own builtins": ("import types\nanswer = 0\n__builtins__ = types.ModuleType('b')", {"assertion", "NameError"}),
    "no compile": ("import builtins; builtins.compile = lambda *a: None; answer = 0", {"assertion"}),
    "comment": ("answer = 0 #", {"assertion"}),
    "form feed": ("answer = 0\n\f", {"assertion"}),
    "coding": ("# -*- coding: utf-7 -*-\nanswer = 0", {"assertion", "syntax"}),
    "future": ("from __future__ import annotations\nanswer = 0", {"assertion"}),
    "returns": ("answer = 0\nreturn", {"syntax"}),
    "yields": ("answer = 0\nyield", {"syntax"}),
    "no exec": ("import builtins; builtins.exec = builtins.compile = lambda *a: None; answer = 0", {"assertion"}),
    "no BaseException": ("import builtins; builtins.BaseException = int; answer = 0", {"assertion", "exit"}),
    "no AssertionError": ("import builtins; builtins.AssertionError = ValueError; answer = 0", {"assertion"}),
    "no str": ("import builtins; builtins.str = builtins.isinstance = None; answer = 0", {"assertion", "exit"}),
    "no modules": ("import sys; sys.modules.clear(); answer = 0", {"assertion", "exit"}),
    "no os._exit": ("import os; os._exit = lambda status: None; answer = 0", {"assertion"}),
    "no main": ("import __main__; __main__.run_program = lambda *a: None; answer = 0", {"assertion"}),
    "says passed": ("class passed(Exception): pass\nraise passed('passed')", {"error"}),
    "says timeout": ("class timeout(Exception): pass\nraise timeout", {"error"}),
    "excepthook": ("import sys, os; sys.excepthook = lambda *a: os._exit(0); answer = 0", {"assertion"}),
    # inherited descriptors
    "writes verdicts": (
        'import os\nfor fd in range(64):\n    try: os.write(fd, b\'{"kind": "passed", "message": ""}\\n\')\n'
        "    except OSError: pass\nanswer = 0",
        {"assertion"},
    ),
    "closes everything": ("import os; os.closerange(0, 1000); answer = 42", {"passed"}),
    "closes streams": (
        "import sys; sys.stdout.close(); sys.stderr.close(); sys.stdin.close(); answer = 42",
        {"passed"},
    ),
    "no streams": ("import sys; sys.stdout = sys.stderr = sys.stdin = None; print('x'); answer = 42", {"passed"}),
    "replaces streams": ("import os\nfor fd in range(3, 100): os.dup2(1, fd)\nanswer = 42", {"passed"}),
    "reads descriptors": (
        "import os\nfor fd in range(3, 256):\n    try: os.read(fd, 1); answer = 0; break\n    except OSError: answer = 42",
        {"passed"},
    ),
    "ready message": ("import sys; print('{\"ready\": {}}', flush=True); answer = 0", {"assertion"}),
    # crashes
    "segfault": ("import ctypes; ctypes.string_at(0)", {"crash"}),
    "segfault in a thread": (
        "import ctypes, threading, time; threading.Thread(target=ctypes.string_at, args=(0,)).start(); time.sleep(60)",
        {"crash"},
    ),
    "bus error": (
        "import mmap\nf = open('f', 'wb+'); f.truncate(8192); m = mmap.mmap(f.fileno(), 8192); f.truncate(0); m[5000]",
        {"crash"},
    ),
    "free of nothing": ("import ctypes; ctypes.CDLL(None).free(ctypes.c_void_p(8))", {"crash"}),
    "illegal instruction": ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", {"crash"}),
    "broken bytecode": (
        "import types\nf = lambda: 0\nc = f.__code__.replace(co_code=b'\\x64\\xff' * 4, co_consts=())\nexec(c)",
        {"crash", "SystemError", "timeout", "memory"},
    ),
    "stack in C": ("x = []\nfor _ in range(10 ** 5): x = [x]\nrepr(x)", {"RecursionError", "crash"}),
    "deep finalizers": (
        "x = None\nfor _ in range(10 ** 6): x = (x,)\ndel x\nanswer = 42",
        {"passed", "crash", "timeout"},
    ),
    "stack": (
        "import sys; sys.setrecursionlimit(10 ** 9)\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())",
        {"crash", "memory", "RecursionError"},
    ),
    "recursion": ("def f(): return f()\nf()", {"RecursionError"}),
    # hostile objects
    "str raises": ("class E(Exception):\n    def __str__(self): raise KeyError\nraise E", {"E"}),
    "str exits": ("import os\nclass E(Exception):\n    def __str__(self): os._exit(0)\nraise E", {"exit"}),
    "str subclass": (
        "class S(str):\n    def __getitem__(self, key): return 'passed'\n"
        "class E(Exception):\n    def __str__(self): return S('x')\nraise E",
        {"E"},
    ),
    "long message": (f"raise ValueError('x' * {LONG})", {"ValueError"}),
    "long name": ("raise type('E' * 10 ** 6, (Exception,), {})", {"error"}),
    "long assertion": (f"assert False, 'x' * {LONG}", {"assertion"}),
    "long exit": (f"raise SystemExit('x' * {LONG})", {"SystemExit"}),
    "long bytes": (f"raise ValueError(bytes({LONG // 10}))", {"ValueError", "memory"}),
    "long wide message": (f"raise ValueError('\\U0001f600' * {LONG // 10})", {"ValueError"}),
    "long key": (f"{{}}['x' * {LONG}]", {"KeyError", "memory"}),
    "long syntax error": (f"exec('(' + 'x' * {LONG // 10})", {"SyntaxError", "memory"}),
    "many arguments": ("raise ValueError(*range(10 ** 6))", {"ValueError"}),
    "no text": ("class E(Exception):\n    def __str__(self): return 5\nraise E", {"E"}),
    "deep causes": (
        "e = None\nfor _ in range(10 ** 5):\n    n = ValueError()\n    n.__cause__ = e\n    e = n\nraise e",
        {"ValueError"},
    ),
    "own cause": ("e = ValueError(); e.__cause__ = e.__context__ = e\nraise e", {"ValueError"}),
    "no exception": ("raise 5", {"TypeError"}),
    "no traceback": ("e = ValueError(); e.__traceback__ = None\nraise e", {"ValueError"}),
    "truth raises": (
        "class A:\n    def __bool__(self): raise KeyError\nclass B:\n    def __eq__(self, o): return A()\nanswer = B()",
        {"KeyError"},
    ),
    "eq raises": ("class A:\n    def __eq__(self, other): raise SystemExit\nanswer = A()", {"SystemExit"}),
    "eq recursion": ("class A:\n    def __eq__(self, other): return self == other\nanswer = A()", {"RecursionError"}),
    "null in message": ("raise ValueError('a\\0b')", {"ValueError"}),
    "surrogate in message": ("raise ValueError('\\ud800')", {"ValueError"}),
    "newlines in name": ("raise type('a\\npassed', (Exception,), {})", {"error"}),
    "metaclass": (
        "class M(type):\n    @property\n    def __name__(cls): return 'passed'\n"
        "class E(Exception, metaclass=M): pass\nraise E",
        {"E"},
    ),
    "own class": (
        "class E(Exception):\n    @property\n    def __class__(self): raise SystemExit\nraise E",
        {"E", "exit", "SystemExit"},
    ),
    "finalizer raises": ("class A:\n    def __del__(self): raise SystemExit\nx = A(); answer = 42", {"passed"}),
    "finalizer sleeps": (
        "import time\nclass A:\n    def __del__(self): time.sleep(1000)\nx = A(); answer = 42",
        {"passed"},
    ),
    "daemon thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start(); answer = 42",
        {"passed"},
    ),
    "thread": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start(); answer = 42",
        {"passed"},
    ),
    # sources
    "deep brackets": ("x = " + "(" * 5000 + ")" * 5000, {"syntax", "memory", "RecursionError", "crash"}),
    "deep minus": ("x = " + "-" * 20000 + "1", {"syntax", "memory", "RecursionError", "crash"}),
    "deep attributes": ("x = a" + ".a" * 20000, {"NameError", "syntax", "memory", "RecursionError", "crash"}),
    "deep blocks": ("".join(" " * i + "if 1:\n" for i in range(200)) + " " * 200 + "pass", {"syntax"}),
    "null byte": ("answer = 42\0", {"syntax"}),
    "surrogate": ("answer = '\ud800'", {"syntax"}),
    "wide number": ("answer = " + "9" * 100_000, {"syntax", "assertion"}),
    "wide source": ("x = 1\n" * 50_000 + "answer = 42", {"passed", "timeout"}),
    "empty": ("", {"NameError"}),
    # neighbours in time
    "leaves a file": ("open('left', 'w').close(); answer = 42", {"passed"}),
    "leaves a closed folder": (
        "import os; os.makedirs('closed/inner'); open('closed/inner/f', 'w').close(); os.chdir('closed')\nanswer = 42",
        {"passed"},
    ),
    "leaves a link": ("import os; os.symlink('/', 'root'); answer = 42", {"passed"}),
    "leaves odd names": (
        "import os\nfor name in (b'\\xff', b'a\\nb', b'-rf', b'x' * 255, b' '): os.mkdir(name)\nanswer = 42",
        {"passed"},
    ),
    "leaves a loop of links": ("import os; os.symlink('b', 'a'); os.symlink('a', 'b'); answer = 42", {"passed"}),
    "leaves an open file": ("f = open('f', 'w'); f.write('x' * 10 ** 6); answer = 42", {"passed"}),
    "removes its folder": (
        "import os, shutil; shutil.rmtree(os.getcwd(), ignore_errors=True); answer = 42",
        {"passed"},
    ),
    "leaves a module": ("open('json.py', 'w').write('x = 1'); answer = 42", {"passed"}),
    "finds no module": ("import json; answer = 42 if hasattr(json, 'loads') else 0", {"passed"}),
    "leaves a home": ("import os; open(os.path.expanduser('~/.startup'), 'w').close(); answer = 42", {"passed"}),
    "finds no home": ("import os; assert os.listdir(os.path.expanduser('~')) == []; answer = 42", {"passed"}),
    "changes a library": ("import json; json.loads = lambda text: 0; answer = 42", {"passed"}),
    "finds it unchanged": ("import json; assert json.loads('1') == 1; answer = 42", {"passed"}),
    "leaves a user's lock": (
        "import fcntl; f = open('l', 'w'); fcntl.flock(f, fcntl.LOCK_EX); answer = 42",
        {"passed"},
    ),
    "finds nothing": ("import os; assert os.listdir('.') == []; answer = 42", {"passed"}),
    "finds defaults": (
        "import signal, sys\nassert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL\n"
        "assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])\nassert sys.getrecursionlimit() == 1000\nanswer = 42",
        {"passed"},
    ),
    "event loop": (
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 42\nanswer = asyncio.run(f())",
        {"passed"},
    ),
    "tempfile": ("import tempfile\nwith tempfile.TemporaryFile() as f: f.write(b'x')\nanswer = 42", {"passed"}),
    "unset environment": ("import os; assert 'HOSTILE_SECRET' not in os.environ; answer = 42", {"passed"}),
}

ENDINGS = {**{name: (body, {"timeout"}) for name, body in _LOOPS.items()}, **_OTHER}

WALLS = {
    "kill": "os.kill(os.getppid(), 9)|os.kill(os.getppid(), 0)|os.kill(1, 9)|os.kill(-1, 9)|os.kill(0, 9)|os.killpg(0, 9)"
    "|libc.kill(os.getppid(), 9)|libc.kill(-1, 9)|libc.killpg(0, 9)|os.kill(os.getppid(), signal.SIGSTOP)"
    "|libc.syscall(234, os.getppid(), os.getppid(), 9)|libc.syscall(200, os.getppid(), 9)"
    "|libc.syscall(129, os.getppid(), 9, b'x' * 128)|libc.syscall(434, os.getppid(), 0)|libc.syscall(424, 3, 9, 0, 0)"
    "|fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())|fcntl.fcntl(0, 10, 9)",
    "processes": "os.fork()|os.forkpty()|libc.fork()|libc.vfork()|subprocess.run(['/bin/true'])|os.execv('/bin/true', ['a'])"
    "|os.posix_spawn('/bin/true', ['a'], {})|multiprocessing.get_context('fork').Process(target=int).start()"
    "|libc.syscall(57)|libc.syscall(58)|libc.syscall(56, 17, 0, 0, 0, 0)|libc.syscall(435, b'\\0' * 88, 88)"
    "|libc.syscall(322, -1, b'/bin/true', 0, 0, 0)|os.setsid()|os.setpgid(0, 0)|libc.daemon(0, 0)",
    "trace": "libc.syscall(101, 16, os.getppid(), 0, 0)|libc.syscall(101, 0, 0, 0, 0)"
    "|libc.syscall(310, os.getppid(), 0, 0, 0, 0, 0)|libc.syscall(311, os.getppid(), 0, 0, 0, 0, 0)"
    "|libc.syscall(438, 3, 1, 0)|libc.syscall(312, os.getpid(), os.getppid(), 0, 0, 0)"
    "|open(f'/proc/{os.getppid()}/mem', 'rb')|open('/proc/1/mem', 'r+b')|os.listdir(f'/proc/{os.getppid()}/fd')",
    "secrets": "open('CANARY')|open('/etc/passwd')|open('/etc/shadow')|open('/proc/self/environ')|open('/proc/1/environ')"
    "|open('/proc/1/cmdline')|os.listdir('/proc')|os.listdir('/home')|os.listdir('/var')|open('/proc/mounts')"
    "|open('/etc/hostname')|open('/etc/machine-id')|open('HOME/.bashrc')|os.listdir('/var/log')|open('/dev/mem', 'rb')"
    "|open('/proc/self/mem', 'rb')|open('/proc/self/maps')|open('/sys/class/net/lo/address')|open('/run/utmp', 'rb')",
    "network": "socket.socket()|socket.create_connection(('127.0.0.1', PORT), 1)|socket.socket(socket.AF_INET6)"
    "|socket.socket(socket.AF_UNIX)|socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"
    "|urllib.request.urlopen('http://127.0.0.1:PORT', timeout=1)|socket.getaddrinfo('example.org', 80)"
    "|socket.socket(socket.AF_INET, socket.SOCK_DGRAM)|socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"
    "|socket.socket(socket.AF_UNIX).connect('\\0abstract')|socket.create_server(('127.0.0.1', 0))"
    "|socket.socketpair()[0].sendto(b'x', b'/dev/log')|libc.syscall(41, 2, 1, 0)|libc.syscall(49, 0, 0, 0)",
    "files": "open('CANARY', 'w')|open('CANARY', 'a')|open('CANARY.new', 'w')|os.remove('CANARY')|os.rename('CANARY', 'x')"
    "|os.truncate('CANARY', 0)|os.chmod('CANARY', 0)|os.utime('CANARY', (0, 0))|os.chown('CANARY', os.getuid(), -1)"
    "|os.link('CANARY', 'x')|os.symlink('CANARY', 'y') or open('y', 'w')|os.mkdir('/outside')|open('/outside', 'w')"
    "|open(os.__file__, 'a')|open(sys.prefix + '/outside', 'w')|os.mkdir(sys.prefix + '/outside')|open('/usr/outside', 'w')"
    "|open('/dev/shm/outside', 'w')|open('/etc/outside', 'w')|os.chroot('.')|os.mkfifo('f')|os.mknod('f')"
    "|os.chown('.', 0, 0)|os.setxattr('.', 'user.x', b'x')|open('/sandbox-server/server.py', 'a')|os.chmod('/', 0o777)",
    "kernel": "libc.syscall(319, b'x', 0)|libc.syscall(425, 8, b'\\0' * 120)|libc.syscall(323, 0)|libc.syscall(321, 0, 0, 0)"
    "|libc.syscall(298, 0, 0, 0, 0, 0)|libc.syscall(250, 0, 0, 0)|libc.syscall(248, 0, 0, 0, 0, 0)"
    "|libc.syscall(272, 0x10000000)|libc.syscall(272, 0x20000)|libc.syscall(308, 0, 0)|libc.syscall(165, 0, 0, 0, 0, 0)"
    "|libc.syscall(166, b'/', 2)|libc.syscall(155, 0, 0)|libc.syscall(175, 0, 0, 0)|libc.syscall(169, 0, 0, 0, 0)"
    "|libc.syscall(135, 0x40000)|libc.syscall(29, 0, 4096, 0o1600)|libc.syscall(68, 0, 0o1600)"
    "|libc.syscall(64, 0, 1, 0o1600)"
    "|libc.syscall(240, b'x', 0o102, 0o600, 0)|libc.syscall(304, 0, 0, 0)|libc.syscall(227, 0, b'\\0' * 16)"
    "|libc.syscall(170, b'x', 1)|libc.syscall(141, 0, os.getppid(), 19)|libc.syscall(103, 10, 0, 0)"
    "|libc.syscall(302, os.getppid(), 7, b'\\0' * 16, 0)|libc.syscall(203, os.getppid(), 8, b'\\1' + b'\\0' * 7)"
    "|libc.prctl(4, 1, 0, 0, 0)|libc.prctl(1, 0, 0, 0, 0)|libc.prctl(22, 2, 0, 0, 0)|libc.syscall(317, 1, 0, 0)"
    "|libc.syscall(105, 0)|libc.syscall(106, 0)|libc.syscall(126, b'\\0' * 8, b'\\0' * 24)|libc.syscall(0x40000000 + 39)"
    "|libc.syscall(460)|libc.syscall(999)|os.setuid(0)|os.setgid(0)|os.nice(-5)|os.sched_setaffinity(os.getppid(), {0})",
}

_WALL_PROGRAM = """
import ctypes, errno, fcntl, multiprocessing, os, signal, socket, subprocess, sys, urllib.request
libc = ctypes.CDLL(None, use_errno=True)
refusals = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS, errno.ENOENT, errno.EXDEV, errno.ENOTSUP}
def refused():
    ctypes.set_errno(0)
    try:
        return (STATEMENT) == -1 and ctypes.get_errno() in refusals
    except OSError as error:
        cause = getattr(error, "reason", error)
        if isinstance(error, socket.gaierror):
            return True
        return cause.errno in refusals
    except RuntimeError:
        return False
if refused():
    answer = 42
"""


def wall_programs(canary: str, port: int) -> dict[str, str]:
    """One program for every statement of `WALLS`; it passes where the statement is refused."""
    return {
        f"{group}: {statement}": _WALL_PROGRAM.replace(
            "STATEMENT",
            statement.replace("HOME", str(Path.home())).replace("CANARY", canary).replace("PORT", str(port)),
        )
        for group, statements in WALLS.items()
        for statement in statements.split("|")
    }
