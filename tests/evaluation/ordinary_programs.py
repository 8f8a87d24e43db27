"""Ordinary programs and what plain Python makes of them: most pass, some fail on purpose in each way.

`PROGRAMS`: name -> (body, test). The body is what a prompt and its completion give together. Nothing is said about the
right verdict: plain Python says it (`test_ordinary_programs.py`).
"""

# A line with two hashes names the program under it. The test asks for `answer == 42`.
_LANGUAGE = r'''
## assignment
answer = 42
## what a module finds
answer = 42 if __annotations__ == {} and __cached__ is __doc__ is __package__ is __spec__ is None else 0
## annotations of the module
x: int = 42
answer = x if __annotations__ == {'x': int} else 0
## alarm
import signal
def late(*_): raise TimeoutError
signal.signal(signal.SIGALRM, late)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    while True: pass
except TimeoutError: answer = 42
## a signal that is waited for
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.kill(os.getpid(), signal.SIGUSR1)
answer = 42 if signal.sigwait([signal.SIGUSR1]) == signal.SIGUSR1 else 0
## a command that is refused by status
import os
os.system('true')
answer = 42
## input replaced
import io, sys, unittest.mock
with unittest.mock.patch('builtins.input', return_value='40'): answer = int(input())
sys.stdin = io.StringIO('2')
answer += int(input())
## patch of __main__
import unittest.mock
def g(): return 1
def f(): return g()
with unittest.mock.patch('__main__.g', return_value=42): answer = f()
## streams over a pair of sockets
import asyncio, socket
async def main():
    one, other = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=one)
    other.sendall(b'42')
    other.close()
    return int(await reader.read())
answer = asyncio.run(main())
## closure
def f(x):
    def g(y): return x + y
    return g
answer = f(40)(2)
## decorator
import functools
def d(f):
    @functools.wraps(f)
    def w(*a): return f(*a) * 2
    return w
@d
def g(x): return x
assert g.__name__ == 'g'
answer = g(21)
## generator
def g():
    got = yield 1
    yield got
x = g(); next(x); answer = x.send(42)
## context manager
import contextlib
@contextlib.contextmanager
def c():
    yield 42
with c() as answer: pass
## exit stack
import contextlib
out = []
with contextlib.ExitStack() as s:
    s.callback(out.append, 42)
answer = out[0]
## exception chain
try:
    try: 1 / 0
    except ZeroDivisionError as e: raise KeyError('k') from e
except KeyError as e: answer = 42 if isinstance(e.__cause__, ZeroDivisionError) else 0
## finally
def f():
    try: return 1
    finally: return 42
answer = f()
## recursion
def f(n): return 1 if n == 0 else f(n - 1) + 1
assert f(980) == 981
answer = 42
## recursion error
def f(): return f()
try: f()
except RecursionError: answer = 42
## set recursion limit
import sys
sys.setrecursionlimit(5000)
def f(n): return 0 if n == 0 else f(n - 1)
f(4000)
answer = 42
## match
def f(x):
    match x:
        case {'a': [1, *rest]}: return rest
answer = f({'a': [1, 42]})[0]
## walrus
answer = [y for x in range(50) if (y := x) > 41][0]
## comprehension scope
x = 42
[x for x in range(3)]
answer = x
## class creation
class M(type):
    def __new__(m, n, b, d): return super().__new__(m, n, b, {**d, 'v': 42})
class A(metaclass=M): pass
answer = A.v
## init subclass
class A:
    def __init_subclass__(cls, v): cls.v = v
class B(A, v=42): pass
answer = B.v
## descriptor
class D:
    def __get__(self, o, t): return 42
class A: d = D()
answer = A().d
## slots
class A:
    __slots__ = 'x'
a = A(); a.x = 42
try: a.y = 1
except AttributeError: answer = a.x
## property
class A:
    @property
    def x(self): return 42
answer = A().x
## abstract class
import abc
class A(abc.ABC):
    @abc.abstractmethod
    def f(self): ...
try: A()
except TypeError: answer = 42
## global
answer = 0
def f():
    global answer
    answer = 42
f()
## exec and eval
space = {}
exec('x = 40', space)
answer = eval('x + 2', space)
## compile
answer = eval(compile('6 * 7', 'f', 'eval'))
## import of a module that it wrote
open('helper_of_mine.py', 'w').write('value = 42')
import helper_of_mine
answer = helper_of_mine.value
## import of a package that it wrote
import os
os.mkdir('pack')
open('pack/__init__.py', 'w').write('from .a import v')
open('pack/a.py', 'w').write('v = 42')
import pack
answer = pack.v
## importlib
import importlib
answer = importlib.import_module('math').floor(42.5)
## own module
import sys
x = 42
answer = sys.modules[__name__].x
## main module
x = 42
import __main__
answer = __main__.x
## builtins module
import builtins
assert __builtins__ is builtins
answer = getattr(__builtins__, 'int')('42')
## own file
import os.path
assert os.path.isabs(os.path.abspath(__file__))
answer = 42
## folder of its file
import os
from pathlib import Path
assert Path(__file__).resolve().parent.is_dir()
answer = 42
## source of a function
import inspect
def f(): return 42
assert 'return 42' in inspect.getsource(f)
answer = f()
## source of a class
import inspect
class A:
    x = 42
assert 'x = 42' in inspect.getsource(A)
answer = A.x
## globals
globals()['answer'] = 42
## other alphabets
größe = 40
π = 2
answer = größe + π
## f-string
x = 42
assert f'{x!r:>5}' == '   42' and f'{x=}' == 'x=42'
answer = x
## star arguments
def f(a, /, b, *, c, **d): return a + b + c + d['e']
answer = f(1, 2, c=3, e=36)
## matrix operator
class A:
    def __matmul__(s, o): return 42
answer = A() @ A()
## weak reference
import gc, weakref
class A: pass
a = A(); r = weakref.ref(a); del a; gc.collect()
answer = 42 if r() is None else 0
## finalizer
out = []
class A:
    def __del__(self): out.append(42)
a = A(); del a
answer = out[0]
## cycle collected
import gc, weakref
class A: pass
a = A(); a.me = a; r = weakref.ref(a); del a; gc.collect()
assert r() is None
answer = 42
## async generator
import asyncio
async def g():
    for i in range(3): yield i
async def m(): return [i async for i in g()]
answer = sum(asyncio.run(m())) + 39
## future flags
from __future__ import annotations
def f(x: Unknown) -> Unknown: return x
answer = f(42)
## annotations of a class
class A:
    x: int = 42
assert A.__annotations__ == {'x': int}
answer = A.x
## annotations of the module
x: int = 42
assert __annotations__['x'] is int
answer = x
## docstring of the module
"""About this."""
assert __doc__ is None or True
answer = 42
## large integers
answer = 42 if len(str(2 ** 10000)) == 3011 else 0
## big list
x = list(range(10 ** 6))
answer = 42 if sum(x) == 499999500000 else 0
'''

