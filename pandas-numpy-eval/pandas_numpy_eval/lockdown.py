"""What a process does to confine itself: a seccomp filter, a landlock ruleset, another user, resource limits.

Standard library alone: this runs under the interpreter of the code under test, inside the sandbox, beside `server.py`.
The filter lists what is allowed: threads, memory, files and clocks; not programs, sockets, tracing, nor what the list does
not name. The server alone may start processes and send signals to others: a second filter, which every sample loads for
itself, takes these away.
"""

from __future__ import annotations

import _signal
import ctypes
import os
import resource
import signal
import struct

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 8, 22, 38
CAP_DAC_READ_SEARCH = 2
EPERM, ENOSYS, ENOTSUP = 1, 38, 95

# name:number on x86_64,number on aarch64 (- where it has none)
_FREE = """
read:0,63 write:1,64 open:2,- close:3,57 stat:4,- fstat:5,80 lstat:6,- newfstatat:262,79 statx:332,291 poll:7,-
ppoll:271,73 select:23,- pselect6:270,72 lseek:8,62 mmap:9,222 mprotect:10,226 munmap:11,215 brk:12,214 mremap:25,216
msync:26,227 mincore:27,232 madvise:28,233 mlock:149,228 munlock:150,229 rt_sigaction:13,134 rt_sigprocmask:14,135
rt_sigreturn:15,139 rt_sigpending:127,136 rt_sigtimedwait:128,137 rt_sigsuspend:130,133 sigaltstack:131,132
restart_syscall:219,128 pause:34,- pread64:17,67 pwrite64:18,68 readv:19,65 writev:20,66 preadv:295,69 pwritev:296,70
preadv2:327,286 pwritev2:328,287 access:21,- faccessat:269,48 faccessat2:439,439 pipe:22,- pipe2:293,59 dup:32,23
dup2:33,- dup3:292,24 sendfile:40,71 copy_file_range:326,285 splice:275,76 tee:276,77 nanosleep:35,101
clock_nanosleep:230,115 clock_gettime:228,113 clock_getres:229,114 getitimer:36,102 alarm:37,- setitimer:38,103
gettimeofday:96,169 time:201,- times:100,153 timer_create:222,107 timer_settime:223,110 timer_gettime:224,108
timer_getoverrun:225,109 timer_delete:226,111 timerfd_create:283,85 timerfd_settime:286,86 timerfd_gettime:287,87
getpid:39,172 getppid:110,173 gettid:186,178 getuid:102,174 geteuid:107,175 getgid:104,176 getegid:108,177
getgroups:115,158 getresuid:118,148 getresgid:120,150 getpgid:121,155 getpgrp:111,- getsid:124,156 getpriority:140,141
getrlimit:97,163 setrlimit:160,164 getrusage:98,165 sysinfo:99,179 uname:63,160 umask:95,166 getcwd:79,17 chdir:80,49
fchdir:81,50 flock:73,32 fsync:74,82 fdatasync:75,83 sync_file_range:277,84 truncate:76,45 ftruncate:77,46
fallocate:285,47 fadvise64:221,223 getdents:78,- getdents64:217,61 rename:82,- renameat:264,38 renameat2:316,276
mkdir:83,- mkdirat:258,34 rmdir:84,- link:86,- linkat:265,37 unlink:87,- unlinkat:263,35 symlink:88,- symlinkat:266,36
readlink:89,- readlinkat:267,78 creat:85,- openat:257,56 openat2:437,437 statfs:137,43 fstatfs:138,44 arch_prctl:158,-
futex:202,98 futex_waitv:449,449 set_tid_address:218,96 set_robust_list:273,99 get_robust_list:274,100 rseq:334,293
membarrier:324,283 sched_yield:24,124 sched_getaffinity:204,123 sched_getparam:143,121 sched_getscheduler:145,120
sched_get_priority_max:146,125 sched_get_priority_min:147,126 getcpu:309,168 exit:60,93 exit_group:231,94
getrandom:318,278 eventfd:284,- eventfd2:290,19 epoll_create:213,- epoll_create1:291,20 epoll_ctl:233,21
epoll_wait:232,- epoll_pwait:281,22 epoll_pwait2:441,441 close_range:436,436 wait4:61,260 waitid:247,95 recvfrom:45,207
shutdown:48,210 getsockopt:55,209 getsockname:51,204 getpeername:52,205
"""
_MODES = """
chmod:90,- fchmod:91,52 fchmodat:268,53 fchmodat2:452,452 utime:132,- utimes:235,- futimesat:261,- utimensat:280,88
"""
_RULED = "ioctl:16,29 socketpair:53,199 sendto:44,206 fcntl:72,25 clone3:435,435"
_OF_SERVER = (
    "fork:57,- clone:56,220 kill:62,129 tgkill:234,131 prlimit64:302,261 prctl:157,167 sched_setaffinity:203,122"
)

