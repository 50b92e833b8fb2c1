"""Judges the expressions of the source."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.request

import source
import yaml

TOOLS = pathlib.Path(__file__).resolve().parent.parent.parent / "target" / "tools" / "watch" / "usr" / "bin"
KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool", "inf", "nan"}
# Their label `event` can be that of the probes.
OF_EVENTS = {"karibu_registrations_total", "karibu_page_views_total", "karibu_event_open"}


def promtool():
    for found in (os.environ.get("PROMTOOL"), TOOLS / "promtool", shutil.which("promtool")):
        if found and os.access(found, os.X_OK):
            return str(found)
    raise source.Wrong("there is no promtool: run ci/watch-setup, or set PROMTOOL")


def expressions(pages):
    """Complaints. promtool reads the expressions as rules."""
    wrong = []
    every = [found for page in pages for found in source.expressions(page)]
    for where, expression in every:
        for metric in names(expression) & OF_EVENTS:
            if len(re.findall(rf'{metric}\{{[^}}]*event!="_check"', expression)) != len(re.findall(rf"\b{metric}\b", expression)):
                wrong.append(f"{where}: {metric} needs event!=\"_check\"")
        if "`" in expression:
            wrong.append(f"{where}: a backquote ends the string of a console template")
    rules = [{"record": f"view:n{at}:expression", "expr": expression} for at, (_, expression) in enumerate(every)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "views", "rules": rules}]}, file)
        file.flush()
        ran = subprocess.run([promtool(), "check", "rules", "--lint=none", file.name], capture_output=True, text=True, check=False)
    if ran.returncode:
        told = re.sub(r'"?view:n(\d+):expression"?', lambda hit: every[int(hit[1])][0], ran.stdout + ran.stderr)
        wrong.append(told.replace(file.name, "prometheus/views"))
    return wrong


def names(expression):
    """Metrics that an expression reads."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    bare = re.sub(r"\boffset\s+\w+", "", bare)
    found = re.findall(r"\b([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return {name for name in found if name.lower() not in KEYWORDS}


def metrics(pages, url, absent):
    """Complaints about metrics that this Prometheus does not have."""
    with urllib.request.urlopen(f"{url.rstrip('/')}/api/v1/label/__name__/values", timeout=30) as answer:
        there = set(json.load(answer)["data"])
    wrong, used = [], set()
    for page in pages:
        for where, expression in source.expressions(page):
            used |= names(expression)
            wrong += [f"{where}: {name} does not exist there" for name in sorted(names(expression) - there - absent.keys())]
    wrong += [f"absent.yml: no view reads {name}" for name in sorted(absent.keys() - used)]
    return wrong
