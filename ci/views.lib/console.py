"""Prometheus console templates: HTML with its CSS inside, no script, no library. Go templates know neither arithmetic nor
range queries, so PromQL computes all sizes, and a graph asks once per bar."""

import html
import pathlib
import re

import source

HERE = pathlib.Path(__file__).resolve().parent
TAGS = {"above": ("high", "too high"), "below": ("low", "too low")}
TAGS_OF_SECONDS = {"above": ("long", "too long"), "below": ("soon", "too soon")}
# How finely a bar's end is placed, and its peak is sought.
GRAIN = {"1h": "1m", "24h": "6m"}
AGO = {"1h": "1 h ago", "24h": "24 h ago"}
HEADS = {"alertname": "Alert", "device": "Disk"}
esc = html.escape


def render(page, pages, summaries):
    body = "\n".join(chunk for group in groups(page.panels) for chunk in group)
    frame = (HERE / "console.html").read_text()
    filled = {
        "TITLE": esc(page.title),
        "TEXT": esc(page.text),
        "NAME": page.name,
        "NAV": nav(page, pages),
        "CSS": (HERE / "console.css").read_text().rstrip(),
        "OFFSETS": " ".join(offsets("1h")),
        "OFFSETS_DAY": " ".join(offsets("24h")),
        "SUMMARIES": summary_branches(summaries),
        "BODY": body,
    }
    return re.sub(r"@([A-Z_]+)@", lambda hit: filled[hit[1]], frame)


def nav(page, pages):
    """Pages of the first level, and those below this one's."""
    top = page.under or page.name
    lines = [nav_line([other for other in pages if not other.under], page, top, "Views")]
    below = [other for other in pages if other.under == top]
    if below:
        lines.append(nav_line(below, page, "", "Services"))
    return "\n".join(lines)


def nav_line(those, page, top, label):
    links = []
    for other in those:
        here = ' aria-current="page"' if other is page else ' class="above"' if other.name == top else ""
        links.append(f'<a href="{other.name}.html"{here}>{esc(other.short)}</a>')
    return f'<nav aria-label="{label}">{" ".join(links)}</nav>'


def offsets(span):
    """How long ago each bar is, oldest first. Go goes through `args` by the order of its names: arg0 arg1 arg10 arg11 …"""
    _, minutes, count = source.SPANS[span]
    order = sorted(range(count), key=lambda number: f"arg{number}")
    told = [""] * count
    for bar, number in enumerate(order):
        ago = (count - 1 - bar) * minutes
        told[number] = f'" offset {ago}m"' if ago else '""'
    return told


def summary_branches(summaries):
    """What each alert's rule says: its template is of the same language, and knows the same `$labels`."""
    branches = []
    for (alert, severity), text in sorted(summaries.items()):
        told = "".join(part if part.startswith("{{") else esc(part, quote=False) for part in re.split(r"(\{\{.*?\}\})", text))
        branches.append('{{if and (eq $labels.alertname "%s") (eq $labels.severity "%s")}}%s{{end}}' % (alert, severity, told))
    return "{{$labels := .Labels}}" + "".join(branches)


def groups(panels):
    """Numbers that follow each other share a row, and so do graphs of one series."""
    row, kind = [], None
    for panel in panels:
        this = panel["kind"] if panel["kind"] in ("number", "graph") and not panel.get("by") else None
        if row and this != kind:
            yield wrap(kind, row)
            row = []
        kind = this
        if this:
            row.append(DRAW[this](panel))
        else:
            yield [DRAW[panel["kind"]](panel)]
    if row:
        yield wrap(kind, row)


def wrap(kind, row):
    return ['<dl class="figures">', *row, "</dl>"] if kind == "number" else ['<div class="graphs">', *row, "</div>"]


def small(text):
    return f" <small>{esc(text)}</small>" if text else ""


def head(panel):
    text = f"\n<p class=\"soft\">{esc(panel['text'])}</p>" if panel.get("text") else ""
    return f"<h2>{esc(panel['title'])}</h2>{text}"


def level(part, value="$v"):
    """The class and the word of a value beyond its bounds."""
    for side, compare in (("above", "gt"), ("below", "lt")):
        if side in part:
            warn, bad = (float(bound) for bound in part[side])
            words = ("▲", "▲") if 0 <= warn < 1 and part["unit"] == "count" else (TAGS_OF_SECONDS if part["unit"] == "seconds" else TAGS)[side]
            one = f"{{{{if {compare} {value} {bad}}}}}%s{{{{else if {compare} {value} {warn}}}}}%s{{{{end}}}}"
            return one % (" bad", " warn"), one % (f" <b>{words[1]}</b>", f" <b>{words[0]}</b>")
    return "", ""


