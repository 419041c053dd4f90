"""Runs one Python program that a model wrote, in a process that can compute and read files and do nothing else.

    python -s -P -S confined.py CPU_SECONDS MEMORY_BYTES      the program comes through standard input

Not imported by the package: ``evals.local.sandbox`` starts it. Standard output gets the line ``confined`` once the
limits hold, and the nonce, which is the first line of the input, once the program has come to its end.

The limits are the kernel's own (seccomp): of the system calls, only those below pass. So the program opens no file for
writing, no socket and no other process, sends no signal, and changes nothing about itself.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys

# name:number on x86_64:number on aarch64
CALLS = """
read:0:63 readv:19:65 pread64:17:67 write:1:64 writev:20:66 close:3:57 lseek:8:62 fstat:5:80 newfstatat:262:79
statx:332:291 stat:4:- lstat:6:- access:21:- readlink:89:- getdents64:217:61 readlinkat:267:78 faccessat:269:48
faccessat2:439:439 getcwd:79:17 poll:7:- ppoll:271:73 select:23:- pselect6:270:72 mmap:9:222 mprotect:10:226
munmap:11:215 mremap:25:216 madvise:28:233 brk:12:214 futex:202:98 rseq:334:293 set_robust_list:273:99
set_tid_address:218:96 arch_prctl:158:- membarrier:324:283 rt_sigaction:13:134 rt_sigprocmask:14:135
rt_sigreturn:15:139 sigaltstack:131:132 setitimer:38:103 getitimer:36:102 clock_gettime:228:113
clock_getres:229:114 clock_nanosleep:230:115 nanosleep:35:101 gettimeofday:96:169 time:201:- times:100:153
getrusage:98:165 getrandom:318:278 getpid:39:172 getppid:110:173 gettid:186:178 getuid:102:174 geteuid:107:175
getgid:104:176 getegid:108:177 uname:63:160 sysinfo:99:179 sched_yield:24:124 sched_getaffinity:204:123
getcpu:309:168 restart_syscall:219:128 exit:60:93 exit_group:231:94
"""
ARCHITECTURES = {"x86_64": (1, 0xC000003E, 257, 56, 435), "aarch64": (2, 0xC00000B7, 56, 220, 435)}
"""Column of ``CALLS``, the kernel's name of the architecture, and the numbers of openat, clone and clone3."""
EPERM, ENOSYS = 1, 38
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
THREAD = 0x10000
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000


def filter_program(machine: str) -> bytes:
    """Return the rules in the kernel's form (BPF): each call is allowed or refused with an error number."""
    column, arch, openat, clone, clone3 = ARCHITECTURES[machine]
    rules = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, arch), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    for number in (one.split(":")[column] for one in CALLS.split()):
        if number != "-":
            rules += [(EQUAL, 0, 1, int(number)), (RETURN, 0, 0, ALLOW)]
    # The C library takes ENOSYS as the answer of an old kernel, and starts its threads with clone.
    rules += [(EQUAL, 0, 1, clone3), (RETURN, 0, 0, REFUSE | ENOSYS)]
    rules += [(EQUAL, 0, 4, openat), (LOAD, 0, 0, 32), (ANY_BIT, 0, 1, WRITES)]
    rules += [(RETURN, 0, 0, REFUSE | EPERM), (RETURN, 0, 0, ALLOW)]
    rules += [(EQUAL, 0, 3, clone), (LOAD, 0, 0, 16), (ANY_BIT, 0, 1, THREAD), (RETURN, 0, 0, ALLOW)]
    rules += [(RETURN, 0, 0, REFUSE | EPERM)]
    return b"".join(struct.pack("HBBI", *rule) for rule in rules)


def confine(cpu_seconds: int, memory_bytes: int) -> None:
    """Limit this process for good.

    Raises:
        OSError: the kernel cannot.
    """
    for kind, limit in ((resource.RLIMIT_CPU, cpu_seconds), (resource.RLIMIT_AS, memory_bytes)):
        resource.setrlimit(kind, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if platform.machine() not in ARCHITECTURES:
        raise OSError(f"no list of system calls for {platform.machine()}")
    rules = filter_program(platform.machine())
    code = ctypes.create_string_buffer(rules, len(rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules) // 8, ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    new_privileges, seccomp, by_filter = 38, 22, 2
    for arguments in ((new_privileges, 1, 0, 0, 0), (seccomp, by_filter, program, 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "the kernel refuses seccomp")


def main() -> None:
    """Confine this process, run the program, say that it ended."""
    nonce, _, source = sys.stdin.buffer.read().partition(b"\n")
    answers = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    try:
        confine(int(sys.argv[1]), int(sys.argv[2]))
    except (OSError, ValueError) as error:
        os.write(answers, f"cannot confine: {error}".encode())
        return
    os.write(answers, b"confined\n")
    try:
        exec(compile(source, "program.py", "exec"), {"__name__": "__main__"})
    except BaseException:
        os._exit(1)
    os.write(answers, nonce)
    os._exit(0)


if __name__ == "__main__":
    main()
