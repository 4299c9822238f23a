"""A mail server of the test's own: aiosmtpd, which keeps what it takes and answers as told.

Usage: mail_server.py off|starttls|required [CERTIFICATE KEY] [USER PASSWORD]
The first line on stdout is the port. Each later line is a mail as JSON, parsed by Python's own `email`, or `null` as the answer
to a line on stdin. What a recipient's address begins with decides what is done. It ends with its parent, when stdin is closed.
"""

import asyncio
import email
import email.policy
import json
import os
import ssl
import sys
import threading

from aiosmtpd.smtp import SMTP, AuthResult

MODE, *REST = sys.argv[1:]

# The answer to a recipient, and the answer to the mail.
AT_RECIPIENT = {"unknown": "550 5.1.1 <{}> is not known here", "greylisted": "451 4.7.1 <{}> is to come again"}
AT_THE_END = {"full": "452 4.3.1 no room for {}", "spam": "554 5.7.1 {} wants no such mail"}
# The answer to a mail that was taken.
AND_SAYS = {"garbage": "banana for {}", "endless": "250 " + "x" * 1_000_000}


lock = threading.Lock()


def tell(value):
    with lock:
        print(json.dumps(value), flush=True)


def part(message):
    return {
        "type": message.get_content_type(),
        "charset": message.get_content_charset(),
        "name": message.get_filename(),
        "text": message.get_payload(decode=True).decode(message.get_content_charset() or "ascii"),
    }


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        order = AT_RECIPIENT.get(address.partition("@")[0])
        if order:
            return order.format(address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        orders = {address.partition("@")[0]: address for address in envelope.rcpt_tos}
        for order, answer in AT_THE_END.items():
            if order in orders:
                return answer.format(orders[order])
        tell({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": session.ssl is not None or MODE == "required",
            "user": session.auth_data and session.auth_data.login.decode(),
            "headers": [[name, str(value)] for name, value in message.items()],
            "parts": [part(each) for each in message.walk() if not each.is_multipart()],
        })
        if "half" in orders:
            await server.push("250-half of an answer")
        if "half" in orders or "cut" in orders:
            server.transport.close()
        if orders.keys() & {"half", "cut", "silent"}:
            await asyncio.Event().wait()
        for order, answer in AND_SAYS.items():
            if order in orders:
                return answer.format(orders[order])
        return "250 OK"


def authenticator(server, session, envelope, mechanism, data):
    is_right = [data.login.decode(), data.password.decode()] == REST[2:4]
    return AuthResult(success=is_right, handled=False, auth_data=data)


async def main():
    context = None
    if MODE != "off":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*REST[:2])
    options = {"hostname": "mail.example", "enable_SMTPUTF8": False, "data_size_limit": 1_000_000}
    if MODE == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    if len(REST) > 2:
        options |= {"auth_required": True, "auth_require_tls": MODE == "starttls", "authenticator": authenticator}
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Handler(), **options), "127.0.0.1", 0, ssl=context if MODE == "required" else None
    )
    tell(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def answer_until_parent_ends():
    for _ in sys.stdin:
        tell(None)
    os._exit(0)


threading.Thread(target=answer_until_parent_ends, daemon=True).start()
asyncio.run(main())
