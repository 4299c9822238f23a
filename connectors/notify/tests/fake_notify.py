"""A GOV.UK Notify of the test's own: checks tokens with the official client's code, keeps what it took, and answers as told.

Usage: fake_notify.py SERVICE SECRET [CERTIFICATE KEY]
The first line on stdout is the port. Each later line is a request as JSON: method, path, status, body. What a recipient's
address begins with is an order to the fake; a line `order WORD` on stdin orders it for all, and `taken` asks for the
personalisations that it took. It ends with its parent, when stdin is closed.
"""

import json
import socket
import ssl
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from notifications_python_client.authentication import decode_jwt_token, get_token_issuer
from notifications_python_client.errors import TokenError, TokenExpiredError

SERVICE, SECRET, *FILES = sys.argv[1:]

COMMON = {"template_id", "personalisation", "reference"}
SHAPES = {
    "email": ({"template_id", "email_address"}, {"email_address", "email_reply_to_id"}),
    "sms": ({"template_id", "phone_number"}, {"phone_number", "sms_sender_id"}),
    "letter": ({"template_id", "personalisation"}, set()),
}

# What is done instead of taking a notification: status, name of the error, message.
ORDERS = {
    "rate-limited": (429, "RateLimitError", "Exceeded rate limit for key type LIVE of 3000 requests per 60 seconds"),
    "day-limited": (429, "TooManyRequestsError", "Exceeded send limits (1000) for today"),
    "early": (403, "AuthError", "Error: Your system clock must be accurate to within 30 seconds"),
    "broken": (500, "Exception", "Internal server error"),
    "gone": (503, "Exception", "Service unavailable"),
}

# What it does with the line when it has taken a notification, and when it has not.
TAKES_AND = {"slow", "cut", "half", "garbage", "endless"}
DOES_NOT_TAKE = {"lost", "vanished"}

taken = {}
for_all = ""
lock = threading.Lock()


def tell(value):
    with lock:
        print(json.dumps(value), flush=True)


def order_of(body):
    address = body.get("email_address") or body.get("phone_number") or ""
    return for_all or address.partition("@")[0]


class Refused(Exception):
    def __init__(self, status, error, message):
        super().__init__(message)
        self.answer = status, {"status_code": status, "errors": [{"error": error, "message": message}]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.serve(lambda _path, query, _body: self.listed(query))

    def do_POST(self):
        self.serve(lambda path, _query, body: self.notification(path.rsplit("/", 1)[-1], body))

    def serve(self, doing):
        url = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(raw) if raw else None
        try:
            self.check_token()
            answer = doing(url.path, parse_qs(url.query), body)
        except Refused as refused:
            answer = refused.answer
        tell({"method": self.command, "path": self.path, "status": answer and answer[0], "body": body})
        if answer:
            self.answer(*answer)
        else:
            self.misbehave(order_of(body))

    def check_token(self):
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer":
            raise Refused(401, "AuthError", "Unauthorized: authentication token must be provided")
        try:
            if get_token_issuer(token) != SERVICE:
                raise Refused(403, "AuthError", "Invalid token: service not found")
            decode_jwt_token(token, SECRET)
        except TokenExpiredError:
            raise Refused(403, "AuthError", "Error: Your system clock must be accurate to within 30 seconds")
        except TokenError:
            raise Refused(403, "AuthError", "Invalid token: API key not found")

    def notification(self, channel, body):
        required, allowed = SHAPES[channel]
        missing, unknown = required - body.keys(), body.keys() - allowed - COMMON
        if missing or unknown:
            raise Refused(400, "ValidationError", f"{missing} is a required property, {unknown} was unexpected")
        address = body.get("email_address") or body.get("phone_number") or ""
        order = order_of(body)
        if order in ORDERS:
            raise Refused(*ORDERS[order])
        if order == "refused":
            raise Refused(400, "BadRequestError", f"Missing personalisation for {address}: {body['personalisation']}")
        if channel == "letter" and "address_line_1" not in body["personalisation"]:
            raise Refused(400, "ValidationError", "personalisation address_line_1 is a required property")
        if order in DOES_NOT_TAKE:
            return None
        entry = {"id": str(uuid.uuid4()), "reference": body.get("reference"), "type": channel, "body": body}
        taken[entry["id"]] = entry
        if order in TAKES_AND:
            return None
        return 201, {"id": entry["id"], "reference": entry["reference"], "content": {}, "uri": "", "template": {}}

    def misbehave(self, order):
        """No answer, or none that can be read."""
        self.close_connection = True
        if order in ("slow", "lost"):
            self.rfile.read(1)
        elif order == "garbage":
            self.answer(201, "banana")
        elif order == "endless":
            self.answer(201, {"id": "x" * 1_000_000})
        else:
            if order == "half":
                self.wfile.write(b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"id": "')
            self.connection.shutdown(socket.SHUT_RDWR)

    def listed(self, query):
        reference = query.get("reference", [None])[0]
        found = [entry for entry in taken.values() if reference is None or entry["reference"] == reference]
        return 200, {"notifications": found, "links": {"current": "/v2/notifications"}}

    def answer(self, status, body):
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        """What there is to tell is on stdout."""


def main():
    global for_all
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if FILES:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*FILES)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:
        command, _, word = line.strip().partition(" ")
        if command == "order":
            for_all = word
        tell([entry["body"].get("personalisation") for entry in taken.values()])


main()
