"""python3 -m unittest discover deploy/images/containers. The engine here is a server on a real socket that answers as engines do."""

import json
import os
import socketserver
import tempfile
import threading
import time
import unittest
from datetime import datetime, timezone

from collector import PATIENCE, Collector, serve, working_set
from engine import Engine, EngineError
from follow import nanoseconds
from levels import level

PROJECT = "karibu-test"


def container(name, part, **labels):
    labels = {"com.docker.compose.service": part, "com.docker.compose.project": PROJECT, **labels}
    return {"Id": name, "Created": 1, "Labels": labels}


def known(restarts=0, policy="unless-stopped", limit=1000, **state):
    state = {
        "Running": True,
        "Paused": False,
        "Restarting": False,
        "StartedAt": "2026-11-21T10:00:00.5Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
        "Health": {"Status": "healthy"},
        **state,
    }
    host = {"RestartPolicy": {"Name": policy}, "Memory": limit}
    return {"State": state, "RestartCount": restarts, "HostConfig": host, "Config": {}}


STATS = {
    "cpu_stats": {"cpu_usage": {"total_usage": 1500000000}},
    "memory_stats": {"usage": 900, "stats": {"inactive_file": 100, "total_inactive_file": 200}},
}


def frame(text, stream=1, at="2026-11-21T12:00:00.000000001Z"):
    text = f"{at} {text}".encode()
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


