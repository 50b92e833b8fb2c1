"""A real SMTP server for tests: keeps each mail as a file and fails as it is told to.

Settings come as one JSON object in the first argument:

    {"port": 0, "folder": "…", "control": "…", "seen": "…", "tls": "none" | "starttls" | "implicit",
     "certificates": {"right": ["…", "…"], "elsewhere": […], "expired": […]}, "user": null, "password": null}

In a container, also "host" (127.0.0.1 without it) and "login", a file with user:password.

Prints "ready PORT" and runs until its standard input ends, so that it never outlives the test.

Each taken mail is NNNN.eml, what was sent after DATA, beside NNNN.json, its envelope. The local part of a recipient may
ask for a refusal: rcpt-550-5.1.1@… is answered "550 5.1.1 …" at RCPT, data-552@… "552 …" after DATA.

The control file, if there is one, holds one mode for all clients, with a number that is written to the file "seen" as soon
as the mode holds:

    {"number": 1, "mode": "reply", "stage": STAGE, "reply": "421 4.3.2 …"}   that stage answers so
    {"mode": "drop", "stage": STAGE}               the connection is reset there, without an answer and without taking a mail
    {"mode": "late", "stage": STAGE, "seconds": 3} the answer comes late (after the message: the mail is taken at once)
    {"mode": "trickle", "seconds": 0.1}            answers come byte by byte
    {"mode": "refuse"}                             nobody listens, and open connections are reset
    {"mode": "cut-before-dot"}                     the connection is reset in the midst of the message
    {"mode": "cut-after-dot"}                      the mail is taken, the connection is reset instead of an answer
    {"mode": "broken-tls"}                         the handshake fails
    {"mode": "certificate", "which": "elsewhere"}  a certificate for another name, or an expired one

STAGE is connect, ehlo, starttls, auth, mail, rcpt, data (the command) or content (after the dot).
"""

import asyncio
import json
import logging
import os
import re
import socket
import ssl
import sys
import threading
import warnings

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, LoginPassword

SETTINGS = json.loads(sys.argv[1])
HOST = SETTINGS.get("host", "127.0.0.1")
if "login" in SETTINGS:
    with open(SETTINGS["login"], encoding="utf-8") as login:
        SETTINGS["user"], SETTINGS["password"] = login.read().strip().split(":", 1)
REFUSED = re.compile(r"^(rcpt|data)-(\d{3})(?:-(\d\.\d{1,3}\.\d{1,3}))?(?:[-+.].*)?$")


def wanted_reply(stage, address):
    """The refusal that a recipient asks for at this stage, or None."""
    asked = REFUSED.match(address.split("@")[0])
    if not asked or asked[1] != stage:
        return None
    return " ".join(part for part in (asked[2], asked[3], "as the test wants it") if part)


class Control:
    """The mode that the control file tells."""

    mode = {"mode": "healthy", "number": 0}

    @classmethod
    def read(cls):
        try:
            with open(SETTINGS["control"], encoding="utf-8") as file:
                cls.mode = json.load(file)
        except FileNotFoundError:
            pass
        return cls.mode

    @classmethod
    def seen(cls):
        """Tells that the mode holds."""
        with open(SETTINGS["seen"] + ".part", "w", encoding="utf-8") as file:
            file.write(str(cls.mode["number"]))
        os.rename(SETTINGS["seen"] + ".part", SETTINGS["seen"])

    @classmethod
    def says(cls, mode, stage=None):
        return cls.mode["mode"] == mode and cls.mode.get("stage") == stage


async def fault(server, stage):
    """The reply that the mode gives this stage, or None; comes late, or never, if it says so."""
    if Control.says("reply", stage):
        return Control.mode["reply"]
    if Control.says("drop", stage):
        await reset(server)
    if Control.says("late", stage):
        await asyncio.sleep(Control.mode["seconds"])
    return None


async def reset(server):
    """Resets the connection; the task of the connection is cancelled then."""
    server.transport.abort()
    await asyncio.sleep(3600)


