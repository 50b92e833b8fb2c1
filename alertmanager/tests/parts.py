"""What the tests beside this share: the real Alertmanager by the filled configuration, a relay with TLS and login, and dead-man receivers.

Everything is on free ports and in a temporary folder, and only the waiting times of the configuration are shortened.
"""

import email
import email.policy
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Where ci/watch-setup puts Alertmanager, which looks for its own templates there.
TOOLS = ROOT / "target/tools/watch"
BEGAN, ENDED, NEVER = "2026-01-05T08:01:30Z", "2026-01-05T08:13:34Z", "2099-01-01T00:00:00Z"
LABELS = ("alertname", "severity", "service", "instance", "part")


def check(right, told):
    """Ends the test with a sentence."""
    if not right:
        raise AssertionError(told)


def until(condition, told, seconds=30):
    """What the condition returns as soon as that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"after {seconds} s: {told}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Relay:
    """The test relay of crates/testkit, with STARTTLS and login."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "mails").mkdir()
        self.number = 0
        pair = [str(folder.parent / "relay.pem"), str(folder.parent / "relay.key")]
        settings = {
            "port": 0, "folder": str(folder / "mails"), "control": str(folder / "control"), "seen": str(folder / "seen"),
            "tls": "starttls", "certificates": {"right": pair}, "user": "karibu", "password": "p@ss: word",
        }
        program = ROOT / "crates/testkit/smtp/server.py"
        self.process = subprocess.Popen(
            ["/usr/bin/python3", str(program), json.dumps(settings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(self.process.stdout.readline().split()[1])
        self.url = f"smtp://karibu:p%40ss%3A%20word@localhost:{self.port}"

    def mode(self, mode, **more):
        """Says how the relay behaves, and waits until it does."""
        self.number += 1
        part = self.folder / "control.part"
        part.write_text(json.dumps({"number": self.number, "mode": mode} | more))
        part.rename(self.folder / "control")
        seen = self.folder / "seen"
        until(lambda: seen.exists() and seen.read_text() == str(self.number), "the relay took no order")

    def mails(self):
        """All mails, the first one first, and to whom they went."""
        taken = []
        for path in sorted((self.folder / "mails").glob("*.eml")):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            mail.envelope = json.loads(path.with_suffix(".json").read_text())
            taken.append(mail)
        return taken

    def wait(self, subject, count=1):
        """The newest mail whose subject holds this, as soon as there are so many."""

        def found():
            mails = [mail for mail in self.mails() if subject in mail["Subject"]]
            return mails[-1] if len(mails) >= count else None

        return until(found, f"no {count}. mail {subject!r} among {[mail['Subject'] for mail in self.mails()]}")

    def end(self):
        self.process.kill()
        self.process.wait()


class Deadman(http.server.ThreadingHTTPServer):
    """Counts pings."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802, the library's name
            self.rfile.read(int(self.headers["Content-Length"]))
            self.server.pings += 1
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.pings = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Alertmanager:
    """The real one, by a copy of ../ with shorter waiting."""

    def __init__(self, folder, relay, deadmen):
        self.folder, self.process = folder, None
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        shutil.copy(folder / "ca.pem", self.secrets)
        self.secret("smtp_url", relay.url)
        self.copy = folder / "alertmanager"
        shutil.copytree(HERE.parent, self.copy, ignore=shutil.ignore_patterns("tests"))
        for name, pattern, short in [
            ("alertmanager.yml", r"(group_wait|group_interval): .*", r"\1: 1s"),
            ("alertmanager.yml", r"repeat_interval: 14s", "repeat_interval: 2s"),
            ("start", r"maintenance-interval=30s", "maintenance-interval=1s"),
        ]:
            path = self.copy / name
            text, changes = re.subn(pattern, short, path.read_text())
            check(changes, f"{name} has no {pattern}")
            path.write_text(text)
        self.port = free_port()
        self.environment = {
            "PATH": f"{TOOLS}/usr/bin:{os.environ['PATH']}", "PUBLIC_URL": "https://register.example.org",
            "ALERT_ONCALL": "anna@example.org, ben@example.org", "ALERT_FROM": "Connect <register@example.org>",
            "ALERT_SECRETS": str(self.secrets), "ALERT_RUN": str(folder / "run"), "ALERT_DATA": str(folder / "data"),
            "ALERT_LISTEN": f"127.0.0.1:{self.port}", "ALERT_LOOK": "0.2",
            "ALERT_DEADMEN": " ".join(f"http://127.0.0.1:{deadman.server_port}/watchdog" for deadman in deadmen),
        }

    def secret(self, name, value):
        (self.secrets / f".{name}").write_text(value)
        (self.secrets / f".{name}").rename(self.secrets / name)

    def start(self, **more):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.copy / "start")], cwd=TOOLS, env=self.environment | more, stdout=log, stderr=log, start_new_session=True
            )
        until(self.ready, "Alertmanager is not ready: " + self.log())

    def log(self):
        return (self.folder / "log").read_text()

    def ready(self):
        check(self.process.poll() is None, "Alertmanager ended: " + self.log())
        try:
            return self.ask("/-/ready") is not None
        except OSError:
            return False

    def end(self, number=signal.SIGTERM):
        if self.process:
            self.process.send_signal(number)
            self.process.wait(20)
            # The loop that looks for changes would see this a moment later.
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process = None

    def ask(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/alertmanager{path}", data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read().decode()

    def metric(self, name):
        """The sum of a metric's values."""
        return sum(float(value) for value in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", self.ask("/metrics"), re.M))

    def post(self, *alerts, ended=None):
        self.ask("/api/v2/alerts", [
            {
                "labels": {name: alert[name] for name in LABELS if name in alert},
                "annotations": {name: text for name, text in alert.items() if name not in LABELS},
                "startsAt": BEGAN, "endsAt": ended or NEVER,
            }
            for alert in alerts
        ])

    def post_together(self, *alerts):
        """They began long ago, so each would be mailed as it comes: a silence holds them until all are there."""
        service = alerts[0]["service"]
        silence = json.loads(self.ask("/api/v2/silences", {
            "matchers": [{"name": "service", "value": service, "isRegex": False}],
            "startsAt": BEGAN, "endsAt": NEVER, "createdBy": "test", "comment": "test",
        }))["silenceID"]
        self.post(*alerts)
        until(lambda: [a["status"]["state"] for a in self.alerts(service)] == ["suppressed"] * len(alerts), "alerts are not held")
        self.ask(f"/api/v2/silence/{silence}", method="DELETE")

    def alerts(self, service):
        return json.loads(self.ask(f"/api/v2/alerts?filter=service%3D%22{service}%22"))

    def changed(self, name, value):
        """Gives another secret and waits until it holds."""
        before = self.metric("alertmanager_config_hash")
        self.secret(name, value)
        until(lambda: self.metric("alertmanager_config_hash") != before, f"{name} was not read again: {self.log()}")


def alert(alertname, severity, service, summary, **more):
    return {"alertname": alertname, "severity": severity, "service": service, "summary": summary} | more


@contextmanager
def watch():
    """A started Alertmanager, two relays and two dead-man receivers; all ended and removed afterwards, whatever happens."""
    with ExitStack() as ends:
        folder = Path(tempfile.mkdtemp(prefix="karibu-alerts-"))
        ends.callback(shutil.rmtree, folder)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "relay.key"), "-out", str(folder / "relay.pem")],
            check=True, capture_output=True,
        )
        shutil.copy(folder / "relay.pem", folder / "ca.pem")
        relays = []
        for name in ("first", "second"):
            relays.append(Relay(folder / name))
            ends.callback(relays[-1].end)
        deadmen = [Deadman(), Deadman()]
        for deadman in deadmen:
            ends.callback(deadman.shutdown)
        manager = Alertmanager(folder, relays[0], deadmen)
        ends.callback(manager.end)
        manager.start()
        yield manager, *relays, deadmen
