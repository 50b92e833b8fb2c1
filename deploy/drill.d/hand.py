"""The drill's hand inside the cluster: reads caught mails, asks Prometheus and Alertmanager, opens pages. Runs in a container of the catcher's image,
because an operator's machine need not have Python. Times are milliseconds since 1970; answers are lines with tabs.

  find SINCE TIMEOUT STATE WANT [FOLDER]  the first mail since then that tells WANT as `firing` or `resolved`: its time, file and subject. Exit 1 without
  judge FILE WANT SINCE SERVICE           what the mail does not say, a line each
  since SINCE                             every mail of the watch since then
  alerts                                  what fires, but for Watchdog. Exit 1 when the monitoring does not answer, 2 when Watchdog does not fire
  until TIMEOUT on|off WANT               waits until Alertmanager has it, or has it no more
  counted                                 mails that Alertmanager has sent, and failed to send
  knows TEXT                              whether Alertmanager's configuration has this text
  register ADDRESS                        registers this mail address for the sample event: the path of the page after
  open SECONDS                            opens pages, ten a second; says how many there were and how many failed

WANT is `alert NAME WHERE`, as the mail's lines Alert and Where have it, or `alarm SUBJECT`, a part of the subject of a notifier's or `karibu watch`'s mail.
"""

import email
import email.policy
import http.client
import json
import re
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from datetime import datetime, timezone
from pathlib import Path

MAILS = Path("/caught")
PROMETHEUS = "http://prometheus:9090/prometheus"
ALERTMANAGER = "http://alertmanager:9093/alertmanager"
NGINX = "https://nginx:8443"
SECTION = re.compile(r"^(CRITICAL|WARNING|RESOLVED): ", re.M)


def line(*values):
    print(*values, sep="\t", flush=True)


class Mail:
    """A caught mail of the watch."""

    def __init__(self, path):
        self.path, self.at = path, path.stat().st_mtime_ns // 10**6
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        self.kind = message.get("X-Karibu-Kind", "")
        self.list = message.get("List-Id", "")
        self.subject = " ".join(message.get("Subject", "").split())
        body = message.get_body(("plain",))
        self.text = body.get_content().replace("\r\n", "\n") if body else ""

    def sections(self):
        """Of each alert in it: firing or resolved, its lines with a label, and the words above them."""
        starts = [found.start() for found in SECTION.finditer(self.text)] + [len(self.text)]
        for begin, end in zip(starts, starts[1:]):
            part = self.text[begin:end]
            head, _, _ = part.partition("\n\n")
            facts = dict(re.findall(r"^([A-Z][A-Za-z ]{1,11}?) {2,}(\S.*)$", part, re.M))
            yield "resolved" if part.startswith("RESOLVED") else "firing", facts, head

    def telling(self, state, want):
        """The lines and the words of the alert that is wanted, or None."""
        if want[0] == "alarm":
            over = "[RESOLVED]" in self.subject
            if self.kind == "alarm" and want[1] in self.subject and over == (state == "resolved"):
                return {}, self.text
            return None
        for found, facts, head in self.sections():
            if found == state and facts.get("Alert") == want[1] and facts.get("Where", "").split(" ")[0] == want[2]:
                return facts, head
        return None


def mails(since, folder=MAILS):
    """Those of the watch since then, in the order of their arrival."""
    found = []
    for path in folder.glob("*.eml"):
        try:
            if path.stat().st_mtime_ns // 10**6 >= since:
                found.append(Mail(path))
        except FileNotFoundError:
            continue
    return sorted((mail for mail in found if mail.kind in ("alert", "alarm")), key=lambda mail: mail.at)


def find(since, seconds, state, want, folder=MAILS):
    end, seen = time.monotonic() + seconds, set()
    while True:
        for path in sorted(folder.glob("*.eml")):
            try:
                if path in seen or path.stat().st_mtime_ns // 10**6 < since:
                    continue
                mail = Mail(path)
            except FileNotFoundError:
                continue
            seen.add(path)
            if mail.kind in ("alert", "alarm") and mail.telling(state, want):
                line(mail.at, mail.path, mail.subject)
                return 0
        if time.monotonic() >= end:
            return 1
        time.sleep(0.5)


def stamp(text):
    """Milliseconds of a time as mails write it."""
    for shape in ("%Y-%m-%d %H:%M:%S UTC", "%d %B %Y, %H:%M:%S UTC"):
        try:
            return int(datetime.strptime(text.strip(), shape).replace(tzinfo=timezone.utc).timestamp() * 1000)
        except ValueError:
            continue
    return None


def judge(path, want, since, service):
    mail = Mail(Path(path))
    told = mail.telling("firing", want)
    facts, head = told
    if want[0] == "alarm":
        facts = dict(re.findall(r"^([A-Z][A-Za-z ]*): (.+)$", mail.text, re.M))
        impact = facts.get("Impact")
        if service not in mail.text.lower():
            line(f"it does not name {service}")
    else:
        # With several alerts that have it in common it stands above all.
        above = SECTION.split(mail.text)[0].strip().split("\n\n")
        impact = "\n" in head or len(above) > 1 and above[-1]
    if not re.search(r"\[(CRITICAL|WARNING)\] \S", mail.subject):
        line("its subject does not say how bad it is")
    if want[0] == "alert" and "alerts." not in mail.list:
        line("it has no List-Id of alerts")
    if not impact:
        line("it does not say what people feel")
    at = stamp(facts.get("Since", ""))
    if at is None:
        line("it does not say since when")
    # A silence begins with the last word that was heard.
    elif not since - 20_000 <= at <= mail.at + 1000:
        line(f"it says since {facts['Since']}, and it was since {datetime.fromtimestamp(since / 1000, timezone.utc):%H:%M:%S}")
    if not re.search(r"^What to do.*\n(.*\n)*? +1\. \S", mail.text, re.M):
        line("it does not say what to do")


