"""A brand's own site: pages on an origin of their own that embed the widget under a strict Content-Security-Policy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>Brand</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
{head}
</head><body><main><h1>Tea from the mountain</h1><p>Spring harvest is in.</p><a href="/second">Second page</a></main>
</body></html>"""


class Site:
    """`head` is what the brand writes into its pages; `policy` is the site's CSP. `{{home}}` in both is Yingda's."""

    def __init__(self, home: str, head: str, policy: str, language: str = "en") -> None:
        self.page = PAGE.format(head=head.replace("{home}", home), language=language)
        self.policy = policy.replace("{home}", home)
        self.address = ""


@contextmanager
def served(site: Site, port: int = 0) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-security-policy", site.policy)
            self.end_headers()
            self.wfile.write(site.page.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    site.address = f"http://localhost:{server.server_port}"  # another site than 127.0.0.1
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
