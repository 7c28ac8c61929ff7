"""Checks events for PagerDuty's Events API version 2.

Reads a JSON array of pairs of a path and a body from standard input. Ends with an error at the first that PagerDuty would refuse.
PagerDuty publishes a schema, in no package that can be installed. So the fields and limits are written down here, from its
documentation. What its own package `pypd` checks of an event is checked, too.
"""

import json
import re
import sys
from datetime import datetime

from pypd import EventV2

EVENT = {"routing_key", "event_action", "dedup_key", "payload", "client", "client_url", "links", "images"}
PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}
CHANGE = {"routing_key", "payload", "links", "images"}
CHANGE_PAYLOAD = {"summary", "source", "timestamp", "custom_details"}


def is_text(value, longest):
    return isinstance(value, str) and 1 <= len(value) <= longest


def check_payload(payload, known, needed):
    assert needed <= set(payload) <= known, sorted(payload)
    assert is_text(payload["summary"], 1_024)
    for name in ("source", "component", "group", "class"):
        assert name not in payload or is_text(payload[name], 1_024), name
    if "timestamp" in payload:
        assert datetime.fromisoformat(payload["timestamp"]).tzinfo is not None
    assert isinstance(payload.get("custom_details", {}), dict)


def check_links(links):
    for link in links:
        assert {"href"} <= set(link) <= {"href", "text"}
        assert re.fullmatch(r"https?://[^\s]+", link["href"])
        assert "text" not in link or is_text(link["text"], 1_024)


def check_event(event):
    assert {"routing_key", "event_action"} <= set(event) <= EVENT, sorted(event)
    assert event["event_action"] in ("trigger", "acknowledge", "resolve")
    assert "dedup_key" not in event or is_text(event["dedup_key"], 255)
    assert event["event_action"] == "trigger" or "dedup_key" in event
    if "payload" in event:
        check_payload(event["payload"], PAYLOAD, {"summary", "source", "severity"})
        assert event["payload"]["severity"] in ("critical", "error", "warning", "info")
        EventV2.validate(event)
    assert "payload" in event or event["event_action"] != "trigger"


def check_change(event):
    assert {"routing_key", "payload"} <= set(event) <= CHANGE, sorted(event)
    check_payload(event["payload"], CHANGE_PAYLOAD, {"summary"})


def check(path, body):
    assert len(body.encode()) <= 512 * 1_024
    event = json.loads(body)
    assert re.fullmatch(r"[0-9a-zA-Z]{32}", event["routing_key"]), "the key has 32 characters"
    {"/v2/enqueue": check_event, "/v2/change/enqueue": check_change}[path](event)
    check_links(event.get("links", []))


events = json.load(sys.stdin)
for number, (path, body) in enumerate(events):
    try:
        check(path, body)
    except Exception as error:
        sys.exit(f"event {number} to {path}: {error!r}: {body[:2_000]}")
print(len(events), "events are valid")