def shown(unit, value="$v"):
    return f'{{{{template "{unit}" {value}}}}}'


def number(panel):
    colour, tag = level(panel)
    return f"""<div><dt>{esc(panel['title'])}{small(panel.get('text'))}</dt>
{{{{with query `{panel['expr']}`}}}}{{{{$v := . | first | value}}}}<dd class="value{colour}">{shown(panel['unit'])}{tag}</dd>\
{{{{else}}}}<dd class="none">no data</dd>{{{{end}}}}</div>"""


def only(by, expression):
    """Go: the expression for the labels of one row."""
    text = f"({expression})".replace("%", "%%")
    for label in by:
        text += f' and on ({label}) label_replace(vector(1), "{label}", %q, "", "")'
    return f"(printf `{text}` {' '.join(f'.Labels.{label}' for label in by)})" if by else f"`{expression}`"


def graph(panel):
    span = panel.get("span", "1h")
    step, by = source.SPANS[span][0], panel.get("by", [])
    expression = panel["expr"].replace("$step", step)
    colour, tag = level(panel)
    name = " ".join(f"{{{{.Labels.{label}}}}}" for label in by)
    order = f' | sortByLabel "{by[0]}"' if by else ""
    bars = "bars" if span == "1h" else "bars of the day"
    tall = f"""{{{{range query `max_over_time((({expression}) >= 0)[{span}:{GRAIN[span]}])`{order}}}}}{{{{$peak := .Value}}}}\
{{{{$one := {only(by, expression)}}}}}
<figure><figcaption>{name or esc(panel['title']) + small(panel.get('text'))} {{{{with query $one}}}}{{{{$v := . | first | value}}}}\
<span class="value{colour}">{shown(panel['unit'])}{tag}</span>{{{{else}}}}<span class="none">no data</span>{{{{end}}}}</figcaption>
<svg viewBox="0 0 180 30" preserveAspectRatio="none" role="img" aria-label="The highest was {shown(panel['unit'], '$peak')}">\
<path d="M3 30{{{{template "{bars}" (args $one $peak)}}}}"/></svg>
<p class="axis"><span>{AGO[span]}</span><span>highest {shown(panel['unit'], '$peak')}</span><span>now</span></p></figure>"""
    if by:
        return f'<section>\n{head(panel)}\n<div class="graphs">{tall}\n{{{{else}}}}<p class="none">no data</p>{{{{end}}}}</div>\n</section>'
    title = esc(panel["title"]) + small(panel.get("text"))
    return f"""{tall}
{{{{else}}}}<figure class="empty"><figcaption>{title} <span class="none">no data</span></figcaption></figure>{{{{end}}}}"""


def cell(column, name, by):
    colour, tag = level(column)
    same = " ".join(f"(eq .Labels.{label} $r.Labels.{label})" for label in column.get("by", by))
    told = f"{{{{.Labels.{column['label']}}}}}" if "label" in column else shown(column["unit"]) + tag
    bar = '{{template "share" $v}}' if column.get("bar") else ""
    absent = column.get("none", "–")
    return f"""<td data-title="{esc(column['title'])}"{shape(column)}>{{{{$seen := false}}}}{{{{range {name}}}}}{{{{if and {same} true}}}}{{{{$seen = true}}}}\
{{{{$v := .Value}}}}<span class="value{colour}">{told}</span>{bar}{{{{end}}}}{{{{end}}}}\
{{{{if not $seen}}}}<span class="none">{esc(absent)}</span>{{{{end}}}}</td>"""


def shape(column):
    """Numbers stand below each other."""
    return ' class="b"' if column.get("bar") else "" if "label" in column or column["unit"] in ("state", "open") else ' class="n"'


def table(panel):
    by, columns = panel["by"], panel["columns"]
    queries = "".join(f"{{{{$c{at} := query `{column['expr']}`}}}}\n" for at, column in enumerate(columns))
    main = by[-1]
    rest = "".join(f"{{{{if ne .Labels.{label} .Labels.{main}}}}} <small>{{{{.Labels.{label}}}}}</small>{{{{end}}}}" for label in reversed(by[:-1]))
    heads = "".join(f"<th scope=\"col\"{shape(column)}>{esc(column['title'])}{small(column.get('text'))}</th>" for column in columns)
    cells = "\n".join(cell(column, f"$c{at}", by) for at, column in enumerate(columns))
    rows = f"`{panel['rows']}`" if panel["rows"].startswith("sort_desc") else f'`{panel["rows"]}` | sortByLabel "{main}"'
    return f"""<section>
{head(panel)}
{queries}{{{{with query {rows}}}}}<table><thead><tr><th scope="col">{HEADS.get(main, main.capitalize())}</th>{heads}</tr></thead>
<tbody>{{{{range .}}}}{{{{$r := .}}}}<tr><th scope="row">{{{{.Labels.{main}}}}}{rest}</th>
{cells}</tr>
{{{{end}}}}</tbody></table>{{{{else}}}}<p class="none">{esc(panel.get('empty', 'no data'))}</p>{{{{end}}}}
</section>"""