_XATTRS = "first:188,5 last:199,16"  # extended attributes of files
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF: ld abs, jeq, jge, jset, ret
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_OWN_PID = b"\xf1\xff\xff\x7f"  # stands for the process that loads the filter
_CLONE_THREAD = 0x10000
# ioctls: TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_PRCTLS = (15, 16, 0x53564D41)  # PR_SET_NAME, PR_GET_NAME, PR_SET_VMA: thread names, names of mappings
_FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 1024, 1025, 1030, 1031, 1032)  # not F_SETOWN, F_SETSIG: they send signals

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _call(function, *args) -> int:
    """Call into libc; raise OSError where it returns -1."""
    result = function(*args)
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def prctl(option: int, value: int, third: object = None) -> None:
    """prctl(2); raises OSError."""
    zero = ctypes.c_ulong(0)
    _call(_libc.prctl, option, ctypes.c_ulong(value), third or zero, zero, zero)


def _numbers(table: str, column: int) -> dict[str, int]:
    """Syscall numbers of one architecture by name."""
    pairs = (entry.split(":") for entry in table.split())
    numbers = {name: both.split(",")[column] for name, both in pairs}
    return {name: int(number) for name, number in numbers.items() if number != "-"}


def _op(code: int, value: int | bytes, jump_true: int = 0, jump_false: int = 0) -> bytes:
    value = value if isinstance(value, bytes) else struct.pack("<I", value)
    return struct.pack("<HBB", code, jump_true, jump_false) + value


def _verdict(number: int, verdict: int) -> bytes:
    """Instructions: this syscall gets this verdict, whatever its arguments."""
    return _op(_EQUAL, number, 0, 1) + _op(_RETURN, verdict)


def _if_argument(number: int, argument: int, values: tuple, test: int = _EQUAL) -> bytes:
    """Instructions: this syscall is allowed if the low half of an argument is one of the values, else EPERM."""
    body = _op(_LOAD, 16 + 8 * argument)
    for value in values:
        body += _op(test, value, 0, 1) + _op(_RETURN, _ALLOW)
    body += _op(_RETURN, _ERRNO | EPERM)
    return _op(_EQUAL, number, 0, len(body) // 8) + body


def _column() -> int:
    """Of this machine in the tables. Raises OSError for one that is neither x86_64 nor aarch64."""
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        raise OSError(ENOSYS, f"no syscall table for {machine}; known are {', '.join(_ARCHITECTURES)}")
    return _ARCHITECTURES[machine][0]


class Filter:
    """A filter that is laid out in memory before the fork, so that loading it in a child touches few pages."""

    def __init__(self, code: bytes):
        self._code = ctypes.create_string_buffer(code, len(code))
        self._own = [at for at in range(4, len(code), 8) if code[at : at + 4] == _OWN_PID]
        self._header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(self._code))

    def load(self) -> None:
        """Confine this process for good, beside the filters that it has. Raises OSError."""
        pid = os.getpid()
        for offset in self._own:
            struct.pack_into("<I", self._code, offset, pid)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        prctl(PR_SET_SECCOMP, 2, self._header)


def server_filter() -> Filter:
    """The filter for the server and, inherited, for its children; what only the server may is still open in it.

    Raises OSError for a machine that is neither x86_64 nor aarch64.
    """
    column, audit = _column(), _ARCHITECTURES[os.uname().machine][1]
    ruled, xattrs = _numbers(_RULED, column), _numbers(_XATTRS, column)
    code = _op(_LOAD, 4) + _op(_EQUAL, audit, 1, 0) + _op(_RETURN, _KILL) + _op(_LOAD, 0)
    code += _op(_AT_LEAST, 0x40000000, 0, 1) + _op(_RETURN, _ERRNO | EPERM)  # the x32 numbers
    for number in _numbers(_FREE + _MODES + _OF_SERVER, column).values():
        code += _verdict(number, _ALLOW)
    code += _if_argument(ruled["ioctl"], 1, _IOCTLS) + _if_argument(ruled["fcntl"], 1, _FCNTLS)
    code += _if_argument(ruled["socketpair"], 0, (1,))  # AF_UNIX: event loops wake themselves through one
    address = _op(_LOAD, 48) + _op(_EQUAL, 0, 0, 3) + _op(_LOAD, 52) + _op(_EQUAL, 0, 0, 1) + _op(_RETURN, _ALLOW)
    code += _op(_EQUAL, ruled["sendto"], 0, 6) + address + _op(_RETURN, _ERRNO | EPERM)  # to the pair's other end
    # Libraries do without extended attributes after this error, and no other.
    code += _op(_AT_LEAST, xattrs["first"], 0, 2) + _op(_AT_LEAST, xattrs["last"] + 1, 1, 0)
    code += _op(_RETURN, _ERRNO | ENOTSUP)
    code += _verdict(ruled["clone3"], _ERRNO | ENOSYS)  # its flags lie in memory; libc then takes clone
    code += _op(_AT_LEAST, 450, 0, 1) + _op(_RETURN, _ERRNO | ENOSYS) + _op(_RETURN, _ERRNO | EPERM)
    return Filter(code)