_LIBRARY = r'''
## dataclass
from dataclasses import dataclass, field, asdict
@dataclass(order=True)
class P:
    x: int
    y: list = field(default_factory=list)
assert asdict(P(1)) == {'x': 1, 'y': []} and P(1) < P(2)
answer = 42
## dataclass repr
from dataclasses import dataclass
@dataclass(frozen=True)
class P:
    x: int
assert repr(P(1)) == 'P(x=1)'
answer = 42
## dataclass with text annotations
from __future__ import annotations
from dataclasses import dataclass, KW_ONLY
from typing import ClassVar
@dataclass
class P:
    n: ClassVar[int] = 1
    _: KW_ONLY
    x: int = 42
answer = P(x=42).x
## named tuple
from typing import NamedTuple
class P(NamedTuple):
    x: int
    y: int = 2
answer = sum(P(40))
## enum
from enum import Enum, auto
class C(Enum):
    A = auto()
    B = auto()
assert repr(C.B) == '<C.B: 2>'
answer = C['B'].value + 40
## type hints
from typing import get_type_hints
class A:
    b: 'A'
    c: int
assert get_type_hints(A) == {'b': A, 'c': int}
answer = 42
## protocol
from typing import Protocol, runtime_checkable
@runtime_checkable
class S(Protocol):
    def f(self): ...
class A:
    def f(self): ...
answer = 42 if isinstance(A(), S) else 0
## generic
from typing import Generic, TypeVar
T = TypeVar('T')
class B(Generic[T]):
    def __init__(self, v: T): self.v = v
answer = B[int](42).v
## typed dict
from typing import TypedDict
class D(TypedDict, total=False):
    x: int
answer = D(x=42)['x']
## single dispatch
import functools
@functools.singledispatch
def f(x): return 0
@f.register
def _(x: int): return 42
answer = f(1)
## cache
import functools
calls = []
@functools.lru_cache
def f(x): calls.append(x); return 42
f(1); answer = f(1)
assert len(calls) == 1
## argparse
import argparse
p = argparse.ArgumentParser()
p.add_argument('--n', type=int, default=42)
answer = p.parse_args().n
## argparse with a list
import argparse
p = argparse.ArgumentParser()
p.add_argument('n', type=int)
answer = p.parse_args(['42']).n
## arguments
import sys
assert len(sys.argv) == 1 and isinstance(sys.argv[0], str)
answer = 42
## original arguments
import sys
assert not any('scratch' in a and '{' in a for a in getattr(sys, 'orig_argv', []))
answer = 42
## getopt
import getopt, sys
assert getopt.getopt(sys.argv[1:], 'x') == ([], [])
answer = 42
## threads
import threading
out = []
lock = threading.Lock()
def f(i):
    with lock: out.append(i)
ts = [threading.Thread(target=f, args=(i,)) for i in range(100)]
[t.start() for t in ts]; [t.join() for t in ts]
answer = len(out) - 58
## many threads at a time
import threading
b = threading.Barrier(120)
ts = [threading.Thread(target=b.wait) for _ in range(119)]
[t.start() for t in ts]; b.wait(); [t.join() for t in ts]
answer = 42
## thread local
import threading
l = threading.local(); l.x = 42
t = threading.Thread(target=lambda: hasattr(l, 'x') and 1 / 0); t.start(); t.join()
answer = l.x
## timer thread
import threading
e = threading.Event()
threading.Timer(0.01, e.set).start()
answer = 42 if e.wait(5) else 0
## thread that fails
import threading
t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()
answer = 42
## queue
import queue, threading
q = queue.Queue()
threading.Thread(target=q.put, args=(42,)).start()
answer = q.get(timeout=5)
## thread pool executor
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor() as p: answer = sum(p.map(abs, [-40, -2]))
## thread pool
from multiprocessing.pool import ThreadPool
with ThreadPool(4) as p: answer = sum(p.map(abs, [-40, -2]))
## dummy pool
from multiprocessing.dummy import Pool
with Pool(3) as p: answer = sum(p.imap_unordered(abs, [-40, -2]))
## lock of multiprocessing
import multiprocessing as m
l = m.Lock()
with l: assert not l.acquire(block=False)
r = m.RLock()
with r, r: answer = 42
## semaphore of multiprocessing
import multiprocessing as m
s = m.BoundedSemaphore(1)
s.acquire(); s.release()
try: s.release()
except ValueError: answer = 42
## queue of multiprocessing
import multiprocessing as m
q = m.Queue(); q.put(42); answer = q.get(timeout=5)
## event and condition of multiprocessing
import multiprocessing as m, threading
e = m.Event()
threading.Timer(0.02, e.set).start()
answer = 42 if e.wait(5) else 0
## value and array of multiprocessing
import multiprocessing as m
v = m.Value('i', 40); a = m.Array('d', [2])
with v.get_lock(): answer = int(v.value + a[0])
## number of processors
import os, multiprocessing
assert os.cpu_count() >= 1 and multiprocessing.cpu_count() >= 1
answer = 42
## asyncio
import asyncio
async def f(x):
    await asyncio.sleep(0.001)
    return x
async def m(): return sum(await asyncio.gather(f(40), f(2)))
answer = asyncio.run(m())
## asyncio in a thread
import asyncio
async def m(): return await asyncio.to_thread(lambda: 42)
answer = asyncio.run(m())
## asyncio timeout
import asyncio
async def m():
    try: await asyncio.wait_for(asyncio.sleep(5), 0.01)
    except asyncio.TimeoutError: return 42
answer = asyncio.run(m())
## asyncio queue
import asyncio
async def m():
    q = asyncio.Queue()
    asyncio.get_running_loop().call_later(0.001, q.put_nowait, 42)
    return await q.get()
answer = asyncio.run(m())
## asyncio signal
import asyncio, os, signal
async def m():
    e = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, e.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(e.wait(), 5)
    return 42
answer = asyncio.run(m())
## socket pair
import socket
a, b = socket.socketpair()
a.sendall(b'*'); answer = b.recv(9)[0]
## socket pair as a stream
import asyncio, socket
async def m():
    a, b = socket.socketpair()
    r, w = await asyncio.open_connection(sock=a)
    b.sendall(b'*\n')
    return (await r.readline())[0]
answer = asyncio.run(m())
## pipe
import os
r, w = os.pipe(); os.write(w, b'*'); answer = os.read(r, 1)[0]
## selectors
import os, selectors
r, w = os.pipe(); s = selectors.DefaultSelector(); s.register(r, selectors.EVENT_READ, 42); os.write(w, b'x')
answer = s.select(5)[0][0].data
## alarm
import signal, time
out = []
signal.signal(signal.SIGALRM, lambda *a: out.append(42))
signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(0.2)
answer = out[0]
## keyboard interrupt caught
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
except KeyboardInterrupt: answer = 42
## handler of an interrupt
import signal
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
answer = 42
## raise signal
import signal
out = []
signal.signal(signal.SIGUSR2, lambda *a: out.append(42)); signal.raise_signal(signal.SIGUSR2)
answer = out[0]
## context variables
import contextvars
v = contextvars.ContextVar('v', default=42)
answer = contextvars.copy_context().run(v.get)
## temporary file
import tempfile
with tempfile.TemporaryFile('w+') as f: f.write('42'); f.seek(0); answer = int(f.read())
## named temporary file
import os, tempfile
with tempfile.NamedTemporaryFile('w', suffix='.txt') as f: f.write('x'); f.flush()
assert os.path.getsize(f.name) == 1
assert not os.path.exists(f.name)
answer = 42
## temporary folder
import os, tempfile
with tempfile.TemporaryDirectory() as d: open(os.path.join(d, 'a'), 'w').close(); assert os.listdir(d) == ['a']
answer = 42
## spooled file
import tempfile
with tempfile.SpooledTemporaryFile(4, 'w+') as f: f.write('42' * 9); f.seek(0); answer = int(f.read(2))
## copy
import shutil
open('a', 'w').write('42'); shutil.copy('a', 'b'); answer = int(open('b').read())
## copy with times
import shutil
open('a', 'w').write('42'); shutil.copy2('a', 'b'); answer = int(open('b').read())
## copy a tree
import os, shutil
os.makedirs('a/b'); open('a/b/c', 'w').write('42'); shutil.copytree('a', 'd')
answer = int(open('d/b/c').read()); shutil.rmtree('a')
## move
import os, shutil
open('a', 'w').write('42'); os.mkdir('d'); shutil.move('a', 'd'); answer = int(open('d/a').read())
## archive
import os, shutil
os.mkdir('a'); open('a/b', 'w').write('42'); shutil.make_archive('z', 'zip', 'a')
shutil.unpack_archive('z.zip', 'd'); answer = int(open('d/b').read())
## tar
import os, tarfile
open('a', 'w').write('42')
with tarfile.open('t.tar.gz', 'w:gz') as t: t.add('a')
os.mkdir('d')
with tarfile.open('t.tar.gz') as t: t.extractall('d')
answer = int(open('d/a').read())
## mode of a file
import os
open('a', 'w').close(); os.chmod('a', 0o600); answer = 42 if os.stat('a').st_mode & 0o777 == 0o600 else 0
## time of a file
import os
open('a', 'w').close(); os.utime('a', (1, 42)); answer = int(os.path.getmtime('a'))
## touch
from pathlib import Path
Path('a').touch(); Path('a').touch(); answer = 42
## pathlib
from pathlib import Path
p = Path('d') / 'e'; p.mkdir(parents=True); (p / 'f.txt').write_text('42')
assert [q.name for q in Path('.').rglob('*.txt')] == ['f.txt']
answer = int((p / 'f.txt').read_text())
## home
from pathlib import Path
assert Path.home().is_dir()
answer = 42
## file in the home
import os
p = os.path.expanduser('~/.of_mine')
open(p, 'w').close(); os.remove(p); answer = 42
## empty folder
import os
assert [n for n in os.listdir('.') if n != 'prog.py'] == []
answer = 42
## glob
import glob
[open(f'{i}.csv', 'w').close() for i in range(3)]
answer = len(glob.glob('*.csv')) + 39
## links
import os
open('a', 'w').write('42'); os.symlink('a', 'b'); os.link('a', 'c')
assert os.path.islink('b') and os.stat('a').st_nlink == 2
answer = int(open('b').read())
## walk
import os
os.makedirs('w/x/y')
answer = 42 if len(list(os.walk('w'))) == 3 else 0
## file lock
import fcntl
f = open('l', 'w'); fcntl.flock(f, fcntl.LOCK_EX); fcntl.lockf(f, fcntl.LOCK_EX); answer = 42
## memory map
import mmap
open('f', 'wb').write(b'*' * 4096)
with open('f', 'r+b') as f, mmap.mmap(f.fileno(), 0) as m: answer = m[7]
## many open files
fs = [open(f'{i}', 'w') for i in range(300)]
answer = 42
## disk usage
import shutil
assert shutil.disk_usage('.').total > 0
answer = 42
## file input
import fileinput
open('a', 'w').write('4\n2\n')
answer = int(''.join(l.strip() for l in fileinput.input('a')))
## sqlite
import sqlite3
c = sqlite3.connect(':memory:'); c.execute('create table t (x)')
c.execute('insert into t values (42)'); answer = c.execute('select x from t').fetchone()[0]
## sqlite in a file
import sqlite3
with sqlite3.connect('d.db') as c: c.execute('create table t (x)'); c.execute('insert into t values (42)')
answer = sqlite3.connect('d.db').execute('select x from t').fetchone()[0]
## sqlite with a log
import sqlite3
c = sqlite3.connect('d.db'); c.execute('pragma journal_mode=wal'); c.execute('create table t (x)')
c.commit(); answer = 42
## dbm
import dbm.dumb
with dbm.dumb.open('d', 'c') as d: d['k'] = '42'
answer = int(dbm.dumb.open('d')['k'])
## shelve
import shelve
with shelve.open('s') as s: s['k'] = 42
answer = shelve.open('s')['k']
## csv
import csv, io
f = io.StringIO(); csv.writer(f).writerows([['a', 'b'], [40, 2]]); f.seek(0)
answer = sum(int(v) for v in next(csv.DictReader(f)).values())
## json
import json
assert json.loads(json.dumps({'a': [1, None, 'ä']})) == {'a': [1, None, 'ä']}
answer = json.loads('42')
## json in a file
import json
json.dump({'a': 42}, open('f.json', 'w')); answer = json.load(open('f.json'))['a']
## toml
import tomllib
answer = tomllib.loads('x = 42')['x']
## configparser
import configparser
c = configparser.ConfigParser(); c.read_string('[a]\nx = 42'); answer = c.getint('a', 'x')
## xml
import xml.etree.ElementTree as E
answer = int(E.fromstring('<a><b>42</b></a>').find('b').text)
## html
from html.parser import HTMLParser
class P(HTMLParser):
    def handle_data(self, d): self.d = d
p = P(); p.feed('<b>42</b>'); answer = int(p.d)
## pickle
import pickle
class A:
    def __init__(self, x): self.x = x
answer = pickle.loads(pickle.dumps(A(42))).x
## pickle of a function
import pickle
def f(): return 42
answer = pickle.loads(pickle.dumps(f))()
## pickle of an enum
import enum, pickle
class E(enum.Enum): A = 42
answer = pickle.loads(pickle.dumps(E.A)).value
## deep copy
import copy
class A: pass
a = A(); a.x = [42]; answer = copy.deepcopy(a).x[0]
## marshal
import marshal
answer = marshal.loads(marshal.dumps([42]))[0]
## struct
import struct
answer = struct.unpack('<i', struct.pack('<i', 42))[0]
## gzip
import gzip
with gzip.open('f.gz', 'wt') as f: f.write('42')
answer = int(gzip.open('f.gz').read())
## compression
import bz2, lzma, zlib
answer = 42 if all(m.decompress(m.compress(b'x')) == b'x' for m in (bz2, lzma, zlib)) else 0
## zip
import zipfile
with zipfile.ZipFile('z.zip', 'w') as z: z.writestr('a', '42')
answer = int(zipfile.ZipFile('z.zip').read('a'))
## hashes
import hashlib, hmac
assert hashlib.sha256(b'').hexdigest().startswith('e3b0') and hmac.new(b'k', b'm', 'md5')
answer = 42
## secrets
import secrets
assert len(secrets.token_hex(8)) == 16
answer = 42
## uuid
import uuid
assert uuid.uuid4().version == 4 and uuid.uuid1().version == 1
answer = 42
## random
import random
random.seed(1)
assert random.random() == 0.13436424411240122
answer = 42
## shuffle
import random
x = list(range(9)); random.shuffle(x)
answer = 42 if sorted(x) == list(range(9)) else 0
## statistics
import statistics
answer = statistics.median([1, 42, 99])
## decimal
from decimal import Decimal, getcontext
getcontext().prec = 5
assert str(Decimal(1) / 3) == '0.33333'
answer = 42
## fractions
from fractions import Fraction
answer = Fraction(84, 2)
## math
import cmath, math
assert math.isclose(cmath.exp(1j * math.pi).real, -1)
answer = math.comb(42, 1)
## itertools
import itertools
answer = len(list(itertools.combinations(range(7), 2))) * 2
## collections
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
d = defaultdict(int); d['a'] += 42
assert Counter('aab').most_common(1) == [('a', 2)]
answer = d['a']
## heap and bisect
import bisect, heapq
h = [99, 42]; heapq.heapify(h); assert bisect.bisect([1, 2], 1) == 1
answer = heapq.heappop(h)
## array
from array import array
answer = array('i', [40, 2]); answer = sum(answer)
## regular expressions
import re
answer = int(re.search(r'(?P<n>\d+)', 'a 42')['n'])
## text
import string, textwrap
assert textwrap.dedent('  a') == 'a' and string.Template('$x').substitute(x=1) == '1'
answer = 42
## unicode data
import unicodedata
assert unicodedata.name('ä') == 'LATIN SMALL LETTER A WITH DIAERESIS'
answer = 42
## difflib
import difflib
answer = 42 if difflib.get_close_matches('appel', ['apple']) == ['apple'] else 0
## dates
from datetime import date, datetime, timedelta, timezone
assert datetime(2020, 1, 31, tzinfo=timezone.utc).isoformat() == '2020-01-31T00:00:00+00:00'
answer = (date(2020, 2, 12) - date(2020, 1, 1)) // timedelta(1)
## strptime
from datetime import datetime
answer = datetime.strptime('Jan 02 2020 00:42', '%b %d %Y %H:%M').minute
## zone
from datetime import datetime
from zoneinfo import ZoneInfo
answer = 42 if datetime(2020, 7, 1, tzinfo=ZoneInfo('Europe/Berlin')).utcoffset().seconds == 7200 else 0
## calendar
import calendar
answer = 42 if calendar.monthrange(2024, 2)[1] == 29 else 0
## clock
import time
a = time.perf_counter(); time.sleep(0.01)
assert time.perf_counter() > a and time.strftime('%Y', time.gmtime(0)) == '1970'
answer = 42
## locale
import locale
locale.setlocale(locale.LC_ALL, ''); assert locale.format_string('%d', 42) == '42'
answer = 42
## logging
import io, logging
s = io.StringIO()
logging.basicConfig(stream=s, level=logging.INFO, format='%(levelname)s %(message)s'); logging.info('x')
answer = 42 if s.getvalue() == 'INFO x\n' else 0
## logging to a file
import logging
h = logging.FileHandler('l.log'); l = logging.getLogger('mine'); l.addHandler(h); l.warning('42')
h.close(); answer = int(open('l.log').read())
## logging configuration
import logging.config
logging.config.dictConfig({'version': 1, 'root': {'level': 'DEBUG'}})
assert logging.getLogger().level == 10
answer = 42
## no handlers
import logging
assert logging.getLogger().handlers == [] and logging.getLogger().level == logging.WARNING
answer = 42
## warnings
import warnings
with warnings.catch_warnings(record=True) as w:
    warnings.simplefilter('always'); warnings.warn('x')
answer = 41 + len(w)
## deprecation warnings
import warnings
with warnings.catch_warnings(record=True) as w:
    warnings.warn('x', DeprecationWarning)
answer = 41 + len(w)
## warnings as errors
import warnings
warnings.simplefilter('error')
try: warnings.warn('x')
except UserWarning: answer = 42
## warning once
import warnings
with warnings.catch_warnings(record=True) as w:
    for _ in range(3): warnings.warn('x')
answer = 41 + len(w)
## capture
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as o: print(42)
answer = int(o.getvalue())
## standard streams
import sys
print('ä', file=sys.stderr); sys.stdout.write('x\n'); sys.stdout.flush()
assert sys.stdin.read() == '' and sys.stdout.encoding == 'utf-8'
answer = 42
## input at its end
try: input()
except EOFError: answer = 42
## pretty print
import pprint
answer = 42 if pprint.pformat({'b': 1, 'a': 2}) == "{'a': 2, 'b': 1}" else 0
## traceback
import traceback
try: 1 / 0
except ZeroDivisionError: answer = 42 if traceback.format_exc().endswith('ZeroDivisionError: division by zero\n') else 0
## lines of a traceback
import traceback
try:
    1 / 0  # marked
except ZeroDivisionError: answer = 42 if '# marked' in traceback.format_exc() or '1 / 0' in traceback.format_exc() else 0
## inspect
import inspect
def f(a, b=2, *c): ...
assert str(inspect.signature(f)) == '(a, b=2, *c)'
answer = 42
## ast
import ast
answer = ast.literal_eval('[42]')[0]
## dis
import dis, io
f = io.StringIO(); dis.dis(lambda: 42, file=f); answer = 42 if '42' in f.getvalue() else 0
## operator
import operator
answer = operator.itemgetter('a')({'a': 42})
## unittest
import unittest
class T(unittest.TestCase):
    def test_a(self): self.assertEqual(1, 1)
    def test_b(self):
        with self.assertRaises(KeyError): {}[1]
r = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))
answer = 42 if r.wasSuccessful() and r.testsRun == 2 else 0
## unittest by its main
import unittest
class T(unittest.TestCase):
    def test_a(self): self.assertEqual(1, 1)
answer = 41 + unittest.main(exit=False).result.testsRun
## mock
from unittest import mock
with mock.patch('os.getcwd', return_value=42):
    import os
    answer = os.getcwd()
## doctest
import doctest
def f(x):
    """
    >>> f(1)
    2
    """
    return x + 1
r = doctest.testmod()
answer = 41 + r.attempted if r.failed == 0 else 0
## process refused cleanly
import subprocess
try: subprocess.run(['/no/such/program'])
except OSError: answer = 42
## network refused cleanly
import urllib.request, urllib.error
try: urllib.request.urlopen('http://127.0.0.1:9/', timeout=1)
except urllib.error.URLError: answer = 42
## urls
from urllib.parse import parse_qs, urlparse
answer = int(parse_qs(urlparse('http://a/?x=42').query)['x'][0])
## e-mail
from email.message import EmailMessage
m = EmailMessage(); m['Subject'] = '42'; m.set_content('x'); answer = int(m['Subject'])
## base64
import base64
answer = int(base64.b64decode(base64.b64encode(b'42')))
## ip addresses
import ipaddress
answer = ipaddress.ip_network('10.0.0.0/26').num_addresses - 22
## platform
import platform, sys
assert platform.system() == 'Linux' and platform.python_version_tuple()[0] == '3' and platform.node()
answer = 42
## user name
import getpass
assert getpass.getuser()
answer = 42
## environment
import os
assert os.environ['HOME'] and os.environ['PATH'] and os.getenv('NOT_SET') is None
os.environ['X'] = '42'
answer = int(os.environ['X'])
## extended attributes
import os
try: names = os.listxattr('.')
except OSError as e: names = []; assert e.errno == 95
answer = 42
## resource usage
import resource
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0
answer = 42
## processor time
import time
assert time.process_time() >= 0 and time.thread_time() >= 0
answer = 42
## tracemalloc
import tracemalloc
tracemalloc.start(); x = bytearray(10 ** 5); assert tracemalloc.get_traced_memory()[0] >= 10 ** 5; tracemalloc.stop()
answer = 42
## profile
import cProfile, io, pstats
p = cProfile.Profile(); p.runcall(sum, [1]); pstats.Stats(p, stream=io.StringIO()).print_stats()
answer = 42
## time it
import timeit
assert timeit.timeit('1 + 1', number=10) >= 0
answer = 42
## trace function
import sys
out = []
sys.settrace(lambda *a: out.append(1))
(lambda: 0)()
sys.settrace(None)
answer = 42 if out else 0
## ctypes
import ctypes
answer = ctypes.CDLL(None).abs(-42)
## exit handler
import atexit
atexit.register(print, 'bye'); answer = 42
## exit caught
import sys
try: sys.exit(3)
except SystemExit as e: answer = 39 + e.code
## scheduler
import sched
out = []
s = sched.scheduler(); s.enter(0.001, 1, out.append, (42,)); s.run(); answer = out[0]
## code module
import code
c = code.InteractiveInterpreter(); c.runsource('x = 42'); answer = c.locals['x']
## package resources
import importlib.resources
assert importlib.resources.files('json').joinpath('__init__.py').is_file()
answer = 42
## runpy
import runpy
open('s.py', 'w').write('x = 42')
answer = runpy.run_path('s.py')['x']
## zip import
import sys, zipfile
with zipfile.ZipFile('z.zip', 'w') as z: z.writestr('of_mine.py', 'x = 42')
sys.path.insert(0, 'z.zip')
import of_mine
answer = of_mine.x
## no such module
try: import no_such_module
except ModuleNotFoundError: answer = 42
## modules of the harness
for name in ('lockdown', 'warmup', 'server', 'child'):
    try: __import__(name)
    except ModuleNotFoundError: answer = 42
    else: raise ValueError(name)
## default of a hook
import sys
assert sys.excepthook is sys.__excepthook__ and sys.displayhook is sys.__displayhook__ and sys.gettrace() is None
answer = 42
## file numbers
import sys
assert [s.fileno() for s in (sys.stdin, sys.stdout, sys.stderr)] == [0, 1, 2]
answer = 42
## no other descriptors
import os
opened = os.open('.', os.O_RDONLY)
assert opened == 3
answer = 42
## null device
import os
open(os.devnull, 'w').write('x'); assert open(os.devnull).read() == ''
answer = 42
## main thread
import threading
assert threading.current_thread() is threading.main_thread() and threading.active_count() == 1
answer = 42
## collector
import gc
assert gc.isenabled() and gc.get_threshold()[0] > 0
answer = 42
'''

