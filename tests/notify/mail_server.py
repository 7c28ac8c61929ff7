"""A mail server that prints what it takes, as lines of JSON. The first line is its port.

The arguments are `plain`, or `starttls` or `tls` with the files of a certificate and its key. All ask for the user `vitals` with the password
`p@ss word`. A further argument such as `451 later` is the answer to each message.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

mode, *rest = sys.argv[1:]
context = None
if mode != "plain":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(rest.pop(0), rest.pop(0))
refusal = rest[0] if rest else None


def show(**line):
    print(json.dumps(line), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        if refusal:
            show(refused=refusal)
            return refusal
        mail = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        parts = [part for part in mail.walk() if not part.is_multipart()]
        show(
            sender=envelope.mail_from,
            recipients=envelope.rcpt_tos,
            user=session.auth_data.login.decode(),
            encrypted=server.transport.get_extra_info("sslcontext") is not None,
            ascii=envelope.original_content.isascii(),
            longest=max(len(line) for line in envelope.original_content.splitlines()),
            headers=[[name, str(value)] for name, value in mail.items()],
            type=mail.get_content_type(),
            parts=[[part.get_content_type(), part.get_content()] for part in parts],
            defects=[repr(defect) for part in mail.walk() for defect in part.defects],
        )
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    is_known = data.login == b"vitals" and data.password == b"p@ss word"
    # Else nobody answers who is not known.
    return AuthResult(success=is_known, handled=False, auth_data=data)


def connection():
    return SMTP(
        Handler(),
        hostname="127.0.0.1",
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=mode == "starttls",
        tls_context=context if mode == "starttls" else None,
        require_starttls=mode == "starttls",
    )


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=context if mode == "tls" else None)
    show(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
