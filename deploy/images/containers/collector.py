"""Tells Prometheus what the Docker engine knows of the containers of one compose project: do they run, are they well, what do they take, how often
were they started again, and how many errors and warnings do they log.

Label `part` is the name of the compose service. What ends by design (restart policy "no": init, migrate) has its log counted and nothing else.
"""

import json
import os
import socket
import sys
import threading
import time

from engine import Engine, EngineError
from follow import Follower, as_nanoseconds, nanoseconds

LOOK = 5
# A new engine makes a new socket, and what is mounted here stays the old one: after so long without an answer the collector ends and the engine, if it
# is there, starts it again.
PATIENCE = 120

HELP = {
    "container_running": ("gauge", "Whether the part's container runs and is not paused."),
    "container_healthy": ("gauge", "Whether its health check is content; absent without one."),
    "container_start_time_seconds": ("gauge", "When it was started last."),
    "container_restarts_total": ("counter", "How often its restart policy started it again, since it was made."),
    "container_replacements_total": ("counter", "How often another container took its place, since the collector began."),
    "container_cpu_seconds_total": ("counter", "Processor time of all its processes."),
    "container_memory_bytes": ("gauge", "Memory it cannot give back: without the page cache that is not in use."),
    "container_memory_limit_bytes": ("gauge", "Its limit."),
    "container_oom_kills_total": ("counter", "Processes of it that were ended for want of memory, since the collector began."),
    "container_log_lines_total": ("counter", "Lines of its log by level, since the collector began."),
    "container_collector_last_success_timestamp_seconds": ("gauge", "When the engine last answered all questions."),
}


class Counts:
    """Counters that threads add to."""

    def __init__(self):
        self.lock = threading.Lock()
        self.values = {}

    def know(self, part):
        for found in ("error", "warning"):
            self.add(part, found, 0)

    def add(self, part, found, more=1):
        with self.lock:
            self.values[part, found] = self.values.get((part, found), 0) + more

    def all(self):
        with self.lock:
            return dict(self.values)


def part_of(labels):
    return labels.get("com.docker.compose.service", "")


def working_set(memory):
    """Usage without the files that the kernel would drop first, by either version of cgroups."""
    stats = memory.get("stats") or {}
    return max(0, memory["usage"] - stats.get("total_inactive_file", stats.get("inactive_file", 0)))


