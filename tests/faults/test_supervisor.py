"""One command keeps every process alive, takes them all down with it, and lets what has begun finish."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
import pytest
from support.paths import ROOT

from bot.process.embedded_valkey import answers_ping, socket_path

pytestmark = pytest.mark.faults
T = TypeVar("T")
PROGRAM = ROOT / "tests/support/supervised_program.py"


def soon(look: Callable[[], T | None], what: str, seconds: float = 20) -> T:
    """What `look` returns once it is true."""
    until = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return seen


class Supervisor:
    """A running supervisor, seen from outside."""

    def __init__(self, var: Path, workers: str = "2", port: int = 0) -> None:
        self.var = var
        self.said = var.parent / "said.txt"
        with self.said.open("ab") as said:
            argv = [sys.executable, str(PROGRAM), "run", str(var), workers, str(port)]
            self.process = subprocess.Popen(argv, stdout=said, stderr=said)

    @property
    def port(self) -> int:
        words = (self.var / "run.lock").read_text().split() if (self.var / "run.lock").exists() else []
        return int(words[1]) if len(words) == 2 and words[0] == str(self.process.pid) else 0

    def get(self, path: str = "/") -> str:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10, trust_env=False).text

    def answers(self) -> bool:
        try:
            return bool(self.port) and bool(self.get())
        except httpx.TransportError:
            return False

    def up(self) -> Supervisor:
        soon(self.answers, "the supervisor's port answers")
        return self

    def workers(self) -> dict[str, psutil.Process]:
        """Living workers by their number."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it has died meanwhile
                if "worker" in child.cmdline() and "-S" not in child.cmdline():
                    found[child.environ()["NUMBER"]] = child
        return found

    def replaced(self, gone: psutil.Process) -> dict[str, psutil.Process] | None:
        """All workers once another process has the number of the one that is gone; looked at once, not twice."""
        seen = self.workers()
        return seen if "0" in seen and "1" in seen and seen["0"].pid != gone.pid else None

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def words(self) -> str:
        return self.said.read_text()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    home = Supervisor(tmp_path / "var").up()
    soon(lambda: len(home.workers()) == 2, "two workers")
    soon(lambda: home.words().count("has everything loaded") == 2, "both can work")
    yield home
    home.process.kill()
    home.process.wait()


def test_a_killed_worker_is_replaced_and_this_is_logged(supervisor: Supervisor) -> None:
    before = supervisor.workers()
    before["0"].kill()
    after = soon(lambda: supervisor.replaced(before["0"]), "worker 0 again")
    assert after["1"].pid == before["1"].pid
    assert "worker 0 ended (killed by SIGKILL); starting it again at once" in supervisor.words()
    before["1"].suspend()
    soon(lambda: supervisor.get() == str(after["0"].pid), "the new worker answers")
    before["1"].resume()


@pytest.fixture
def reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """With one more worker in reserve."""
    monkeypatch.setenv("RESERVE", "yes")
    home = Supervisor(tmp_path / "var").up()
    soon(lambda: home.words().count(LOADED) == 1, "one in reserve")
    yield home
    home.process.kill()
    home.process.wait()


LOADED = "the worker in reserve has everything loaded"


def test_the_worker_in_reserve_replaces_a_killed_worker_and_is_replaced_itself(reserved: Supervisor) -> None:
    pids = {name: int(pid) for name, pid in re.findall(r"supervisor: (.+) is up \(pid (\d+)\)", reserved.words())}
    in_reserve = pids["the worker in reserve"]
    psutil.Process(pids["worker 1"]).kill()
    soon(lambda: f"worker 1 is up: the one in reserve (pid {in_reserve})" in reserved.words(), "worker 1 again")
    soon(lambda: reserved.words().count(LOADED) == 2, "another in reserve")
    psutil.Process(pids["worker 0"]).suspend()
    assert reserved.get() == str(in_reserve)


def test_a_worker_in_reserve_that_dies_is_replaced_and_ends_with_the_supervisor(reserved: Supervisor) -> None:
    last = max(reserved.family(), key=psutil.Process.create_time)
    last.kill()
    soon(lambda: reserved.words().count(LOADED) == 2, "another in reserve")
    family = reserved.family()
    assert len(family) == 4
    reserved.process.terminate()
    assert reserved.process.wait(30) == 0
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []


def test_a_killed_redis_is_replaced_at_the_same_address(supervisor: Supervisor) -> None:
    server = next(child for child in supervisor.family() if "valkey" in child.name())
    server.kill()
    soon(lambda: answers_ping(socket_path(supervisor.var)), "Redis answers again")
    assert "embedded Redis ended; starting it again" in supervisor.words()


def test_when_the_supervisor_is_killed_its_processes_end_and_a_new_one_can_start(supervisor: Supervisor) -> None:
    family, port = supervisor.family(), supervisor.port
    assert len(family) == 3
    supervisor.process.kill()
    supervisor.process.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    again = Supervisor(supervisor.var, port=port).up()
    assert again.port == port
    again.process.kill()
    again.process.wait()


