"""Grafana dashboards of the same expressions, for those who can have Grafana. Checked by their form only."""

import json

import source

UNITS = {"count": "short", "number": "short", "rate": "reqps", "seconds": "s", "bytes": "bytes", "ratio": "percentunit", "state": "none", "open": "none"}
SOURCE = {"type": "prometheus", "uid": "${source}"}
GREEN, YELLOW, RED = "green", "orange", "red"


def render(page):
    panels, y, x, tall = [], 0, 0, 0
    for number, panel in enumerate(page.panels, 1):
        width, height = size(panel)
        if x + width > 24 or height != tall:
            y, x, tall = y + tall, 0, height
        panels.append(draw(panel) | {"id": number, "gridPos": {"x": x, "y": y, "w": width, "h": height}})
        x += width
    board = {
        "uid": f"karibu-{page.name}",
        "title": f"Karibu: {page.title}",
        "description": page.text,
        "tags": ["karibu"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "utc",
        "refresh": "",
        "time": {"from": "now-1h", "to": "now"},
        "links": [{"type": "dashboards", "title": "Views", "tags": ["karibu"], "asDropdown": True, "keepTime": True}],
        "templating": {"list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}]},
        "annotations": {"list": []},
        "panels": panels,
    }
    return json.dumps(board, indent=1, ensure_ascii=False) + "\n"


def size(panel):
    kinds = {"number": (4, 4), "graph": (12, 8), "table": (24, 9), "state": (24, 4), "steps": (24, 8), "alerts": (24, 6)}
    return kinds[panel["kind"]]


def target(expression, ref="A", legend="", **more):
    return {"refId": ref, "expr": expression, "legendFormat": legend, "datasource": SOURCE} | more


def instant(expression, ref="A", legend="", **more):
    return target(expression, ref, legend, instant=True, range=False, **more)


def thresholds(part):
    steps = [{"color": GREEN, "value": None}]
    if "above" in part:
        warn, bad = part["above"]
        steps += [{"color": YELLOW, "value": warn}] if warn != bad else []
        steps += [{"color": RED, "value": bad}]
    if "below" in part:
        warn, bad = part["below"]
        steps = [{"color": RED, "value": None}] + ([{"color": YELLOW, "value": bad}] if warn != bad else []) + [{"color": GREEN, "value": warn}]
    return {"mode": "absolute", "steps": steps}


def defaults(part):
    return {"unit": UNITS[part.get("unit", "count")], "thresholds": thresholds(part)}


def words(up, part, down):
    told = {"0": {"text": down, "color": RED}, "1": {"text": up, "color": GREEN}}
    between = [{"type": "range", "options": {"from": 0.0001, "to": 0.9999, "result": {"text": part, "color": YELLOW}}}] if part else []
    return [{"type": "value", "options": told}, *between]


def base(panel, kind, targets, field, options, overrides=()):
    return {
        "type": kind,
        "title": panel["title"],
        "description": panel.get("text", ""),
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": field, "overrides": list(overrides)},
        "options": options,
    }


def draw(panel):
    return {"number": number, "graph": graph, "table": table, "state": state, "steps": steps, "alerts": alerts}[panel["kind"]](panel)


REDUCED = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value", "graphMode": "none", "textMode": "auto"}


def number(panel):
    return base(panel, "stat", [instant(panel["expr"])], defaults(panel), REDUCED)


def graph(panel):
    span = panel.get("span", "1h")
    step = source.SPANS[span][0]
    legend = " ".join(f"{{{{{label}}}}}" for label in panel.get("by", [])) or panel["title"]
    field = defaults(panel) | {"min": 0, "custom": {"drawStyle": "bars" if "$step" in panel["expr"] else "line", "fillOpacity": 20, "lineWidth": 1}}
    made = base(panel, "timeseries", [target(panel["expr"].replace("$step", step), legend=legend)], field,
                {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": bool(panel.get("by"))}, "tooltip": {"mode": "multi"}})
    # The expression's own window is the bar.
    more = {"interval": step} if "$step" in panel["expr"] else {}
    return made | more | ({"timeFrom": "24h"} if span == "24h" else {})


def table(panel):
    """The columns, joined by their labels; the rows without one show nothing."""
    targets, overrides, renames = [], [], {}
    for at, column in enumerate(panel["columns"]):
        ref = chr(ord("A") + at)
        targets.append(instant(column["expr"], ref, format="table"))
        if "label" in column:
            renames[column["label"]] = column["title"]
            continue
        renames[f"Value #{ref}"] = column["title"]
        properties = [{"id": "unit", "value": UNITS[column["unit"]]}, {"id": "thresholds", "value": thresholds(column)}]
        if {"above", "below"} & column.keys():
            properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        if column["unit"] in ("state", "open"):
            names = ("up", "", "down") if column["unit"] == "state" else ("open", "", "not open")
            properties.append({"id": "mappings", "value": words(*names)})
        overrides.append({"matcher": {"id": "byName", "options": column["title"]}, "properties": properties})
    hidden = {"Time": True} | {f"Value #{target['refId']}": True for column, target in zip(panel["columns"], targets) if "label" in column}
    made = base(panel, "table", targets, {}, {"showHeader": True, "cellHeight": "sm"}, overrides)
    return made | {"transformations": [{"id": "merge", "options": {}}, {"id": "organize", "options": {"excludeByName": hidden, "renameByName": renames}}]}


def state(panel):
    targets, overrides = [], []
    for at, item in enumerate(panel["items"]):
        targets.append(instant(item["expr"], chr(ord("A") + at), item["title"]))
        mappings = words(*item.get("words", ("up", "in part", "down")))
        overrides.append({"matcher": {"id": "byName", "options": item["title"]}, "properties": [{"id": "mappings", "value": mappings}]})
    return base(panel, "stat", targets, {"noValue": "no data"}, REDUCED | {"textMode": "value_and_name"}, overrides)


def steps(panel):
    by = " ".join(f"{{{{{label}}}}}" for label in panel.get("by", []))
    targets = [instant(step["expr"].replace("$window", "24h"), chr(ord("A") + at), f"{by} {step['title']}".strip())
               for at, step in enumerate(panel["steps"])]
    field = {"unit": "short", "decimals": 0, "min": 0}
    return base(panel, "bargauge", targets, field, {"orientation": "horizontal", "displayMode": "basic", "reduceOptions": REDUCED["reduceOptions"]})


def alerts(panel):
    targets = [instant(source.alerts(panel["state"]) + " * 1000", format="table")]
    overrides = [{"matcher": {"id": "byName", "options": "since"}, "properties": [{"id": "unit", "value": "dateTimeAsIso"}]}]
    made = base(panel, "table", targets, {"noValue": "No alert."}, {"showHeader": True, "cellHeight": "sm"}, overrides)
    return made | {"transformations": [{"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": "since"}}}]}
