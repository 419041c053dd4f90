"""What a model's program can do and what it cannot, tried by programs."""

from __future__ import annotations

import math
import os
import random
import re
from pathlib import Path
from statistics import fmean

import pytest

from evals.local import sandbox
from evals.local.confined import ARCHITECTURES, CALLS, filter_program
from evals.local.programs import code_in, pass_at_k
from evals.local.sandbox import Limits, passes
from evomerge.errors import EngineError

SMALL = Limits(cpu_s=2, memory_mb=256)
WORK = """
import collections, datetime, decimal, functools, itertools, json, math, random, re, string, threading, time
assert math.isqrt(17) == 4 and re.sub("a", "b", "aa") == "bb" and json.loads("[1]") == [1]
done = []
thread = threading.Thread(target=lambda: done.append(1)); thread.start(); thread.join()
time.sleep(0.001)
assert done == [1] and time.time() > 0 and open("/proc/self/status").read()
print("x" * 100000)
"""


def test_a_program_can_compute_and_read() -> None:
    assert passes(WORK, SMALL)
    assert passes("assert hash('a') == " + str(_fixed_hash()), SMALL), "another hash seed each time"


@pytest.mark.parametrize(
    "program",
    [
        "assert False",
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "while True: pass",
        "x = bytearray(2**29)",
        "def f(): return f()\nf()",
        "import os\nwhile True: os.write(3, b'x' * 65536)",
        "import os; os.kill(os.getpid(), 9)",
        "import numpy",
        "this is no program",
        "\0",
    ],
)
def test_a_program_that_does_not_come_to_its_end_fails(program: str) -> None:
    assert not passes(program, SMALL)


@pytest.mark.parametrize(
    "attempt",
    [
        "open('{file}', 'w')",
        "open('{file}', 'a')",
        "open('{file}', 'r+')",
        "os.remove('{file}')",
        "os.rename('{file}', '{file}.2')",
        "os.truncate('{file}', 0)",
        "os.chmod('{file}', 0)",
        "os.utime('{file}')",
        "os.mkdir('{file}.folder')",
        "os.symlink('{file}', '{file}.link')",
        "os.open('{folder}', os.O_TMPFILE | os.O_RDWR)",
        "socket.socket()",
        "socket.socketpair()",
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {{}})",
        "os.execv('/bin/true', ['true'])",
        "subprocess.run(['true'])",
        "os.kill({parent}, 0)",
        "os.setuid(0)",
        "resource.setrlimit(resource.RLIMIT_CPU, (99, 99))",
        "ctypes.CDLL(None, use_errno=True).ptrace(16, {parent}, 0, 0) == 0 or [][0]",
        "ctypes.CDLL(None).syscall(425, 1, 0) >= 0 or [][0]",  # io_uring, which has a way to sockets of its own
        "ctypes.CDLL(None).syscall(437, -100, b'{file}', 0, 24) >= 0 or [][0]",  # openat2
    ],
)
def test_a_program_cannot(attempt: str, tmp_path: Path) -> None:
    file = tmp_path / "kept"
    file.write_text("kept")
    told = attempt.format(file=file, folder=tmp_path, parent=os.getpid())
    imports = "import ctypes, os, resource, socket, subprocess\n"
    assert not passes(f"{imports}{told}\n", SMALL)
    refused = f"{imports}try:\n    {told}\nexcept (OSError, IndexError, ValueError): pass\nelse: 1 / 0\n"
    assert passes(refused, SMALL), "it failed in another way than by being refused"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert file.read_text() == "kept"


def test_a_program_has_an_empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    assert passes("import os; assert 'SECRET' not in os.environ", SMALL)


def test_where_nothing_can_be_confined_nothing_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = Path(sandbox._CHILD).read_text().replace("platform.machine()", "'unknown'")
    (tmp_path / "confined.py").write_text(text)
    monkeypatch.setattr(sandbox, "_CHILD", tmp_path / "confined.py")
    with pytest.raises(EngineError, match="no list of system calls for unknown"):
        passes("pass", SMALL)


def test_the_rules_of_every_architecture_fit_the_kernels_limit() -> None:
    for machine in ARCHITECTURES:
        assert len(filter_program(machine)) % 8 == 0
        assert len(filter_program(machine)) // 8 <= 4096


def test_the_numbers_of_system_calls_are_those_of_the_kernels_headers() -> None:
    """A wrong number would allow another call, or refuse one that is needed."""
    generic, intel = Path("/usr/include/asm-generic/unistd.h"), Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not (generic.exists() and intel.exists()):
        pytest.skip("the kernel's headers are not installed (linux-libc-dev)")
    arm = {m[1]: m[2] for m in re.finditer(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", generic.read_text())}
    renamed = re.finditer(r"#define __NR_(\w+) __NR3264_(\w+)", generic.read_text())
    arm |= {m[1]: arm[m[2]] for m in renamed if m[2] in arm}
    x86 = {m[1]: m[2] for m in re.finditer(r"#define __NR_(\w+)\s+(\d+)", intel.read_text())}
    for name, *numbers in (one.split(":") for one in CALLS.split()):
        assert numbers == [x86[name], arm.get(name, "-")], name
    for machine, table in (("x86_64", x86), ("aarch64", arm)):
        assert [str(number) for number in ARCHITECTURES[machine][2:]] == [
            table[name] for name in ("openat", "clone", "clone3")
        ]


def test_pass_at_k_is_the_share_of_draws_with_a_passing_answer() -> None:
    generator = random.Random(0)
    for n, passed, k in ((10, 3, 1), (10, 3, 4), (5, 0, 2), (5, 5, 5), (6, 1, 6)):
        answers = [True] * passed + [False] * (n - passed)
        drawn = fmean(any(generator.sample(answers, k)) for _ in range(4000))
        assert pass_at_k(n, passed, k) == pytest.approx(drawn, abs=0.03)
    assert pass_at_k(200, 100, 1) == 0.5
    assert math.isclose(pass_at_k(4, 2, 2), 1 - 1 / 6)


def test_the_program_of_an_answer() -> None:
    assert code_in("    return 1\n") == "    return 1\n"
    assert code_in("Sure:\n```python\nx = 1\n\ny = 2\n```\nDone.\n```\nz\n```") == "x = 1\n\ny = 2"
    assert code_in("```py\nx = 1") == "x = 1"


def _fixed_hash() -> int:
    import subprocess
    import sys

    command = [sys.executable, "-c", "print(hash('a'))"]
    return int(subprocess.run(command, env={"PYTHONHASHSEED": "0"}, capture_output=True, check=True).stdout)
