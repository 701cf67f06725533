"""How Chromium is started so that nothing leaves it past the egress, whatever a page tries."""

from __future__ import annotations


def chromium_safety_args() -> tuple[str, ...]:
    """Chromium's arguments that close its other ways out; `Egress.launch_args` adds the one way that is left.

    A page cannot reach `file:`, `chrome:` or `view-source:` by itself; downloads and service workers are a context's
    options (`accept_downloads=False`, `service_workers="block"`). No `--disable-features` stands here: it would take
    the place of Playwright's own.
    """
    return (
        # Loopback goes through the proxy too; by itself Chromium goes there straight.
        "--proxy-bypass-list=<-loopback>",
        # Nothing is looked up here: names are the egress's business, and a way past it ends before it begins.
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        "--dns-prefetch-disable",
        # UDP goes past an HTTP proxy: WebRTC may use none, and there is no HTTP/3.
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--disable-quic",
        # What Chromium asks on its own account.
        "--disable-background-networking",
        "--disable-client-side-phishing-detection",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-domain-reliability",
        "--disable-extensions",
        "--disable-sync",
        "--no-default-browser-check",
        "--no-first-run",
        "--no-pings",
    )
