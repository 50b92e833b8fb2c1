"""Reads prometheus/views/*.yml and refuses what no generator would understand."""

import re
from dataclasses import dataclass

import yaml

UNITS = {"count", "number", "rate", "seconds", "bytes", "ratio", "state", "open"}
# Length of a bar, and how many make the span.
SPANS = {"1h": ("2m", 2, 30), "24h": ("48m", 48, 30)}
WINDOWS = {"1h": "1 h", "24h": "24 h"}
COMMON = {"kind", "title", "text"}
KEYS = {
    "number": COMMON | {"expr", "unit", "above", "below"},
    "graph": COMMON | {"expr", "unit", "above", "below", "by", "span"},
    "table": COMMON | {"by", "rows", "columns", "empty"},
    "state": COMMON | {"items"},
    "steps": COMMON | {"by", "steps"},
    "alerts": COMMON | {"state"},
}
COLUMN = {"title", "text", "expr", "unit", "above", "below", "by", "bar", "label", "none"}
ITEM = {"title", "text", "expr", "words", "page", "zero"}
STEP = {"title", "text", "expr"}


class Wrong(Exception):
    """The source is wrong; the text says where."""


@dataclass
class Page:
    name: str
    title: str
    short: str
    text: str
    under: str
    panels: list


def pages(folder):
    """All pages, in the order of their files' numbers."""
    made = []
    for path in sorted(folder.glob("[0-9]*.yml")):
        told = yaml.safe_load(path.read_text())
        name = re.sub(r"^\d+-", "", path.stem)
        keys(path.name, told, {"title", "short", "text", "under", "panels"}, {"title", "text", "panels"})
        for panel in told["panels"]:
            judge(f"{path.name}: {panel.get('title')}", panel)
        made.append(Page(name, told["title"], told.get("short", told["title"]), told["text"], told.get("under", ""),
                         told["panels"]))
    names = {page.name for page in made}
    for page in made:
        links = [item.get("page") for panel in page.panels for item in panel.get("items", [])]
        for name in filter(None, [page.under, *links]):
            if name not in names:
                raise Wrong(f"{page.name}: there is no page {name}")
    return made


def keys(where, told, known, needed=frozenset()):
    for key in told.keys() - known:
        raise Wrong(f"{where}: `{key}` is not known")
    for key in needed - told.keys():
        raise Wrong(f"{where}: `{key}` is missing")


def judge(where, panel):
    if panel.get("kind") not in KEYS:
        raise Wrong(f"{where}: kind {panel.get('kind')!r} is not known")
    kind = panel["kind"]
    keys(where, panel, KEYS[kind], {"title"} | (KEYS[kind] & {"expr", "unit", "rows", "columns", "items", "steps", "state"}))
    if panel.get("span", "1h") not in SPANS:
        raise Wrong(f"{where}: span must be one of {', '.join(SPANS)}")
    for column in panel.get("columns", []):
        keys(f"{where}: {column.get('title')}", column, COLUMN, {"title", "expr"} | ({"unit"} - column.keys() if "label" not in column else set()))
    for item in panel.get("items", []):
        keys(where, item, ITEM, {"title", "expr"})
    for step in panel.get("steps", []):
        keys(where, step, STEP, {"title", "expr"})
    for part in [panel, *panel.get("columns", [])]:
        if part.get("unit", "count") not in UNITS:
            raise Wrong(f"{where}: unit {part['unit']!r} is not known")


def expressions(page):
    """(where, expression) of all, as Prometheus gets them."""
    for panel in page.panels:
        where = f"{page.name}: {panel['title']}"
        span = panel.get("span", "1h")
        if "expr" in panel:
            yield where, panel["expr"].replace("$step", SPANS[span][0])
        if "rows" in panel:
            yield f"{where}: rows", panel["rows"]
        for part in [*panel.get("columns", []), *panel.get("items", [])]:
            yield f"{where}: {part['title']}", part["expr"]
        for step in panel.get("steps", []):
            for window in WINDOWS:
                yield f"{where}: {step['title']}, {window}", step["expr"].replace("$window", window)
        if panel["kind"] == "alerts":
            yield where, alerts(panel["state"])


def alerts(state):
    """Each alert of a state, its value the time since when."""
    return (f'sort_desc(ALERTS_FOR_STATE{{severity!="none"}} '
            f'and ignoring (alertstate) ALERTS{{alertstate="{state}",severity!="none"}})')


def summaries(folder):
    """(alert, severity) → summary, as its rule says it. A template that needs the value cannot be told here."""
    found = {}
    for path in sorted(folder.glob("*.yml")):
        for group in yaml.safe_load(path.read_text()).get("groups") or []:
            for rule in group["rules"]:
                summary = rule.get("annotations", {}).get("summary")
                if "alert" in rule and summary and "$value" not in summary:
                    found[rule["alert"], rule["labels"]["severity"]] = summary
    return found


def absent(folder):
    """Metric → why it may be missing."""
    return yaml.safe_load((folder / "absent.yml").read_text())