_FAILING = r"""
## assertion
answer = 41
## assertion with a text
answer = 41
assert answer == 42, 'not right'
## exception
raise ValueError('x')
## own exception
class E(Exception): pass
raise E('x')
## exception group
raise ExceptionGroup('g', [ValueError()])
## name error
answer = unknown
## name error of an annotation
def f(x: Unknown): return x
answer = 42
## name error of a list annotation
def f(x: List[int]) -> Optional[int]: return x
answer = 42
## name error of a class annotation
class A:
    x: Unknown = 1
answer = 42
## no answer
x = 1
## syntax
answer = (42
## indentation
def f():
return 1
answer = 42
## tab
if 1:
	x = 1
        y = 2
answer = 42
## return outside
return 42
## await outside
import asyncio
await asyncio.sleep(0)
answer = 42
## future in the middle
x = 1
from __future__ import annotations
answer = 42
## unknown future
from __future__ import braces
answer = 42
## broken text
answer = 'a
b'
## zero division
answer = 1 / 0
## type error
answer = '4' + 2
## attribute error
answer = (42).nothing
## key error
answer = {}['x']
## index error
answer = [][0]
## stop iteration
answer = next(iter([]))
## import error
import no_such_module
answer = 42
## import of a name
from math import no_such_name
answer = 42
## unicode error
answer = b'\xff'.decode()
## recursion error
def f(): return f()
f()
## file not found
open('no such file')
answer = 42
## sys.exit
import sys
sys.exit(0)
## sys.exit with a text
import sys
sys.exit('bye')
## exit
exit()
## os._exit
import os
os._exit(0)
## argparse without its argument
import argparse
p = argparse.ArgumentParser()
p.add_argument('x')
p.parse_args()
answer = 42
## keyboard interrupt
raise KeyboardInterrupt
## interrupts itself
import os, signal, time
os.kill(os.getpid(), signal.SIGINT)
time.sleep(5)
answer = 42
## kills itself
import os, signal
os.kill(os.getpid(), signal.SIGTERM)
answer = 42
## aborts
import os
os.abort()
## reads input
answer = int(input())
## wrong by threads
import threading
out = []
t = threading.Thread(target=lambda: out.append(1 / 0)); t.start(); t.join()
answer = out[0]
## unawaited
async def f(): return 42
answer = f()
## unittest fails
import unittest
class T(unittest.TestCase):
    def test_a(self): self.assertEqual(1, 2)
unittest.main()
answer = 42
## memory
x = bytearray(10 ** 18)
answer = 42
"""