def child_filter(allow_modes: bool) -> Filter:
    """What a child adds: no processes, and signals, limits and affinity for nobody but itself.

    Short, because the kernel goes through it for every syscall there is when it is loaded, which every sample waits for.
    `allow_modes`: chmod and utime, which landlock cannot confine to the scratch folder.
    """
    number = _numbers(_OF_SERVER, _column())
    refused = [number["fork"]] if "fork" in number else []  # the way of musl; aarch64 has clone alone
    refused += [] if allow_modes else _numbers(_MODES, _column()).values()
    code = _op(_LOAD, 0) + b"".join(_verdict(syscall, _ERRNO | EPERM) for syscall in refused)
    code += _if_argument(number["clone"], 0, (_CLONE_THREAD,), _ANY_BIT)
    for name in ("kill", "tgkill"):
        code += _if_argument(number[name], 0, (_OWN_PID,))
    for name in ("prlimit64", "sched_setaffinity"):
        code += _if_argument(number[name], 0, (0, _OWN_PID))
    code += _if_argument(number["prctl"], 0, _PRCTLS) + _op(_RETURN, _ALLOW)
    return Filter(code)


def restrict_files(readable: list[str], writable: list[str]) -> int:
    """Landlock this process to the paths given; return the ABI.

    Raises OSError where the kernel has no landlock, or one that cannot refuse to empty a file (before Linux 6.2).
    """
    abi = _call(_libc.syscall, 444, None, ctypes.c_size_t(0), 1)
    if abi < 3:
        raise OSError("landlock needs Linux 6.2 or later")
    every = (1 << 15) - 1 | (1 << 15 if abi >= 5 else 0)
    read = 1 << 2 | 1 << 3  # file, folder
    network = 3 if abi >= 4 else 0  # bind, connect
    scopes = 3 if abi >= 6 else 0  # abstract sockets, signals
    attributes = struct.pack("<QQQ", every, network, scopes)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = _call(_libc.syscall, 444, attributes, ctypes.c_size_t(len(attributes)), 0)
    try:
        for paths, access in ((readable, read), (writable, every & ~(1 << 0))):
            for path in filter(os.path.exists, paths):
                of_file = 1 << 0 | 1 << 1 | 1 << 2 | every & (1 << 14 | 1 << 15)
                allowed = access if os.path.isdir(path) else access & of_file
                handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
                _call(_libc.syscall, 445, ruleset, 1, struct.pack("<Qi", allowed, handle), 0)
                os.close(handle)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        _call(_libc.syscall, 446, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def let_modes_be(scratch: str) -> None:
    """Make `os.chmod` and `os.utime` do nothing to files in the scratch folder, where the filter refuses them.

    So `shutil.copy` and the like work beside landlock, which cannot confine these calls to a folder.
    """

    def forgiving(real):
        def call(path, *arguments, **options):
            try:
                return real(path, *arguments, **options)
            except PermissionError:
                if isinstance(path, int) or not os.path.realpath(os.fsdecode(path)).startswith(scratch + os.sep):
                    raise

        return call

    scratch = os.path.realpath(scratch)
    os.chmod, os.utime = forgiving(os.chmod), forgiving(os.utime)


def become(uid: int, keep_reading: bool) -> None:
    """Turn root into an ordinary user without privileges.

    `keep_reading`: keep the one capability to read, for an interpreter that lies where only root can look; a landlock
    ruleset must then say what may be read.
    """
    if keep_reading:
        prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if keep_reading:
        header = struct.pack("<Ii", 0x20080522, 0)  # capability version 3, this process
        bit = 1 << CAP_DAC_READ_SEARCH
        _call(_libc.capset, header, struct.pack("<6I", bit, bit, 0, 0, 0, 0))
    elif os.getuid() != uid:
        raise OSError(EPERM, f"still user {os.getuid()} after setuid({uid})")


def guard_server() -> None:
    """For the server itself: die with the parent, and let no process of the same user look inside."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    prctl(PR_SET_DUMPABLE, 0)


def limit_resources(memory: int, seconds: float | None, threads: int | None) -> None:
    """Limits of one sample: bytes of address space, seconds of CPU time (None: no limit), number of threads."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 1024,
        resource.RLIMIT_FSIZE: 64 << 20,
        resource.RLIMIT_AS: memory,
    }
    if threads is not None:
        limits[resource.RLIMIT_NPROC] = threads
    if seconds is not None:
        limits[resource.RLIMIT_CPU] = int(seconds) + 1  # a second line behind the timer, which the code could stop
        _signal.signal(_signal.SIGPROF, _signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)
    for kind, value in limits.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
