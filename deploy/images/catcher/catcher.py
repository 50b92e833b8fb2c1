"""The demo's mail relay: TLS and a login are needed, every mail is taken and becomes a file, none leaves. Only addresses under .invalid are refused, as any
relay would refuse them: so a demo can show what becomes of a mail that nobody takes.

Files are named as Karibu's own folder of mails names them, TIME-ID.eml, and appear when they are complete: the viewer relies on it. A mail that
comes again under the same Message-ID replaces its file; the log counts both.
"""

import asyncio
import email.parser
import hmac
import os
import re
import signal
import ssl
import sys
import time
import uuid
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult

SECRETS = Path("/run/karibu")
MAILS = Path("/mails")
PORT = 2525
MAX_MAIL = 30 * 1024 * 1024
# A demo's mails are for looking at; older ones go.
KEPT = 2000


def secret(name):
    """The content of a secret, or one sentence about what to do."""
    try:
        return (SECRETS / name).read_text(encoding="utf-8").strip()
    except OSError as error:
        sys.exit(f"catcher: the secret {SECRETS / name} cannot be read ({error.strerror}): let init make it (docker compose up init)")


def name_of(message_id):
    """TIME-ID.eml for a Message-ID of Karibu's, whose id tells the time (RFC 9562 version 7); a safe name for any other."""
    local = message_id.strip().strip("<>").split("@")[0]
    try:
        made = uuid.UUID(local)
    except ValueError:
        safe = re.sub(r"[^A-Za-z0-9]", "", local)[:80] or uuid.uuid4().hex
        return f"{safe}.eml"
    if made.version != 7:
        return f"{made}.eml"
    seconds = (made.int >> 80) / 1000
    return time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime(seconds)) + f"{made}.eml"


def store(name, content):
    """Writes a file that appears whole and is on the disk when this returns."""
    part = MAILS / f".{name}.{uuid.uuid4().hex}.tmp"
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, MAILS / name)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(MAILS, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def tidy(everything=False):
    """Removes the oldest mails beyond KEPT; at the start, also what a killed catcher was writing."""
    mails = []
    for entry in os.scandir(MAILS):
        if entry.name.endswith(".eml"):
            mails.append((entry.stat().st_mtime_ns, entry.path))
        elif everything and entry.name.endswith(".tmp"):
            os.unlink(entry.path)
    for _, path in sorted(mails)[: max(0, len(mails) - KEPT)]:
        os.unlink(path)


class Catcher:
    """What happens with a mail: it is stored before it is taken."""

    def __init__(self):
        self.taken = 0

    async def handle_RCPT(self, _server, _session, envelope, address, options):  # noqa: N802, the library's name
        if address.lower().endswith(".invalid"):
            return "550 5.1.1 There is nobody of this name"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Fine"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802, the library's name
        content = envelope.content
        headers = email.parser.BytesHeaderParser().parsebytes(content)
        name = name_of(headers.get("Message-ID", ""))
        try:
            await asyncio.to_thread(store, name, content)
            self.taken += 1
            if self.taken % 100 == 0:
                await asyncio.to_thread(tidy)
        except OSError as error:
            print(f"catcher: {name} could not be stored: {error.strerror}", file=sys.stderr)
            return "452 4.3.1 The disk does not take this mail, come again"
        # No address: logs hold none.
        print(f"catcher: took {name} ({len(content)} bytes)")
        return "250 2.0.0 Kept as a file"


def login_check(login):
    """Compares what a client says with the generated login, in constant time."""

    def check(_server, _session, _envelope, _mechanism, data):
        given = (data.login or b"") + b":" + (data.password or b"")
        # Not handled: a refusal is still to be said.
        return AuthResult(success=hmac.compare_digest(given, login.encode()), handled=False)

    return check


def certificate_time():
    """When the certificate was made or renewed."""
    return (SECRETS / "server.crt").stat().st_mtime_ns


async def serve(ended):
    """Takes mails until `ended`."""
    tidy(everything=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2

    def read_certificate():
        context.load_cert_chain(SECRETS / "server.crt", SECRETS / "server.key")

    loop = asyncio.get_running_loop()
    try:
        read_certificate()
    except (OSError, ssl.SSLError) as error:
        sys.exit(f"catcher: certificate or key in {SECRETS} cannot be used ({error}): let init make them (docker compose up init)")
    handler, check = Catcher(), login_check(secret("login"))
    server = await loop.create_server(
        lambda: SMTP(
            handler,
            hostname="catcher",
            ident="Karibu's demo: mails are kept as files",
            data_size_limit=MAX_MAIL,
            enable_SMTPUTF8=True,
            tls_context=context,
            require_starttls=True,
            authenticator=check,
            auth_required=True,
            auth_require_tls=True,
            # The library asks for it in words that Alertmanager does not take.
            auth_exclude_mechanism=["LOGIN"],
            timeout=120,
        ),
        port=PORT,
    )
    print(f"catcher: takes mails on port {PORT}; none leaves this machine")
    async with server:
        read = certificate_time()
        while not ended.is_set():
            # init renews the certificate while this runs; dialogues under way keep theirs.
            if read != certificate_time():
                read = certificate_time()
                read_certificate()
            try:
                await asyncio.wait_for(ended.wait(), 60)
            except TimeoutError:
                pass


async def main():
    """Takes mails in the demo; else idles, so that the cluster is the same in both."""
    os.umask(0o027)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    if secret("demo") == "on":
        await serve(ended)
    else:
        print("catcher: a mail relay is set, so there is nothing to do")
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
