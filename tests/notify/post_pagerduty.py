"""Posts an alert, its end and a change as PagerDuty's own client does.

The arguments are the port of the server that takes them, and a dedup key. The client takes no address but one of HTTPS, so its
requests are directed to the port as they leave.
"""

import sys

import httpx2
from pagerduty import EventsApiV2Client

port, key = sys.argv[1:]


class ToThisMachine(httpx2.HTTPTransport):
    def handle_request(self, request):
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=int(port))
        return super().handle_request(request)


client = EventsApiV2Client("0123456789abcdef0123456789abcdef", transport=ToThisMachine())
assert client.trigger("shop is down", "shop", dedup_key=key, severity="critical", custom_details={"value": 2.0}) == key
assert client.resolve(key) == key
client.send_change_event({"summary": "Deployed 1.4.2", "source": "shop", "timestamp": "2027-01-15T08:00:00Z", "custom_details": {}})
