#!/usr/bin/python3
"""Two systems of the example council that are not there, on loopback: what the hub hands over is written into a folder.

standin.py benefits PORT SECRET_FILE FOLDER   a benefits system: PUT /tenancies/<key>, answered with the number of the case
standin.py mail PORT FOLDER                   a mail server: each mail is a file (needs python3-aiosmtpd)

Prints `ready` once it listens, and ends with SIGTERM.
"""

import hmac
import json
import pathlib
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST = 1 << 20


class Benefits(BaseHTTPRequestHandler):
    """Each key makes one line of cases.jsonl, however often it comes."""

    protocol_version = "HTTP/1.1"
    secret: pathlib.Path
    folder: pathlib.Path
    cases: dict = {}
    lock = threading.Lock()

    def do_PUT(self):
        length = int(self.headers.get("Content-Length") or 0)
        message = self.rfile.read(min(length, LARGEST))
        said = (self.headers.get("Authorization") or "").encode()
        if not hmac.compare_digest(said, b"Bearer " + self.secret.read_bytes().strip()):
            return self.answer(401, {"ok": False, "message": "not let in"})
        if not self.path.startswith("/tenancies/"):
            return self.answer(404, {"ok": False, "message": "no such address"})
        return self.answer(200, {"ok": True, "case": self.case(self.path, json.loads(message))})

    def case(self, key, message):
        with self.lock:
            if key not in self.cases:
                self.cases[key] = message.get("case") or f"HB-{1001 + len(self.cases)}"
                with open(self.folder / "cases.jsonl", "a", encoding="utf-8") as kept:
                    kept.write(json.dumps({"case": self.cases[key], "message": message}) + "\n")
            return self.cases[key]

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nobody reads it."""


def benefits(port, secret, folder):
    Benefits.secret, Benefits.folder = pathlib.Path(secret), pathlib.Path(folder)
    return ThreadingHTTPServer(("127.0.0.1", int(port)), Benefits).serve_forever


def mail(port, folder):
    from aiosmtpd.controller import Controller

    class Kept:
        async def handle_DATA(self, _server, _session, envelope):
            number = len(list(pathlib.Path(folder).glob("*.eml"))) + 1
            (pathlib.Path(folder) / f"{number:04}.eml").write_bytes(envelope.original_content)
            return "250 taken"

    Controller(Kept(), hostname="127.0.0.1", port=int(port)).start()
    return threading.Event().wait


def main(kind, *arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    pathlib.Path(arguments[-1]).mkdir(parents=True, exist_ok=True)
    serve = {"benefits": benefits, "mail": mail}[kind](*arguments)
    print("ready", flush=True)
    serve()


main(*sys.argv[1:])
