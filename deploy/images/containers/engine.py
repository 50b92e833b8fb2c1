"""Asks the Docker engine by its socket. It only ever sends GET, so nothing here can change, start or read into a container.

HTTP is spoken by hand: Debian's python3-minimal has no http module, and three kinds of answers are all there is.
"""

import json
import socket
import urllib.parse


class EngineError(Exception):
    """The engine does not answer, or answers with an error."""


class Answer:
    """An answer whose body is read as it comes."""

    def __init__(self, connection, longest_wait):
        self.connection = connection
        connection.settimeout(longest_wait)
        self.file = connection.makefile("rb", buffering=16384)
        status = self.file.readline(1024).split()
        if len(status) < 2:
            raise EngineError("no answer")
        self.status = int(status[1])
        self.chunked = False
        self.left = None
        while True:
            name, _, value = self.file.readline(8192).decode("latin-1").partition(":")
            if not name.strip():
                break
            if name.lower() == "transfer-encoding" and "chunked" in value.lower():
                self.chunked = True
            elif name.lower() == "content-length":
                self.left = int(value)
        if self.chunked:
            self.left = 0

    def read(self, wanted):
        """Exactly so many bytes, or fewer at the end."""
        pieces = []
        while wanted:
            if self.chunked and not self.left:
                head = self.file.readline(64).split(b";")[0].strip()
                self.left = int(head or b"0", 16)
                if not self.left:
                    self.chunked = False
                    break
            piece = self.file.read(wanted if self.left is None else min(wanted, self.left))
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece)
            if self.left is not None:
                self.left -= len(piece)
                if self.chunked and not self.left:
                    self.file.readline(8)
        return b"".join(pieces)

    def line(self):
        """The next line of the body, for streams of JSON objects; empty at the end."""
        text = bytearray()
        while not text.endswith(b"\n"):
            byte = self.read(1)
            if not byte or len(text) > 1 << 20:
                break
            text += byte
        return bytes(text)

    def close(self):
        self.file.close()
        self.connection.close()


class Engine:
    def __init__(self, path):
        self.path = path

    def open(self, target, longest_wait=4, **query):
        """The answer to a GET. `longest_wait` is the longest silence in seconds, or None."""
        if query:
            target += "?" + urllib.parse.urlencode(query)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(4)
            connection.connect(self.path)
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n".encode())
            answer = Answer(connection, longest_wait)
        except (OSError, ValueError) as error:
            connection.close()
            raise EngineError(str(error)) from error
        except EngineError:
            connection.close()
            raise
        if answer.status != 200:
            answer.close()
            raise EngineError(f"{answer.status} to {target.partition('?')[0]}")
        return answer

    def get(self, target, **query):
        """The JSON that a GET answers with."""
        answer = self.open(target, **query)
        try:
            return json.loads(answer.read(1 << 26))
        except (OSError, ValueError) as error:
            raise EngineError(str(error)) from error
        finally:
            answer.close()