class Collector:
    def __init__(self, engine, project):
        self.engine, self.project = engine, project
        self.logs, self.ooms = Counts(), Counts()
        self.followers = {}
        self.replaced = {}
        self.newest = {}
        # Finished samples: (name, labels) → value. Replaced as a whole.
        self.samples = {}
        self.answered = time.monotonic()
        self.first = True

    def look(self):
        """One round: every question to the engine. Raises EngineError when one is not answered."""
        filters = '{"label":["com.docker.compose.project=' + self.project + '"]}'
        listed = self.engine.get("/containers/json", all=1, filters=filters)
        samples, present, newest = {}, set(), {}
        for container in sorted(listed, key=lambda each: each["Created"]):
            part = part_of(container["Labels"])
            if not part or container["Labels"].get("com.docker.compose.oneoff") == "True":
                continue
            try:
                known = self.engine.get(f"/containers/{container['Id']}/json")
                taken = None
                if known["State"]["Running"]:
                    taken = self.engine.get(f"/containers/{container['Id']}/stats", **{"stream": "false", "one-shot": "true"})
            except EngineError as error:
                # It went since it was listed.
                if str(error).startswith(("404", "409")):
                    continue
                raise
            present.add(container["Id"])
            self.follow(container["Id"], part, known["State"])
            if known["HostConfig"]["RestartPolicy"]["Name"] not in ("", "no"):
                newest[part] = container["Id"]
                samples.update(self.judge(part, known, taken))
        for part, container in newest.items():
            if self.newest.get(part, container) != container:
                self.replaced[part] = self.replaced.get(part, 0) + 1
            samples["container_replacements_total", (("part", part),)] = self.replaced.get(part, 0)
        # A part that is gone for a moment is replaced, not new.
        self.newest.update(newest)
        for container in set(self.followers) - present:
            self.followers.pop(container).gone.set()
        samples["container_collector_last_success_timestamp_seconds", ()] = round(time.time(), 3)
        self.samples = samples
        self.answered = time.monotonic()
        self.first = False

    def follow(self, container, part, state):
        # Of what was there before the collector only new lines count; of what comes later every one.
        since = f"{time.time():.9f}" if self.first else "0"
        ended = None if state["Running"] else state["FinishedAt"]
        before = self.followers.get(container)
        if before:
            # It reads still, or has read what there is of a container that rests.
            if before.is_alive() or ended and before.ended == ended:
                return
            since = before.since
        self.logs.know(part)
        self.ooms.add(part, "oom", 0)
        self.followers[container] = Follower(self.engine, container, part, since, ended, self.logs)
        self.followers[container].start()

    def judge(self, part, known, taken):
        label = (("part", part),)
        state = known["State"]
        runs = state["Running"] and not state["Paused"] and not state["Restarting"]
        yield ("container_running", label), int(runs)
        if state.get("Health"):
            yield ("container_healthy", label), int(runs and state["Health"]["Status"] == "healthy")
        started = nanoseconds(state["StartedAt"].encode()) / 10**9
        if started > 0:
            yield ("container_start_time_seconds", label), round(started, 3)
        yield ("container_restarts_total", label), known["RestartCount"]
        if known["HostConfig"]["Memory"]:
            yield ("container_memory_limit_bytes", label), known["HostConfig"]["Memory"]
        # A container that ends meanwhile has none.
        if taken and taken.get("memory_stats", {}).get("usage"):
            yield ("container_cpu_seconds_total", label), taken["cpu_stats"]["cpu_usage"]["total_usage"] / 10**9
            yield ("container_memory_bytes", label), working_set(taken["memory_stats"])

    def watch_ooms(self):
        """Follows the engine's events for processes that were ended for want of memory."""
        filters = '{"type":["container"],"event":["oom"],"label":["com.docker.compose.project=' + self.project + '"]}'
        since = f"{time.time():.9f}"
        while True:
            try:
                answer = self.engine.open("/events", longest_wait=600, filters=filters, since=since)
                try:
                    self.take_ooms(answer, since)
                finally:
                    answer.close()
            except (EngineError, OSError, ValueError):
                pass
            since = f"{time.time():.9f}"
            time.sleep(2)

    def take_ooms(self, answer, since):
        while True:
            text = answer.line()
            if not text:
                return
            event = json.loads(text)
            if event["timeNano"] > as_nanoseconds(since):
                self.ooms.add(part_of(event["Actor"]["Attributes"]), "oom")

    def page(self):
        """All samples in Prometheus' text format."""
        samples = dict(self.samples)
        for (part, found), value in self.logs.all().items():
            samples["container_log_lines_total", (("part", part), ("level", found))] = value
        for (part, _), value in self.ooms.all().items():
            samples["container_oom_kills_total", (("part", part),)] = value
        lines = []
        for name, (kind, text) in HELP.items():
            mine = sorted((labels, value) for (sample, labels), value in samples.items() if sample == name)
            if mine:
                lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
            for labels, value in mine:
                inside = ",".join(f'{key}="{text}"' for key, text in labels)
                lines.append(f"{name}{{{inside}}} {value}" if inside else f"{name} {value}")
        return "\n".join(lines) + "\n"

    def run(self):
        complained = False
        while True:
            begun = time.monotonic()
            try:
                self.look()
                complained = False
            except (EngineError, KeyError, TypeError) as error:
                if not complained:
                    print(f"containers: warning: the engine did not answer: {error!r}", file=sys.stderr, flush=True)
                complained = True
            if time.monotonic() - self.answered > PATIENCE:
                print(f"containers: error: no answer from the engine for {PATIENCE} s", file=sys.stderr, flush=True)
                os._exit(1)
            time.sleep(max(0.5, LOOK - (time.monotonic() - begun)))


def serve(collector, listener):
    """Answers GET /metrics and /healthz, one after the other."""
    while True:
        client, _ = listener.accept()
        try:
            client.settimeout(2)
            asked = client.recv(4096).split(b"\r\n")[0].split()
            path = asked[1].decode("latin-1") if len(asked) > 1 and asked[0] == b"GET" else ""
            status, text = "404 Not Found", "There are /metrics and /healthz.\n"
            if path == "/metrics":
                status, text = "200 OK", collector.page()
            elif path == "/healthz":
                well = not collector.first and time.monotonic() - collector.answered < 30
                status, text = ("200 OK", "ok\n") if well else ("503 Service Unavailable", "the engine does not answer\n")
            body = text.encode()
            head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            client.sendall(head.encode() + body)
        except OSError:
            pass
        finally:
            client.close()


def step_down(path, user):
    """Becomes a user without powers, in the group that may use the engine's socket."""
    group = os.stat(path).st_gid
    os.setgroups([group])
    os.setgid(user)
    os.setuid(user)


def own_project(engine):
    """The project of the container that this runs in."""
    known = engine.get(f"/containers/{socket.gethostname()}/json")
    return known["Config"]["Labels"]["com.docker.compose.project"]


def main():
    path = os.environ.get("CONTAINERS_SOCKET", "/var/run/docker.sock")
    if os.getuid() == 0:
        step_down(path, 10010)
    engine = Engine(path)
    collector = Collector(engine, os.environ.get("CONTAINERS_PROJECT") or own_project(engine))
    listener = socket.create_server(("0.0.0.0", int(os.environ.get("CONTAINERS_PORT", "9600"))), backlog=16)
    threading.stack_size(256 * 1024)
    threading.Thread(target=collector.run, daemon=True, name="looks").start()
    threading.Thread(target=collector.watch_ooms, daemon=True, name="events").start()
    serve(collector, listener)


if __name__ == "__main__":
    try:
        main()
    except (EngineError, OSError) as error:
        sys.exit(f"containers: error: {error}")