_DATA = r"""
## frame
import pandas as pd
answer = int(pd.DataFrame({'a': [40, 2]}).a.sum())
## frame to csv
import pandas as pd
pd.DataFrame({'a': [42]}).to_csv('f.csv', index=False); answer = pd.read_csv('f.csv').a[0]
## frame to zipped csv
import pandas as pd
pd.DataFrame({'a': [42]}).to_csv('f.csv.gz'); answer = pd.read_csv('f.csv.gz').a[0]
## frame to json
import io, pandas as pd
answer = pd.read_json(io.StringIO(pd.DataFrame({'a': [42]}).to_json())).a[0]
## frame to pickle
import pandas as pd
pd.DataFrame({'a': [42]}).to_pickle('f.pkl'); answer = pd.read_pickle('f.pkl').a[0]
## frame to parquet
import pandas as pd
pd.DataFrame({'a': [42], 'b': ['x']}).to_parquet('f.parquet'); answer = pd.read_parquet('f.parquet').a[0]
## frame to feather
import pandas as pd
pd.DataFrame({'a': [42]}).to_feather('f.feather'); answer = pd.read_feather('f.feather').a[0]
## frame to sql
import sqlite3, pandas as pd
c = sqlite3.connect(':memory:'); pd.DataFrame({'a': [42]}).to_sql('t', c)
answer = pd.read_sql('select a from t', c).a[0]
## frame to excel
import pandas as pd
pd.DataFrame({'a': [42]}).to_excel('f.xlsx')
answer = 42
## frame to html
import pandas as pd
answer = 42 if '<td>42</td>' in pd.DataFrame({'a': [42]}).to_html() else 0
## frame to text
import pandas as pd
answer = 42 if 'a' in pd.DataFrame({'a': [42]}).to_string() else 0
## frame read by arrow
import io, pandas as pd
answer = pd.read_csv(io.BytesIO(b'a\n42\n'), engine='pyarrow').a[0]
## frame printed
import pandas as pd
print(pd.DataFrame({'a': range(99)})); pd.DataFrame({'a': [1]}).info()
answer = 42
## groups
import pandas as pd
answer = pd.DataFrame({'a': ['x', 'x', 'y'], 'b': [40, 2, 1]}).groupby('a').b.sum()['x']
## merge
import pandas as pd
a = pd.DataFrame({'k': [1, 2], 'v': [42, 1]}); answer = a.merge(pd.DataFrame({'k': [1]}), on='k').v[0]
## pivot
import pandas as pd
answer = pd.DataFrame({'a': [1, 1], 'b': ['x', 'y'], 'c': [42, 0]}).pivot(index='a', columns='b', values='c').loc[1, 'x']
## time zone of a series
import pandas as pd
answer = 42 if pd.Timestamp('2020-07-01', tz='Europe/Berlin').utcoffset().seconds == 7200 else 0
## resample
import pandas as pd
answer = pd.Series([40, 2], pd.date_range('2020', periods=2, freq='12h')).resample('D').sum().iloc[0]
## strings
import pandas as pd
answer = int(pd.Series(['a42']).str.extract(r'(\d+)')[0][0])
## categories
import pandas as pd
answer = 40 + len(pd.Categorical(['a', 'b', 'a']).categories)
## warnings of pandas
import warnings, pandas as pd
with warnings.catch_warnings(record=True) as w:
    warnings.simplefilter('always')
    pd.to_datetime(['13/01/2020', '01/13/2020'], errors='coerce')
answer = 42
## options of pandas
import pandas as pd
assert pd.get_option('display.max_rows') == 60
with pd.option_context('display.precision', 2): answer = 42
## query
import pandas as pd
answer = pd.DataFrame({'a': [1, 42]}).query('a > 1').a.iloc[0]
## apply
import pandas as pd
answer = pd.DataFrame({'a': [40], 'b': [2]}).apply(sum, axis=1)[0]
## plot
import pandas as pd
pd.Series([1, 2]).plot()
answer = 42
## plot to a file
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.savefig('f.png')
answer = 42
## arrow
import pyarrow as pa, pyarrow.compute as pc
answer = pc.sum(pa.array([40, 2])).as_py()
## arrow file
import pyarrow as pa, pyarrow.parquet as pq
pq.write_table(pa.table({'a': [42]}), 'f'); answer = pq.read_table('f')['a'][0].as_py()
## array to npy
import numpy as np
np.save('a.npy', np.array([42])); answer = np.load('a.npy')[0]
## array to npz
import numpy as np
np.savez_compressed('a.npz', x=[42]); answer = np.load('a.npz')['x'][0]
## array to text
import numpy as np
np.savetxt('a.txt', [[42]]); answer = np.loadtxt('a.txt')
## memory mapped array
import numpy as np
m = np.memmap('m', 'i4', 'w+', shape=9); m[3] = 42; m.flush(); answer = np.memmap('m', 'i4', 'r')[3]
## array from a file
import numpy as np
np.array([42], 'i4').tofile('f'); answer = np.fromfile('f', 'i4')[0]
## linear algebra
import numpy as np
answer = round(np.linalg.solve(np.eye(200) * 2, np.full(200, 84.0))[7])
## large product
import numpy as np
a = np.ones((300, 300)); answer = 42 if (a @ a)[0, 0] == 300 else 0
## fft
import numpy as np
answer = round(np.fft.ifft(np.fft.fft([42.0]))[0].real)
## generator of numpy
import numpy as np
r = np.random.default_rng(0); assert 0 <= r.random() < 1; np.random.seed(0); assert np.random.randint(9) == 5
answer = 42
## floating point errors
import numpy as np
with np.errstate(divide='raise'):
    try: np.array(1.0) / 0
    except FloatingPointError: answer = 42
## structured array
import numpy as np
answer = np.array([(42, 'x')], [('a', int), ('b', 'U1')])['a'][0]
## thread pool of arrays
import numpy as np
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as p: answer = int(sum(p.map(np.sum, [[40], [2]])))
## array of objects
import numpy as np
assert np.allclose(np.array([1.0]), 1)
answer = np.array([object, 42], dtype=object)[1]
## deprecated alias
import numpy as np
answer = np.float(42)
## wrong frame
import pandas as pd
answer = pd.DataFrame({'a': [1]}).b
## wrong shape
import numpy as np
answer = np.ones(2) + np.ones(3)
## not equal frames
import pandas as pd
pd.testing.assert_frame_equal(pd.DataFrame({'a': [1]}), pd.DataFrame({'a': [2]}))
answer = 42
## truth of a series
import pandas as pd
answer = 42 if pd.Series([1, 2]) else 0
"""

