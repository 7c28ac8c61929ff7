"""Checks the signature of a webhook, as a receiver does.

Reads a JSON object with the secret, the header, the body and the seconds since 1970 from standard input.
"""

import hashlib
import hmac
import json
import re
import sys

message = json.load(sys.stdin)
time, digits = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", message["header"]).groups()
assert abs(int(time) - message["now"]) <= 300, time
signed = f"{time}.{message['body']}".encode()
wanted = hmac.new(message["secret"].encode(), signed, hashlib.sha256).hexdigest()
print("genuine" if hmac.compare_digest(wanted, digits) else "forged")
