"""Follows the log of each container and counts its lines by level. No text is kept longer than it takes to look at it."""

import threading
from datetime import datetime, timezone

from engine import EngineError
from levels import LONGEST, level


def frames(answer):
    """(stream, its first bytes, whether a line ends with it) for each piece of a log. Before each the engine puts eight bytes: stream, three zeros,
    length."""
    while True:
        head = answer.read(8)
        if len(head) < 8:
            return
        length = int.from_bytes(head[4:], "big")
        kept = answer.read(min(length, LONGEST + 64))
        last = kept[-1:]
        length -= len(kept)
        while length > 0:
            rest = answer.read(min(length, 65536))
            if not rest:
                return
            last = rest[-1:]
            length -= len(rest)
        yield head[0], kept, last == b"\n"


class Follower(threading.Thread):
    """Reads the log of one container until it ends or rests; then the collector makes another one, from where this one came to."""

    def __init__(self, engine, container, part, since, ended, counts):
        super().__init__(daemon=True, name=f"log of {part}")
        self.engine, self.container, self.part, self.counts = engine, container, part, counts
        # The moment of the last line that was read, as the engine writes it: seconds and nanoseconds.
        self.since = since
        # When the container had ended, if it had.
        self.ended = ended
        self.gone = threading.Event()

    def run(self):
        try:
            self.follow()
        except (EngineError, OSError, ValueError):
            # The engine rests, or was silent for long.
            pass

    def follow(self):
        # Silence is no fault; but an engine that went without a word must not be waited for for ever.
        answer = self.engine.open(
            f"/containers/{self.container}/logs",
            longest_wait=600,
            follow=1,
            stdout=1,
            stderr=1,
            timestamps=1,
            since=self.since,
        )
        begun = as_nanoseconds(self.since)
        try:
            within = set()
            for stream, text, ends in frames(answer):
                if self.gone.is_set():
                    return
                moment, _, line = text.partition(b" ")
                seen = nanoseconds(moment)
                # Some engines give the lines of the last second again.
                if seen <= begun:
                    continue
                # A long line comes in pieces, and only its first one tells its level.
                if stream not in within:
                    found = level(line)
                    if found:
                        self.counts.add(self.part, found)
                (within.discard if ends else within.add)(stream)
                self.since = f"{seen // 10**9}.{seen % 10**9:09d}"
        finally:
            answer.close()


def nanoseconds(moment):
    """2026-11-21T23:00:00.123456789Z since 1970."""
    whole, _, fraction = moment.rstrip(b"Z").partition(b".")
    seconds = datetime.fromisoformat(whole.decode("ascii")).replace(tzinfo=timezone.utc).timestamp()
    return int(seconds) * 10**9 + int(fraction.ljust(9, b"0")[:9] or b"0")


def as_nanoseconds(since):
    seconds, _, fraction = since.partition(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9])