class Handler:
    """What happens at each command."""

    def __init__(self):
        self.number = len([name for name in os.listdir(SETTINGS["folder"]) if name.endswith(".eml")])

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        if reply := await fault(server, "ehlo"):
            return [reply]
        session.host_name = hostname
        if SETTINGS["user"] is None:
            responses = [line for line in responses if not line.startswith("250-AUTH")]
        return responses

    async def handle_AUTH(self, server, session, envelope, args):
        return await fault(server, "auth") or MISSING

    async def handle_MAIL(self, server, session, envelope, address, options):
        if reply := await fault(server, "mail"):
            return reply
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if reply := await fault(server, "rcpt") or wanted_reply("rcpt", address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        late = Control.says("late", "content")
        if not late and (reply := await fault(server, "content")):
            return reply
        for address in envelope.rcpt_tos:
            if reply := wanted_reply("data", address):
                return reply
        cut = Control.says("cut-after-dot")
        self.keep(server, session, envelope, answered=not cut)
        if cut:
            await reset(server)
        if late:
            await fault(server, "content")
        return "250 2.0.0 OK: queued as " + format(self.number, "04")

    def keep(self, server, session, envelope, answered):
        self.number += 1
        path = os.path.join(SETTINGS["folder"], f"{self.number:06}")
        secured = session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None
        told = {"from": envelope.mail_from, "rcpt": envelope.rcpt_tos, "tls": secured, "answered": answered}
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump(told, file)
        with open(path + ".part", "wb") as file:
            file.write(envelope.content)
        # The mail is there when it is there whole.
        os.rename(path + ".part", path + ".eml")


# The connections that are open.
OPEN = set()


class Server(SMTP):
    """Counts its connections and may refuse before it greets."""

    connections = {"open": 0, "most": 0, "all": 0}
    # As relays ask; some clients take no other words.
    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    def count(self, change):
        """Says how many connections there were in all, and at the same time, in a file beside the mails."""
        counts = self.connections
        counts["open"] += change
        counts["most"] = max(counts["most"], counts["open"])
        counts["all"] += max(change, 0)
        path = os.path.join(SETTINGS["folder"], "connections")
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(counts, file)
        os.rename(path + ".part", path)

    async def _handle_client(self):
        self.count(1)
        OPEN.add(self)
        try:
            await self.greet_and_serve()
        finally:
            OPEN.discard(self)
            self.count(-1)

    async def push(self, status):
        if Control.says("trickle"):
            line = status if isinstance(status, bytes) else status.encode()
            for byte in line + b"\r":
                self._writer.write(bytes([byte]))
                await asyncio.sleep(Control.mode.get("seconds", 0))
            # Nothing is waited for after the end, or the client's handshake would come before ours.
            self._writer.write(b"\n")
        else:
            await super().push(status)
        # The server closes the transmission channel (RFC 5321, section 3.8).
        if status[:3] in ("421", b"421"):
            self.transport.close()

    async def greet_and_serve(self):
        if reply := await fault(self, "connect"):
            await self.push(reply)
            self.transport.close()
            return
        await super()._handle_client()

    async def smtp_STARTTLS(self, arg):
        if reply := await fault(self, "starttls"):
            await self.push(reply)
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_DATA(self, arg):
        if reply := await fault(self, "data"):
            await self.push(reply)
            return
        if Control.says("cut-before-dot"):
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.readuntil(b"\r\n")
            await reset(self)
        await super().smtp_DATA(arg)


def authenticate(server, session, envelope, mechanism, data):
    known = LoginPassword(SETTINGS["user"].encode(), SETTINGS["password"].encode())
    return AuthResult(success=data == known, handled=False)


def tls_context():
    """TLS with the certificate that the mode wants, or a handshake that fails."""

    def context(which):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(*SETTINGS["certificates"][which])
        # A session that is resumed shows no certificate.
        made.num_tickets = 0
        made.options |= ssl.OP_NO_TICKET
        return made

    contexts = {which: context(which) for which in SETTINGS["certificates"]}

    def choose(connection, _name, _context):
        if Control.says("broken-tls"):
            return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
        if Control.says("certificate"):
            connection.context = contexts[Control.mode["which"]]
        return None

    contexts["right"].sni_callback = choose
    return contexts["right"]


async def main():
    tls = SETTINGS["tls"]
    context = None if tls == "none" else tls_context()
    handler = Handler()
    login = SETTINGS["user"] is not None

    def serve():
        return Server(
            handler,
            hostname="relay.example.org",
            ident="test relay",
            enable_SMTPUTF8=True,
            tls_context=context if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            auth_required=login,
            auth_require_tls=tls == "starttls",
            authenticator=authenticate if login else None,
        )

    # Keeps the port while nobody listens.
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind((HOST, SETTINGS["port"]))
    port = keeper.getsockname()[1]
    listener = None
    number = None
    while True:
        mode = Control.read()
        if mode["number"] != number:
            if mode["mode"] == "refuse":
                for server in list(OPEN):
                    if server.transport:
                        server.transport.abort()
                if listener:
                    listener.close()
                    listener = None
            if mode["mode"] != "refuse" and not listener:
                listener = await asyncio.get_running_loop().create_server(
                    serve, HOST, port, ssl=context if tls == "implicit" else None, backlog=512
                )
            if number is None:
                print("ready", port, flush=True)
            number = mode["number"]
            Control.seen()
        if mode["mode"] == "refuse":
            # Again and again: one that was being accepted or encrypted a moment ago opens only now.
            for server in list(OPEN):
                if server.transport:
                    server.transport.abort()
        await asyncio.sleep(0.005)


def end_with_the_test():
    sys.stdin.buffer.read()
    os._exit(0)


warnings.simplefilter("ignore")
logging.disable()
threading.Thread(target=end_with_the_test, daemon=True).start()
asyncio.run(main())