class Stream(list):
    """An answer that comes in pieces."""


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        method, target, _ = self.rfile.readline().decode().split()
        while self.rfile.readline().strip():
            pass
        self.server.asked.append((method, target))
        path = target.partition("?")[0]
        answer = self.server.answers.get(path)
        if answer is None:
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
        elif isinstance(answer, Stream):
            # A stream, in chunks that do not fit the frames.
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            text = b"".join(answer)
            for begin in range(0, len(text), 7):
                piece = text[begin : begin + 7]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        else:
            body = json.dumps(answer).encode()
            self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class OfAnEngine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "engine.sock")
        self.start()
        self.collector = Collector(Engine(self.path), PROJECT)

    def start(self):
        self.server = Server(self.path, Handler)
        self.server.answers, self.server.asked = {}, []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        os.unlink(self.path)

    def tearDown(self):
        if os.path.exists(self.path):
            self.stop()
        self.folder.cleanup()

    def has(self, **parts):
        """The engine has these containers: name → (part, inspect, lines of log)."""
        answers = {"/containers/json": []}
        for name, (part, inspect, log) in parts.items():
            answers["/containers/json"].append(container(name, part))
            answers[f"/containers/{name}/json"] = inspect
            answers[f"/containers/{name}/stats"] = STATS
            answers[f"/containers/{name}/logs"] = Stream(log)
        self.server.answers = answers

    def page(self):
        return self.collector.page().splitlines()

    def wait_for(self, line):
        for _ in range(100):
            if line in self.page():
                return
            time.sleep(0.02)
        self.fail(f"{line} is not in {self.page()}")

    def test_what_runs_is_told_by_part(self):
        self.has(aaa=("web-1", known(restarts=2), []), bbb=("redis", known(Paused=True, Health=None, limit=0), []))
        self.collector.look()
        page = self.page()
        for line in (
            'container_running{part="web-1"} 1',
            'container_healthy{part="web-1"} 1',
            'container_restarts_total{part="web-1"} 2',
            'container_replacements_total{part="web-1"} 0',
            'container_cpu_seconds_total{part="web-1"} 1.5',
            'container_memory_bytes{part="web-1"} 700',
            'container_memory_limit_bytes{part="web-1"} 1000',
            'container_oom_kills_total{part="web-1"} 0',
            'container_log_lines_total{part="web-1",level="error"} 0',
            'container_running{part="redis"} 0',
        ):
            self.assertIn(line, page)
        started = datetime(2026, 11, 21, 10, 0, 0, 500000, timezone.utc).timestamp()
        self.assertIn(f'container_start_time_seconds{{part="web-1"}} {started}', page)
        self.assertFalse([line for line in page if "redis" in line and ("healthy" in line or "limit" in line)])
        self.assertEqual({method for method, _ in self.server.asked}, {"GET"})

    def test_what_ends_by_design_has_only_its_log_counted(self):
        self.has(aaa=("init", known(policy="no", Running=False), [frame("init: error: no\n")]))
        self.collector.first = False
        self.collector.look()
        self.wait_for('container_log_lines_total{part="init",level="error"} 1')
        self.assertFalse([line for line in self.page() if line.startswith("container_running{")])
        # It is read once, however often one looks.
        for _ in range(3):
            time.sleep(0.05)
            self.collector.look()
        self.assertEqual(len([target for _, target in self.server.asked if "/logs" in target]), 1)
        self.wait_for('container_log_lines_total{part="init",level="error"} 1')

    def test_another_container_in_its_place_is_no_crash(self):
        self.has(aaa=("web-1", known(), []))
        self.collector.look()
        self.has()
        self.collector.look()
        self.assertFalse([line for line in self.page() if line.startswith("container_running{")])
        self.has(bbb=("web-1", known(), []))
        self.collector.look()
        self.assertIn('container_replacements_total{part="web-1"} 1', self.page())
        self.assertIn('container_restarts_total{part="web-1"} 0', self.page())
        self.assertEqual(list(self.collector.followers), ["bbb"])

    def test_log_lines_count_once_over_streams_that_break(self):
        lines = [
            frame('{"level":"ERROR","message":"a request failed"}\n', 2, "2026-11-21T12:00:01.000000001Z"),
            frame('{"level":"WARN","message":"' + "x" * 9000, 2, "2026-11-21T12:00:02Z"),
            frame("ERROR level=error is in the midst of a long line\n", 2, "2026-11-21T12:00:02Z"),
            frame('{"level":"INFO","message":"level=error"}\n', 2, "2026-11-21T12:00:03.5Z"),
        ]
        self.has(aaa=("web-1", known(), lines))
        self.collector.first = False
        self.collector.look()
        self.wait_for('container_log_lines_total{part="web-1",level="error"} 1')
        self.wait_for('container_log_lines_total{part="web-1",level="warning"} 1')
        self.collector.followers["aaa"].join(2)
        # The next one gets all lines again and one more.
        self.has(aaa=("web-1", known(), lines + [frame('{"level":"ERROR"}\n', 2, "2026-11-21T12:00:03.500000001Z")]))
        self.collector.look()
        self.wait_for('container_log_lines_total{part="web-1",level="error"} 2')
        self.wait_for('container_log_lines_total{part="web-1",level="warning"} 1')
        since = [target for _, target in self.server.asked if "/logs" in target][-1]
        moment = nanoseconds(b"2026-11-21T12:00:03.5Z")
        self.assertIn(f"since={moment // 10**9}.{moment % 10**9:09d}", since)

    def test_a_container_that_goes_while_one_looks_is_left_out(self):
        self.has(aaa=("web-1", known(), []), bbb=("web-2", known(), []))
        del self.server.answers["/containers/bbb/json"]
        self.collector.look()
        self.assertIn('container_running{part="web-1"} 1', self.page())
        self.assertFalse([line for line in self.page() if "web-2" in line])

    def test_an_engine_that_goes_and_comes_back(self):
        self.has(aaa=("web-1", known(), []))
        self.collector.look()
        before = self.collector.samples
        self.stop()
        with self.assertRaises(EngineError):
            self.collector.look()
        self.assertIs(self.collector.samples, before)
        self.assertLess(time.monotonic() - self.collector.answered, PATIENCE)
        self.start()
        self.has(aaa=("web-1", known(), []))
        self.collector.look()
        self.assertIsNot(self.collector.samples, before)

    def test_want_of_memory_is_counted_from_the_engines_events(self):
        def oom(moment):
            attributes = {"com.docker.compose.service": "web-1"}
            return json.dumps({"timeNano": moment, "Actor": {"Attributes": attributes}}).encode() + b"\n"

        self.server.answers["/events"] = Stream([oom(5_000_000_000), oom(7_000_000_000), oom(7_000_000_001)])
        self.collector.take_ooms(self.collector.engine.open("/events"), "6.000000000")
        self.assertIn('container_oom_kills_total{part="web-1"} 2', self.page())

    def test_the_page_is_served(self):
        import socket
        import urllib.error
        import urllib.request

        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=serve, args=(self.collector, listener), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{url}/healthz")
        self.has(aaa=("web-1", known(), []))
        self.collector.look()
        self.assertEqual(urllib.request.urlopen(f"{url}/healthz").read(), b"ok\n")
        self.assertIn(b'container_running{part="web-1"} 1\n', urllib.request.urlopen(f"{url}/metrics").read())