# Characters that this file cannot show.
_ODD = {
    "byte order mark": "\ufeffanswer = 42",
    "carriage returns": "answer = 40\r\nanswer += 2\r\n",
    "form feed": "answer = 40\n\x0canswer += 2\n",
    "line separator in a text": "text = 'a\u2028b\u2029c\x85d'\nanswer = 42 if text.count('\\n') == 0 else 0",
    "print of anything": "print('ä\u2028😀', end=''); answer = 42",
}
# How a body and a test hang together.
_TESTS = {
    "check of a function": (
        "def f(x):\n    return x + 1\n",
        "def check(candidate):\n    assert candidate(1) == 2\ncheck(f)",
    ),
    "check that fails": ("def f(x):\n    return x\n", "def check(candidate):\n    assert candidate(1) == 2\ncheck(f)"),
    "future flags hold in the test": (
        "from __future__ import annotations\nx = 1\n",
        "def check(a: Unknown): pass\ncheck(x)",
    ),
    "no future flags in the test": ("x = 1\n", "def check(a: Unknown): pass\ncheck(x)"),
    "test with an error": ("x = 1\n", "def check():\n    return unknown\ncheck()"),
    "test with a syntax error": ("x = 1\n", "def check(:\n"),
    "test that raises": ("x = 1\n", "raise RuntimeError('x')"),
    "test that exits": ("x = 1\n", "import sys\nsys.exit(1)"),
    "entry point missing": ("def g(): ...\n", "def check(candidate): ...\ncheck(f)"),
    "comment at the end": ("x = 1  # and so on", "\nassert x == 1"),
    "empty": ("", ""),
}


def _read(kind: str, text: str) -> dict[str, str]:
    pieces = (piece.split("\n", 1) for piece in text.split("\n## ")[1:])
    return {f"{kind}: {name}": body for name, body in pieces}


_BODIES = {
    **_read("language", _LANGUAGE),
    **_read("library", _LIBRARY),
    **_read("fails", _FAILING),
    **_read("data", _DATA),
    **{f"odd: {name}": body for name, body in _ODD.items()},
}
PROGRAMS = {name: (body + "\n", "assert answer == 42\n") for name, body in _BODIES.items()}
PROGRAMS |= {f"test: {name}": both for name, both in _TESTS.items()}
