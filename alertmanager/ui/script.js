// Alerts now, and silences: Debian's Alertmanager comes without pages, so these are Karibu's. All that is shown is set as text, never as HTML.
"use strict";

const ORDER = { critical: 0, warning: 1 };
const form = document.querySelector("#silence");
const problem = form.querySelector(".problem");

/** An element with properties and children; `class` names its class. */
function make(name, properties, ...children) {
  const { class: kind, ...others } = properties;
  const element = Object.assign(document.createElement(name), others);
  if (kind) element.className = kind;
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Asks Alertmanager; what goes wrong is an Error with a sentence. */
async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(`api/v2/${path}`, options);
  } catch {
    throw new Error("Alertmanager does not answer.");
  }
  if (answer.ok) return answer.headers.get("Content-Type")?.includes("json") ? answer.json() : null;
  if (answer.status === 401 || answer.status === 403) throw new Error("This login may only look.");
  const text = (await answer.text()).slice(0, 200);
  throw new Error(`Alertmanager refuses (${answer.status}): ${text}`);
}

/** 2026-01-05 08:01 UTC. */
const utc = (time) => `${new Date(time).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** 3 d 4 h, 4 h 5 min or 5 min. */
function span(milliseconds) {
  const minutes = Math.max(0, Math.round(milliseconds / 60000));
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
  if (days) return `${days} d ${hours} h`;
  return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

const matcherText = ({ name, value, isRegex, isEqual }) => `${name}${isEqual === false ? (isRegex ? "!~" : "!=") : isRegex ? "=~" : "="}${JSON.stringify(value)}`;

function stateOf(alert, names) {
  if (alert.status.silencedBy.length) return "silenced";
  if (alert.status.inhibitedBy.length) {
    const by = [...new Set(alert.status.inhibitedBy.map((id) => names.get(id) ?? "another alert"))];
    return `kept quiet by ${by.join(", ")}`;
  }
  return null;
}

function alertCard(alert, names) {
  const { labels, annotations } = alert;
  const state = stateOf(alert, names);
  const wanted = ["alertname", "instance", "part"].filter((name) => labels[name]);
  const filter = `{${wanted.map((name) => `${name}=${JSON.stringify(labels[name])}`).join(",")}}`;
  const where = labels.instance ?? labels.part ?? labels.service ?? "";
  return make(
    "article",
    { class: `card ${labels.severity === "critical" ? "critical" : "warning"}${state ? " quiet" : ""}` },
    make("p", { class: "severity" }, (labels.severity ?? "warning").toUpperCase(), state ? make("span", { class: "soft" }, ` ${state}`) : null),
    make("h2", {}, annotations.summary ?? labels.alertname ?? "An alert without a name"),
    annotations.impact ? make("p", {}, annotations.impact) : null,
    make(
      "p", { class: "soft" },
      `${labels.alertname ?? ""} · ${where}${annotations.value ? ` · ${annotations.value}` : ""} · since ${utc(alert.startsAt)}, ${span(Date.now() - new Date(alert.startsAt))}`,
    ),
    annotations.steps ? make("details", {}, make("summary", {}, "What to do"), make("pre", {}, annotations.steps)) : null,
    alert.status.silencedBy.length ? null : make("p", {}, make("a", { href: `#/silences/new?filter=${encodeURIComponent(filter)}` }, "Silence this alert")),
  );
}

function silenceCard(silence) {
  const end = make("button", { type: "button" }, "End now");
  end.addEventListener("click", async () => {
    try {
      await ask(`silence/${silence.id}`, { method: "DELETE" });
    } catch (error) {
      end.replaceWith(make("span", { class: "problem" }, error.message));
      return;
    }
    await show();
  });
  return make(
    "article", { class: "card quiet" },
    make("p", { class: "severity soft" }, "SILENCE"),
    make("h2", {}, silence.matchers.map(matcherText).join(", ")),
    make("p", {}, `${silence.comment} (${silence.createdBy})`),
    make("p", { class: "soft" }, `until ${utc(silence.endsAt)}, ${span(new Date(silence.endsAt) - Date.now())} more`),
    make("p", {}, end),
  );
}

/** Shows what there is now. What somebody is reading is left open. */
async function show() {
  const state = document.querySelector("#state");
  try {
    const [all, silences] = await Promise.all([ask("alerts"), ask("silences")]);
    const names = new Map(all.map((alert) => [alert.fingerprint, alert.labels.alertname]));
    const alerts = all
      .filter((alert) => alert.labels.severity !== "none")
      .sort((a, b) => (ORDER[a.labels.severity] ?? 2) - (ORDER[b.labels.severity] ?? 2) || b.startsAt.localeCompare(a.startsAt));
    const watched = all.some((alert) => alert.labels.alertname === "Watchdog");
    const active = silences.filter((silence) => silence.status.state === "active");
    if (!document.querySelector("details[open]")) {
      document.querySelector("#alerts").replaceChildren(...alerts.map((alert) => alertCard(alert, names)));
      document.querySelector("#silences").replaceChildren(...active.map(silenceCard));
    }
    const count = alerts.length === 1 ? "One alert" : `${alerts.length || "No"} alerts`;
    state.textContent = `${count} at ${utc(Date.now())}.${watched ? "" : " Prometheus says nothing: it may be down."}`;
    state.className = watched ? "" : "problem";
  } catch (error) {
    state.textContent = error.message;
    state.className = "problem";
  }
}

/** `{a="b",c=~"d"}` or a line for each, as matchers. */
function matchersOf(text) {
  const found = [...text.matchAll(/([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")/g)];
  const rest = found.reduce((left, match) => left.replace(match[0], ""), text).replace(/[{},\s]/g, "");
  if (!found.length || rest) throw new Error('Labels look like alertname="RedisDown", with quotes, one a line.');
  return found.map(([, name, sign, value]) => ({ name, value: JSON.parse(value), isRegex: sign.endsWith("~"), isEqual: !sign.startsWith("!") }));
}

/** The address says whether a new silence is wanted, as in mails. */
function route() {
  const wanted = location.hash.match(/^#\/silences\/new(?:\?filter=(.*))?$/);
  form.hidden = !wanted;
  problem.hidden = true;
  if (!wanted) return;
  try {
    form.matchers.value = decodeURIComponent((wanted[1] ?? "").replaceAll("+", " ")).replace(/^\{|\}$/g, "").replace(/",\s*/g, '"\n');
  } catch {
    form.matchers.value = "";
  }
  form.by.value ||= sessionStorage.getItem("by") ?? "";
  form.scrollIntoView();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const now = Date.now();
    const silence = {
      matchers: matchersOf(form.matchers.value),
      startsAt: new Date(now).toISOString(),
      endsAt: new Date(now + form.hours.value * 3600000).toISOString(),
      createdBy: form.by.value,
      comment: form.why.value,
    };
    await ask("silences", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(silence) });
    sessionStorage.setItem("by", form.by.value);
    form.why.value = "";
    location.hash = "#/alerts";
    await show();
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
});

window.addEventListener("hashchange", route);
route();
show();
setInterval(show, 10000);
