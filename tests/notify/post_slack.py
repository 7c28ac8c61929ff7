"""Posts a message as Slack's own client of incoming webhooks does. The argument is the address."""

import sys

from slack_sdk.models.attachments import BlockAttachment
from slack_sdk.models.blocks import HeaderBlock, SectionBlock
from slack_sdk.webhook import WebhookClient

blocks = [HeaderBlock(text="shop Alert - CRITICAL"), SectionBlock(text="down")]
attachment = BlockAttachment(blocks=blocks, color="#FF0000", fallback="down")
answer = WebhookClient(sys.argv[1], retry_handlers=[]).send(
    text="down", attachments=[attachment], unfurl_links=False, unfurl_media=False
)
assert (answer.status_code, answer.body) == (200, "ok"), answer.body