def get(url, timeout=5):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


def active():
    """What Alertmanager has: labels, by alert."""
    return [alert["labels"] for alert in json.loads(get(f"{ALERTMANAGER}/api/v2/alerts?active=true&silenced=true&inhibited=true"))]


def where(labels):
    return labels.get("instance") or labels.get("part") or labels.get("service", "")


def alerts():
    try:
        found = active()
        get(f"{PROMETHEUS}/-/ready")
    except (OSError, ValueError) as error:
        line(f"the monitoring does not answer: {error}")
        return 1
    for labels in found:
        if labels.get("severity") != "none":
            line(labels["alertname"], where(labels), labels.get("severity", ""))
    return 0 if any(labels["alertname"] == "Watchdog" for labels in found) else 2


def until(seconds, wanted, want):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            has = any(labels["alertname"] == want[1] and where(labels) == want[2] for labels in active())
            if has == (wanted == "on"):
                line(int(time.time() * 1000))
                return 0
        except (OSError, ValueError):
            pass
        time.sleep(0.5)
    return 1


def counted():
    page = get(f"{ALERTMANAGER}/metrics")

    def total(name):
        return int(sum(float(found) for found in re.findall(rf'^{name}\{{[^}}]*integration="email"[^}}]*\}} (\S+)$', page, re.M)))

    line(total("alertmanager_notifications_total"), total("alertmanager_notifications_failed_total"))


class Site:
    """nginx, as a browser at the public address would have it; whom its certificate is signed by does not matter here."""

    def __init__(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.context = context

    def ask(self, method, path, host, body=None, headers=()):
        connection = http.client.HTTPSConnection("nginx", 8443, timeout=10, context=self.context)
        try:
            connection.request(method, path, body, {"Host": host, **dict(headers)})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode(errors="replace")
        finally:
            connection.close()


def register(address, host):
    site = Site()
    path = "/connect/register?lang=en"
    status, headers, page = site.ask("GET", path, host)
    if status != 200:
        line(f"{path} answers with {status}")
        return 1
    # The form is not taken from somebody who fills it in faster than people do.
    time.sleep(4)
    cookie = "; ".join(value.split(";")[0] for value in headers.get_all("Set-Cookie", []))

    def hidden(name):
        tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
        return re.search(r'value="([^"]*)"', tag[0])[1] if tag else ""

    values = {name: hidden(name) for name in ("submission_id", "form_token")}
    values |= {"title": "", "first_name": "Drill", "last_name": "Drill", "email": address, "phone": "+254 712 345 678", "organization": "A drill"}
    values |= {"position": "None", "country": "KE", "category": "delegate", "attendance": "online", "comments": "", "consent": "yes"}
    border = uuid.uuid4().hex
    body = "".join(f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in values.items())
    sent = {"Content-Type": f"multipart/form-data; boundary={border}", "Cookie": cookie, "Origin": f"https://{host}"}
    status, headers, page = site.ask("POST", path, host, f"{body}--{border}--\r\n".encode(), sent)
    if status != 303:
        line(f"the form is answered with {status}")
        return 1
    line(urllib.parse.urlsplit(headers["Location"]).path)
    return 0


def load(seconds, host):
    site, asked, failed = Site(), 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        path = ("/connect/", "/connect/register", "/", "/_check/register")[asked % 4]
        asked += 1
        try:
            if site.ask("GET", path, host)[0] >= 500:
                failed += 1
        except OSError:
            failed += 1
        time.sleep(max(0.0, 0.1 - (time.monotonic() - begun)))
    line(asked, failed)


def main(words):
    command, rest = words[0], words[1:]
    if command == "find":
        folder = Path(rest[4]) if len(rest) > 4 else MAILS
        return find(int(rest[0]), float(rest[1]), rest[2], wanted(rest[3]), folder)
    if command == "judge":
        return judge(rest[0], wanted(rest[1]), int(rest[2]), rest[3])
    if command == "since":
        for mail in mails(int(rest[0])):
            if mail.kind == "alarm":
                line(mail.at, "alarm", "-", "resolved" if "[RESOLVED]" in mail.subject else "firing", mail.subject)
            for state, facts, _ in mail.sections():
                line(mail.at, facts.get("Alert", ""), facts.get("Where", "").split(" ")[0], state, mail.subject)
        return 0
    if command == "alerts":
        return alerts()
    if command == "until":
        return until(float(rest[0]), rest[1], wanted(rest[2]))
    if command == "counted":
        return counted()
    if command == "knows":
        return 0 if rest[0] in json.loads(get(f"{ALERTMANAGER}/api/v2/status"))["config"]["original"] else 1
    if command == "register":
        return register(rest[0], rest[1])
    if command == "open":
        return load(float(rest[0]), rest[1])
    sys.exit(f"the hand knows no {command}")


def wanted(text):
    return text.split(" ", 1) if text.startswith("alarm ") else text.split(" ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
