"""Checks messages for Slack against the models of slack_sdk, which know the limits of blocks and attachments.

Reads a JSON array of messages from standard input. Ends with an error at the first message that Slack would refuse.
"""

import json
import sys

from slack_sdk.models.attachments import BlockAttachment
from slack_sdk.models.blocks import Block
from slack_sdk.models.blocks.basic_components import TextObject

# What an incoming webhook takes, as far as we send it.
FIELDS = {"text", "mrkdwn", "parse", "link_names", "unfurl_links", "unfurl_media", "attachments"}


def texts(value):
    """All text objects in a block."""
    if isinstance(value, dict):
        if value.get("type") in ("plain_text", "mrkdwn"):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from texts(item)


def check(message):
    assert set(message) <= FIELDS, sorted(message)
    assert 1 <= len(message["text"]) <= 40_000
    (attachment,) = message["attachments"]
    assert set(attachment) == {"color", "fallback", "blocks"}, sorted(attachment)
    blocks = attachment["blocks"]
    assert 1 <= len(blocks) <= 50, len(blocks)
    parsed = [Block.parse(block) for block in blocks]
    assert None not in parsed
    # `to_dict` validates, and drops what the model does not know.
    assert [block.to_dict() for block in parsed] == blocks
    model = BlockAttachment(blocks=parsed, color=attachment["color"], fallback=attachment["fallback"])
    assert model.to_dict()["blocks"] == blocks
    for text in texts(blocks):
        assert TextObject.parse(text).to_dict() == text
        # The models do not check the length of fields.
        assert 1 <= len(text["text"]) <= 3_000
    for block in blocks:
        assert all(len(field["text"]) <= 2_000 for field in block.get("fields", []))


messages = json.load(sys.stdin)
for number, message in enumerate(messages):
    try:
        check(message)
    except Exception as error:
        sys.exit(f"message {number}: {error!r}: {json.dumps(message)[:2_000]}")
print(len(messages), "messages are valid")