class OfLines(unittest.TestCase):
    def test_each_part_writes_in_its_own_way(self):
        for line, meant in (
            ('{"timestamp":"2026-11-21T10:00:00Z","level":"ERROR","message":"a"}', "error"),
            ('{"timestamp":"2026-11-21T10:00:00Z","level":"WARN","message":"a"}', "warning"),
            ('{"timestamp":"2026-11-21T10:00:00Z","level":"INFO","message":"\\"level\\":\\"ERROR\\""}', None),
            ('{"time":"2026-11-21T10:00:00Z","status":500,"path":"/connect/"}', None),
            ("2026/11/21 10:00:00 [error] 29#29: *1 open() \"/x\" failed (13: Permission denied)", "error"),
            ("2026/11/21 10:00:00 [error] 29#29: *1 connect() failed (111: Connection refused) while connecting to upstream", None),
            ("2026/11/21 10:00:00 [error] 29#29: *1 a user: password mismatch", None),
            ("2026/11/21 10:00:00 [crit] 29#29: *1 SSL_do_handshake() failed (SSL: error) while SSL handshaking", None),
            ("2026/11/21 10:00:00 [crit] 29#29: no space", "error"),
            ("2026/11/21 10:00:00 [warn] 29#29: a body is buffered", "warning"),
            ("2026/11/21 10:00:00 [notice] 29#29: reloads", None),
            ("nginx: [emerg] no such file", "error"),
            ('2026-11-21 10:00:00.123 UTC [77] karibu ERROR:  relation "x" does not exist', "error"),
            ("2026-11-21 10:00:00.123 UTC [77] FATAL:  the database system is starting up", None),
            ("2026-11-21 10:00:00.123 UTC [77] karibu ERROR:  could not serialize access due to concurrent update", None),
            ("2026-11-21 10:00:00.123 UTC [77] karibu FATAL:  password authentication failed", "error"),
            ("2026-11-21 10:00:00.123 UTC [1] PANIC:  could not write", "error"),
            ("2026-11-21 10:00:00.123 UTC [1] WARNING:  worker took too long", "warning"),
            ("2026-11-21 10:00:00.123 UTC [1] LOG:  checkpoint complete", None),
            ("1:M 21 Nov 2026 10:00:00.123 # WARNING Memory overcommit must be enabled!", "warning"),
            ("1:M 21 Nov 2026 10:00:00.123 * Ready to accept connections tcp", None),
            ('ts=2026-11-21T10:00:00Z caller=main.go level=error msg="x"', "error"),
            ('time=2026-11-21T10:00:00Z level=WARN source=a.go msg="x"', "warning"),
            ('time=2026-11-21T10:00:00Z level=INFO msg="level=error"', None),
            ("Traceback (most recent call last):", "error"),
            ("ValueError: level", None),
            ("thread 'main' panicked at src/main.rs:1:1:", "error"),
            ("init: warning: KARIBU_ONCALL is not set", "warning"),
            ("", None),
        ):
            self.assertEqual(level(line.encode()), meant, line)

    def test_noise_is_no_line_of_anybody(self):
        for noise in (b"\xff\xfe\x00" * 5000, b'{"level":', b"{" * 9000, b"level=" * 9000):
            self.assertIsNone(level(noise))

    def test_working_memory_by_both_versions_of_cgroups(self):
        self.assertEqual(working_set({"usage": 10, "stats": {"inactive_file": 4}}), 6)
        self.assertEqual(working_set({"usage": 10, "stats": {"inactive_file": 4, "total_inactive_file": 3}}), 7)
        self.assertEqual(working_set({"usage": 1, "stats": {"inactive_file": 4}}), 0)


if __name__ == "__main__":
    unittest.main()