def state(panel):
    items = []
    for item in panel["items"]:
        up, part, down = item.get("words", ["up", "in part", "down"])
        title = f"<a href=\"{item['page']}.html\">{esc(item['title'])}</a>" if "page" in item else esc(item["title"])
        items.append(f"""<div><dt>{title}{small(item.get('text'))}</dt>
{{{{with query `{item['expr']}`}}}}{{{{$v := . | first | value}}}}{{{{if ge $v 1.0}}}}<dd class="state good">{esc(up)}</dd>\
{{{{else if gt $v 0.0}}}}<dd class="state warn">{esc(part)}</dd>{{{{else}}}}<dd class="state {item.get('zero', 'bad')}">{esc(down)}</dd>{{{{end}}}}\
{{{{else}}}}<dd class="none">no data</dd>{{{{end}}}}</div>""")
    return f'<section>\n{head(panel)}\n<dl class="states">\n' + "\n".join(items) + "\n</dl>\n</section>"


def steps(panel):
    by = panel.get("by", [])
    labels = ", ".join(by)
    day = [step["expr"].replace("$window", "24h") for step in panel["steps"]]
    every = " or ".join(f'label_replace({one}, "step", "{at}", "", "")' for at, one in enumerate(day))
    peak = f"max by ({labels}) ({every})"
    same = " ".join(f"(eq .Labels.{label} $r.Labels.{label})" for label in by)
    queries, rows = "", []
    for at, step in enumerate(panel["steps"]):
        queries += f"{{{{$d{at} := query `{day[at]}`}}}}{{{{$h{at} := query `{step['expr'].replace('$window', '1h')}`}}}}\n"
        queries += f"{{{{$w{at} := query `({day[at]}) / on ({labels}) ({peak} > 0)`}}}}\n"

        def told(name, what, none="–"):
            return (f"{{{{$seen := false}}}}{{{{range {name}}}}}{{{{if and {same} true}}}}{{{{$seen = true}}}}{what}{{{{end}}}}{{{{end}}}}"
                    f"{{{{if not $seen}}}}{none}{{{{end}}}}")

        rows.append(f"""<tr><th scope="row">{esc(step['title'])}{small(step.get('text'))}</th>\
<td class="wide">{told(f'$w{at}', '{{template "share" .Value}}', '')}</td>
<td>{told(f'$d{at}', '{{template "count" .Value}}')}</td><td>{told(f'$h{at}', '{{template "count" .Value}}')}</td></tr>""")
    title = f"<h3>{' '.join(f'{{{{.Labels.{label}}}}}' for label in by)}</h3>" if by else ""
    body = "\n".join(rows)
    return f"""<section>
{head(panel)}
{queries}{{{{range query `{peak}` {f'| sortByLabel "{by[0]}"' if by else ''}}}}}{{{{$r := .}}}}{title}
<table class="steps"><thead><tr><th scope="col">Step</th><th class="wide"></th><th scope="col">24 h</th><th scope="col">1 h</th></tr></thead>
<tbody>{body}</tbody></table>
{{{{else}}}}<p class="none">no data</p>{{{{end}}}}
</section>"""


def alerts(panel):
    quiet = {"firing": '<p class="calm">No alert.</p>', "pending": '<p class="soft">None.</p>'}[panel["state"]]
    # Without the Watchdog the rules are not evaluated, and silence says nothing.
    deaf = """<p class="note warn">The alert rules are not heard: their Watchdog does not fire. No alert here means nothing.</p>"""
    if panel["state"] == "firing":
        quiet = f'{{{{if query `ALERTS{{alertname="Watchdog",alertstate="firing"}}`}}}}{quiet}{{{{else}}}}{deaf}{{{{end}}}}'
    return f"""<section>
{head(panel)}
{{{{with query `{source.alerts(panel['state'])}`}}}}<ul class="alerts">
{{{{range .}}}}{{{{if eq .Labels.severity "critical"}}}}{{{{template "alert" .}}}}{{{{end}}}}{{{{end}}}}\
{{{{range .}}}}{{{{if ne .Labels.severity "critical"}}}}{{{{template "alert" .}}}}{{{{end}}}}{{{{end}}}}</ul>{{{{else}}}}{quiet}{{{{end}}}}
</section>"""


DRAW = {"number": number, "graph": graph, "table": table, "state": state, "steps": steps, "alerts": alerts}
