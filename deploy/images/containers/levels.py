"""Tells from a line of a log whether it is an error, a warning, or neither. Each part of the cluster writes in its own way.

What counts, by the first 4,096 bytes of a line:
- JSON (web, notifier, viewer): the field "level".
- nginx: [error], [crit], [alert], [emerg] and [warn] of its error log. Not a web that is away, which is judged by itself; nor a wrong password or a
  handshake that failed, which anybody can cause. Its access log, statuses of 500 too, is not a complaint.
- PostgreSQL: ERROR, FATAL, PANIC; WARNING. Not what belongs to a day without fault: transactions that wait for each other or repeat each other's
  work and are tried again, statements that took too long and were given up, clients that come while it starts or stops or go without a word.
- Redis: lines marked # are warnings; it has no errors.
- logfmt (Prometheus, Alertmanager, exporters): the first level=.
- Python (catcher, the collector itself) and Rust: a traceback or a panic is one error, its further lines are none.
- The scripts around them say "NAME: warning: …" and "NAME: error: …".
"""

import re

LONGEST = 4096

_JSON = re.compile(rb'"level"\s*:\s*"([A-Za-z]+)"')
_NGINX = re.compile(rb"(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d|nginx:) \[([a-z]+)\] (.*)")
_OUTSIDE = re.compile(
    rb"connect\(\) failed|no live upstreams|upstream (?:prematurely closed|timed out)|recv\(\) failed|password mismatch|was not found in"
    rb"|while SSL handshaking"
)
_POSTGRES = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* \S+ \[\d+\] .*?\b(WARNING|ERROR|FATAL|PANIC):  (.*)")
_EVERYDAY = re.compile(
    rb"could not serialize access|deadlock detected|duplicate key value|canceling statement due to"
    rb"|the database system is (?:starting up|shutting down|not yet accepting)|terminating connection due to administrator"
    rb"|connection to client lost|terminating walsender|terminating background worker"
)
_REDIS = re.compile(rb"\d+:[A-Z] \d\d [A-Z][a-z]{2} \d{4} \S+ # ")
_LOGFMT = re.compile(rb"(?:^|\s)level=\"?([A-Za-z]+)")
_SAID = re.compile(rb"[a-z/_-]+: (warning|error): ")
_TRACE = re.compile(rb"Traceback \(most recent call last\):|thread '.*' (?:\(\d+\) )?panicked at ")

_MEANING = {
    b"error": "error",
    b"err": "error",
    b"crit": "error",
    b"critical": "error",
    b"alert": "error",
    b"emerg": "error",
    b"fatal": "error",
    b"panic": "error",
    b"warn": "warning",
    b"warning": "warning",
}


def level(line):
    """ "error", "warning" or None, for the bytes of one line."""
    line = line[:LONGEST]
    if line.startswith(b"{"):
        found = _JSON.search(line)
        return _MEANING.get(found[1].lower()) if found else None
    found = _NGINX.match(line)
    if found:
        return None if _OUTSIDE.search(found[2]) else _MEANING.get(found[1])
    found = _POSTGRES.match(line)
    if found:
        return None if _EVERYDAY.search(found[2]) else _MEANING[found[1].lower()]
    if _REDIS.match(line):
        return "warning"
    if _TRACE.match(line):
        return "error"
    found = _SAID.match(line) or _LOGFMT.search(line)
    return _MEANING.get(found[1].lower()) if found else None
