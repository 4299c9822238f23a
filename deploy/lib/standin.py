#!/usr/bin/python3
"""Systems of the example council that are not there, on loopback: what the hub hands over is written into a folder.

standin.py benefits PORT SECRET_FILE FOLDER   a benefits system: PUT /tenancies/<key>, answered with the number of the case
standin.py notify PORT SECRET_FILE CALLBACK TOKEN_FILE FOLDER
                                              GOV.UK Notify: looks at the token, answers as it does, and tells CALLBACK what became
                                              of each e-mail; one to nobody.zedshire.example finds no address
standin.py accounts PORT SECRET_FILE FOLDER   a service with accounts: GET /changes?since=<time>&page=<number> tells, in pages of two,
                                              what the files of FOLDER say has changed since
standin.py mail PORT FOLDER                   a mail server: each mail is a file (needs python3-aiosmtpd)
standin.py files PORT FOLDER                  a file server, SFTP: whoever has the key of FOLDER/<user>/key.pub sees that folder
                                              (needs python3-asyncssh)

Prints `ready` once it listens, and ends with SIGTERM.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import pathlib
import queue
import signal
import sys
import threading
import time
import urllib.parse
import urllib.request
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST = 1 << 20
# Notify tells what became of an e-mail some seconds later, and five times again where it is not heard.
CALLBACK_SECONDS = 1
CALLBACK_TRIES = 60
DEAD = "@nobody.zedshire.example"


class System(BaseHTTPRequestHandler):
    """What the two that speak HTTP have in common: who is let in, and what is taken, once for each key."""

    protocol_version = "HTTP/1.1"
    secret: pathlib.Path
    folder: pathlib.Path
    taken: dict = {}
    lock = threading.Lock()

    def message(self):
        length = int(self.headers.get("Content-Length") or 0)
        return json.loads(self.rfile.read(min(length, LARGEST)))

    def lets_in(self):
        said = self.headers.get("Authorization") or ""
        return said.startswith("Bearer ") and self.knows(said.removeprefix("Bearer "), self.secret.read_text().strip())

    def take(self, key, name, message):
        """What the message is called from now on, or has been since it first came."""
        with self.lock:
            if key not in self.taken:
                self.taken[key] = name(len(self.taken))
                with open(self.folder / "taken.jsonl", "a", encoding="utf-8") as kept:
                    kept.write(json.dumps({"name": self.taken[key], "message": message}) + "\n")
            return self.taken[key]

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nobody reads it."""


class Benefits(System):
    """Each tenancy that begins is a case with a number."""

    @staticmethod
    def knows(token, secret):
        return hmac.compare_digest(token.encode(), secret.encode())

    def do_PUT(self):
        message = self.message()
        if not self.lets_in():
            return self.answer(401, {"ok": False, "message": "not let in"})
        if not self.path.startswith("/tenancies/"):
            return self.answer(404, {"ok": False, "message": "no such address"})
        case = self.take(self.path, lambda taken: message.get("case") or f"HB-{1001 + taken}", message)
        return self.answer(200, {"ok": True, "case": case})


class Accounts(Benefits):
    """Tells what has changed, to whoever asks."""

    PAGE = 2

    def do_GET(self):
        asked = urllib.parse.urlsplit(self.path)
        if not self.lets_in():
            return self.answer(401, {"message": "not let in"})
        if asked.path != "/changes":
            return self.answer(404, {"message": "no such address"})
        query = dict(urllib.parse.parse_qsl(asked.query))
        files = [json.loads(file.read_text()) for file in self.folder.glob("*.json")]
        changes = sorted((one for file in files for one in file["changes"]), key=lambda one: one["changed_at"])
        changes = [one for one in changes if one["changed_at"] >= query["since"]]
        first = (int(query["page"]) - 1) * self.PAGE
        self.answer(200, {"changes": changes[first : first + self.PAGE]})
        if first >= len(changes):
            (self.folder / "told").touch()