def test_a_second_run_in_one_folder_is_refused_with_a_message(supervisor: Supervisor) -> None:
    second = subprocess.run(
        [sys.executable, PROGRAM, "run", supervisor.var, "1"], capture_output=True, text=True, timeout=30, check=False
    )
    assert second.returncode == 2
    assert f"Yingda already runs in this folder (pid {supervisor.process.pid}, port {supervisor.port})" in second.stderr
    assert "Traceback" not in second.stderr
    assert supervisor.answers()


def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        tried = subprocess.run(
            [sys.executable, PROGRAM, "run", tmp_path, "1", str(port)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert tried.returncode == 2
    assert f"port {port} is taken by another program" in tried.stderr
    assert "listen.port" in tried.stderr
    assert not (tmp_path / "migrated").exists()


@pytest.mark.parametrize("ask", [signal.SIGTERM, signal.SIGINT])
def test_on_sigterm_begun_requests_finish_and_the_exit_code_is_0(supervisor: Supervisor, ask: signal.Signals) -> None:
    begun, finished = threading.Semaphore(0), list[str]()

    def request() -> None:
        with httpx.stream("GET", f"http://127.0.0.1:{port}/slow", timeout=20, trust_env=False) as response:
            begun.release()
            finished.append(response.read().decode())

    port, slow = supervisor.port, [threading.Thread(target=request) for _ in range(6)]
    for thread in slow:
        thread.start()
    assert all(begun.acquire(timeout=10) for _ in slow)
    workers = {str(worker.pid) for worker in supervisor.workers().values()}
    began, family = time.monotonic(), supervisor.family()
    supervisor.process.send_signal(ask)
    for thread in slow:
        thread.join()
    assert len(finished) == 6
    assert set(finished) <= workers
    assert supervisor.process.wait(30) == 0
    assert time.monotonic() - began < 9  # nobody had to be killed, which happens after ten seconds
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []


def test_stopping_answers_accepted_connections(supervisor: Supervisor) -> None:
    """Four clients connect without a pause; the kernel can still let one in between the last look and the closing."""
    port, stop, outcomes = supervisor.port, threading.Event(), list[str]()

    def send_requests() -> None:
        while not stop.is_set():
            outcomes.append(one_request(port))

    clients = [threading.Thread(target=send_requests) for _ in range(4)]
    for client in clients:
        client.start()
    time.sleep(1)
    supervisor.process.terminate()
    assert supervisor.process.wait(30) == 0
    stop.set()
    for client in clients:
        client.join()
    assert outcomes.count("answered") > 100
    assert outcomes.count("refused") > 0
    assert outcomes.count("cut off") <= 1


def one_request(port: int) -> str:
    """What becomes of one caller."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            return "answered" if line.recv(4096).startswith(b"HTTP/1.1 200") else "cut off"
    except ConnectionRefusedError:
        time.sleep(0.01)
        return "refused"
    except OSError:
        return "cut off"


def test_a_worker_that_does_not_finish_is_killed_after_a_while_or_at_the_second_signal(supervisor: Supervisor) -> None:
    for worker in supervisor.workers().values():
        worker.suspend()
    supervisor.process.terminate()
    supervisor.process.terminate()  # the same one, handed on by `make`: a shell's whole group gets it
    time.sleep(1.0)
    assert supervisor.process.poll() is None
    supervisor.process.terminate()
    assert supervisor.process.wait(8) == 0  # sooner than after the ten seconds that a worker may take
    assert "did not finish in time; killing it" in supervisor.words()


def test_a_child_that_dies_at_once_is_restarted_with_growing_pauses(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "var", workers="ends-1")
    soon(lambda: "in 0.8 s" in supervisor.words(), "three tries")
    assert "bad child ended (exit code 1); starting it again in 0.2 s" in supervisor.words()
    supervisor.process.terminate()
    assert supervisor.process.wait(30) == 0


def test_a_child_that_is_killed_while_it_starts_is_restarted_without_growing_pauses(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "var", workers="ends-killed")
    soon(lambda: supervisor.words().count("ended (killed by SIGKILL); starting it again in 0.2 s") == 4, "four tries")
    supervisor.process.terminate()
    assert supervisor.process.wait(30) == 0
    assert "in 0.4 s" not in supervisor.words()


def test_a_child_that_reports_a_wrong_setting_stops_the_supervisor(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "var", workers="ends-78")
    assert supervisor.process.wait(20) == 78
    assert "bad child cannot start until a setting is corrected" in supervisor.words()


def test_an_endless_request_head_is_refused(supervisor: Supervisor) -> None:
    with socket.create_connection(("127.0.0.1", supervisor.port), timeout=10) as line:
        line.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nx-long: ")
        line.sendall(b"a" * 70_000)
        refused = line.recv(100)
    assert refused.startswith(b"HTTP/1.1 431")
    assert supervisor.answers()
