"""A real SMTP server for tests: keeps each mail as a file and refuses what it is told to refuse.

Settings come as one JSON object in the first argument:

    {"port": 0, "folder": "…", "control": "…", "tls": "none" | "starttls" | "implicit",
     "certificate": "…", "key": "…", "user": null, "password": null}

Prints "ready PORT" and runs until its standard input ends, so that it never outlives the test.

Each accepted mail is NNNN.eml, what was sent after DATA, beside NNNN.json, its envelope. The local part of a recipient may
ask for a refusal: rcpt-550-5.1.1@… is answered "550 5.1.1 …" at RCPT, data-552@… "552 …" after DATA. The control file, if
there is one, holds {"stage": "connect" | "ehlo" | "auth" | "mail" | "rcpt" | "data", "reply": "421 4.3.2 …"}: that stage
answers so, for everybody, as long as the file says it. The reply "drop" closes the connection instead.
"""

import asyncio
import json
import os
import re
import ssl
import sys
import threading
import warnings

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, LoginPassword

SETTINGS = json.loads(sys.argv[1])
REFUSED = re.compile(r"^(rcpt|data)-(\d{3})(?:-(\d\.\d{1,3}\.\d{1,3}))?(?:[-+.].*)?$")


def wanted_reply(stage, address):
    """The refusal that a recipient asks for at this stage, or None."""
    asked = REFUSED.match(address.split("@")[0])
    if not asked or asked[1] != stage:
        return None
    return " ".join(part for part in (asked[2], asked[3], "as the test wants it") if part)


def fault(stage):
    """The reply that the control file gives this stage, or None."""
    try:
        with open(SETTINGS["control"], encoding="utf-8") as file:
            control = json.load(file)
    except FileNotFoundError:
        return None
    return control["reply"] if control["stage"] == stage else None


async def answer(server, reply):
    """Makes a reply of a fault; `drop` ends the connection without one."""
    if reply == "drop":
        server.transport.abort()
        await asyncio.sleep(3600)
    return reply


class Handler:
    """What happens at each command."""

    def __init__(self):
        self.number = len([name for name in os.listdir(SETTINGS["folder"]) if name.endswith(".eml")])

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        if reply := fault("ehlo"):
            return [await answer(server, reply)]
        session.host_name = hostname
        if SETTINGS["user"] is None:
            responses = [line for line in responses if not line.startswith("250-AUTH")]
        return responses

    async def handle_AUTH(self, server, session, envelope, args):
        reply = fault("auth")
        return await answer(server, reply) if reply else MISSING

    async def handle_MAIL(self, server, session, envelope, address, options):
        if reply := fault("mail"):
            return await answer(server, reply)
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = fault("rcpt")
        if reply:
            return await answer(server, reply)
        reply = wanted_reply("rcpt", address)
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        reply = fault("data")
        if reply:
            return await answer(server, reply)
        for address in envelope.rcpt_tos:
            reply = wanted_reply("data", address)
            if reply:
                return reply
        self.number += 1
        path = os.path.join(SETTINGS["folder"], f"{self.number:04}")
        secured = session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump({"from": envelope.mail_from, "rcpt": envelope.rcpt_tos, "tls": secured}, file)
        with open(path + ".part", "wb") as file:
            file.write(envelope.content)
        # The mail is there when it is there whole.
        os.rename(path + ".part", path + ".eml")
        return "250 2.0.0 OK"


class Server(SMTP):
    """Counts its connections and may refuse before it greets."""

    connections = {"open": 0, "most": 0, "all": 0}

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
        try:
            await self.greet_and_serve()
        finally:
            self.count(-1)

    async def push(self, status):
        await super().push(status)
        # The server closes the transmission channel (RFC 5321, section 3.8).
        if status[:3] in ("421", b"421"):
            self.transport.close()

    async def greet_and_serve(self):
        reply = fault("connect")
        if reply:
            if reply != "drop":
                await self.push(reply)
            self.transport.close()
            return
        await super()._handle_client()


def authenticate(server, session, envelope, mechanism, data):
    known = LoginPassword(SETTINGS["user"].encode(), SETTINGS["password"].encode())
    return AuthResult(success=data == known, handled=False)


async def main():
    tls = SETTINGS["tls"]
    context = None
    if tls != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(SETTINGS["certificate"], SETTINGS["key"])
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

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        serve, "127.0.0.1", SETTINGS["port"], ssl=context if tls == "implicit" else None, backlog=512
    )
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def end_with_the_test():
    sys.stdin.buffer.read()
    os._exit(0)


warnings.simplefilter("ignore")
threading.Thread(target=end_with_the_test, daemon=True).start()
asyncio.run(main())