class Notify(System):
    """Each notification has an id, by which and by its reference it can be asked for."""

    callback: str
    token: pathlib.Path
    sent: queue.Queue = queue.Queue()

    @staticmethod
    def knows(token, secret):
        """A JWT that the last 36 characters of the key signed, half a minute ago at most."""
        signed, _, signature = token.rpartition(".")
        made = hmac.new(secret[-36:].encode(), signed.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(signature.encode(), base64.urlsafe_b64encode(made).rstrip(b"=")):
            return False
        claims = signed.partition(".")[2]
        return abs(json.loads(base64.urlsafe_b64decode(claims + "=="))["iat"] - time.time()) < 30

    def do_POST(self):
        message = self.message()
        if not self.lets_in():
            error = {"error": "AuthError", "message": "Invalid token"}
            return self.answer(403, {"status_code": 403, "errors": [error]})
        told, is_new = {"channel": self.path.rpartition("/")[2], **message}, message["reference"] not in self.taken
        name = self.take(message["reference"], lambda _: str(uuid.uuid4()), told)
        self.answer(201, {"id": name})
        if is_new and told["channel"] == "email":
            self.sent.put((name, told))

    def do_GET(self):
        reference = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("reference", [""])[0]
        found = [{"id": self.taken[reference], "reference": reference}] if reference in self.taken else []
        return self.answer(200, {"notifications": found})

    @classmethod
    def call_back(cls):
        """Tells what became of each e-mail, one after the other."""
        while True:
            name, sent = cls.sent.get()
            now = datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
            told = {"id": name, "reference": sent["reference"], "to": sent["email_address"], "notification_type": "email"}
            told["status"] = "permanent-failure" if sent["email_address"].endswith(DEAD) else "delivered"
            told |= {"created_at": now, "sent_at": now, "completed_at": now}
            told |= {"template_id": sent["template_id"], "template_version": 1}
            heard = any(cls.is_heard(told) for _ in range(CALLBACK_TRIES))
            with open(cls.folder / "called-back.jsonl", "a", encoding="utf-8") as kept:
                kept.write(json.dumps({"reference": sent["reference"], "heard": heard}) + "\n")

    @classmethod
    def is_heard(cls, told):
        time.sleep(CALLBACK_SECONDS)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {cls.token.read_text().strip()}"}
        try:
            with urllib.request.urlopen(urllib.request.Request(cls.callback, json.dumps(told).encode(), headers), timeout=30):
                return True
        except OSError:
            return False


def system(kind, port, secret, *more):
    *callback, folder = more
    kind.secret, kind.folder = pathlib.Path(secret), pathlib.Path(folder)
    if callback:
        kind.callback, kind.token = callback[0], pathlib.Path(callback[1])
        threading.Thread(target=kind.call_back, daemon=True).start()
    return ThreadingHTTPServer(("127.0.0.1", int(port)), kind).serve_forever


def mail(port, folder):
    from aiosmtpd.controller import Controller

    class Kept:
        async def handle_DATA(self, _server, _session, envelope):
            number = len(list(pathlib.Path(folder).glob("*.eml"))) + 1
            (pathlib.Path(folder) / f"{number:04}.eml").write_bytes(envelope.original_content)
            return "250 taken"

    Controller(Kept(), hostname="127.0.0.1", port=int(port)).start()
    return threading.Event().wait


def files(port, folder):
    import asyncssh
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    # The same key each time, so that the council's text can name its fingerprint, as it does for a real server.
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a file server of the example council").digest())
    key = asyncssh.import_private_key(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))

    class Accounts(asyncssh.SSHServer):
        def begin_auth(self, _user):
            return True

        def public_key_auth_supported(self):
            return True

        def validate_public_key(self, user, key):
            known = pathlib.Path(folder) / pathlib.PurePath(user).name / "key.pub"
            return known.is_file() and asyncssh.read_public_key(known) == key

    def seen(channel):
        return asyncssh.SFTPServer(channel, chroot=f"{folder}/{channel.get_extra_info('username')}".encode())

    async def serve():
        await asyncssh.listen("127.0.0.1", int(port), server_host_keys=[key], server_factory=Accounts, sftp_factory=seen)
        print("ready", flush=True)
        await asyncio.Event().wait()

    return lambda: asyncio.run(serve())


def main(kind, *arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    pathlib.Path(arguments[-1]).mkdir(parents=True, exist_ok=True)
    systems = {"accounts": Accounts, "benefits": Benefits, "notify": Notify}
    servers = {"mail": mail, "files": files}
    serve = servers[kind](*arguments) if kind in servers else system(systems[kind], *arguments)
    if kind != "files":
        print("ready", flush=True)
    serve()


main(*sys.argv[1:])
