"""Receive streamproc's webhooks, each request once. Needs: pip install standardwebhooks"""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["STREAMPROC_WEBHOOK_SECRET"])
handled: set[str] = set()  # keep it in your database, in one transaction with what you do


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))  # the bytes as they came
        try:
            signal = webhook.verify(body, dict(self.headers))
        except WebhookVerificationError as error:
            return self.send_error(400, str(error))
        if signal["messageId"] not in handled and signal["event"] == "Reactivation Requested":
            action = signal["properties"]
            print(f"{action['channel']} to {signal.get('userId')}: {action['reason']}", flush=True)
        handled.add(signal["messageId"])
        self.send_response(204)  # soon: whatever takes longer than 20 seconds is sent again
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver).serve_forever()
