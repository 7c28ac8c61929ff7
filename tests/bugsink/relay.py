"""Shows each event that Bugsink was sent to Sentry's own Relay.

usage: relay.py DATABASE; prints what Relay finds wrong, or would still have taken out, and at last how many of each it saw.
"""

import collections
import json
import re
import sqlite3
import sys

from sentry_relay.processing import StoreNormalizer, convert_datascrubbing_config, pii_strip_event

# What Sentry does with every event of a new project. Trimming is Sentry's own affair.
NORMALIZER = {"project_id": 1, "protocol_version": "7", "max_secs_in_future": 60, "max_secs_in_past": 30 * 24 * 3600, "enable_trimming": False}
SCRUBBER = convert_datascrubbing_config(
    {"scrubData": True, "scrubDefaults": True, "scrubIpAddresses": True, "sensitiveFields": [], "excludeFields": []}
)


def items(envelope):
    """The kind and the body of each item."""
    rest = envelope.split(b"\n", 1)[1]
    while rest.strip():
        header, rest = rest.split(b"\n", 1)
        header = json.loads(header)
        length = header.get("length", len(rest.split(b"\n", 1)[0]))
        yield header["type"], rest[:length]
        rest = rest[length + 1 :]


def errors(meta, path=""):
    """Where Relay notes that something cannot be."""
    for name, below in meta.items():
        if name:
            yield from errors(below, f"{path}.{name}")
        elif below.get("err"):
            yield path, below["err"], below.get("val")


def without_filtered(value):
    """The event as if what was filtered had never been said: Relay goes by the name before it, and would filter it again."""
    return json.loads(re.sub(r"""(?:[\w-]+(?:\\?["'])?\s*[:= ]\s*)?\[Filtered\]""", "", json.dumps(value)))


def differences(before, after, path=""):
    if isinstance(before, dict):
        # Relay leaves out what is empty.
        for name, text in before.items():
            yield from differences(text, (after or {}).get(name), f"{path}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after)):
            yield from differences(*pair, f"{path}.{index}")
    elif before != after and re.search(r"\w", str(before)):
        yield path, before, after


seen = collections.Counter()
for (envelope,) in sqlite3.connect(sys.argv[1]).execute("SELECT data FROM ingest_envelope ORDER BY id"):
    for kind, body in items(bytes(envelope)):
        if kind not in ("event", "transaction"):
            seen[kind] += 1
            continue
        event = json.loads(body) | {"type": "default" if kind == "event" else kind}
        name = f"{kind} of {event.get('transaction')}"
        seen[name] += 1
        try:
            event = StoreNormalizer(**NORMALIZER).normalize_event(event=event)
        except Exception as error:
            print(f"{name}: refused: {error!r}")
            continue
        for path, error, value in errors(event.pop("_meta", {})):
            print(f"{name}: {path}: {error}: {value!r}")
        event = without_filtered(event)
        scrubbed = pii_strip_event(SCRUBBER, json.loads(json.dumps(event)))
        scrubbed.pop("_meta", None)
        for path, ours, relays in differences(event, scrubbed):
            print(f"{name}: {path}: not taken out: {ours!r}, Relay has {relays!r}")
for name, count in sorted(seen.items()):
    print(f"{name}: {count}")
