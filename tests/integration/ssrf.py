"""Attempts to get a crawler to where nobody may go: a site that tries, and the places inside that count who comes.

Used by `test_ssrf.py` and by `benchmarks/ssrf.py`.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

NAMES = {
    "inside.test": [["127.0.0.1"]],
    "mixed.test": [["3ffe::1", "127.0.0.1"]],  # 3ffe::/16 is given to nobody: a packet to it goes nowhere
    "metadata.test": [["169.254.169.254"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "nat64.test": [["64:ff9b::7f00:1"]],
    "rebinds.test": [["3ffe::1"], ["127.0.0.1"]],
    "rebinds-back.test": [["127.0.0.1"], ["3ffe::1"], ["127.0.0.1"]],
}
"""What each name leads to at the first look-up, the second, and so on; the last answer stays."""

HOSTS = """127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7F.0x0.0x0.0x1 0177.0.0.1 017700000001 0177.0.1 127.0.0.1.
localhost LOCALHOST localhost. a.localhost [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:0:127.0.0.1] [::127.0.0.1]
[64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [::] 0.0.0.0 0 127.255.255.254 １２７.０.０.１ ①②⑦.⓪.⓪.①
127。0。0。1 inside.test mapped.test nat64.test""".split()  # noqa: SIM905
"""Ways to write the host of the canary, and names that lead to it."""

CHANGING = ["mixed.test", "rebinds.test", "rebinds-back.test"]
"""Names that lead to it only now and then. A crawl would wait long for the robots.txt of an address that is nowhere."""

FAR = """http://169.254.169.254/latest/ http://[fd00:ec2::254]/latest/ http://metadata.test/latest/ http://10.0.0.1/
http://192.168.0.1/ http://100.100.100.200/latest/ http://168.63.129.16/ http://[fe80::1]/ http://[fe80::1%25eth0]/
http://[ff02::1]/ http://255.255.255.255/ http://198.18.0.1/""".split()  # noqa: SIM905
"""Addresses that are not global, of which none answers here: that they are refused is what is looked at."""


class Canary:
    """A TCP and a UDP port of the same number that count who comes, and answer what a web server would.

    Attributes:
        visits: Connections and datagrams.
        paths: What was asked for, up to the first `?`.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.visits = 0
        self.paths: Counter[str] = Counter()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._tcp = socket.create_server((host, port), family=family)
        self.port = int(self._tcp.getsockname()[1])
        self._udp = socket.socket(family, socket.SOCK_DGRAM)
        self._udp.bind((host, self.port))
        for work in (self._accept, self._datagrams):
            threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        self._udp.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            self.visits += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with connection:
            try:
                words = connection.recv(65_536).decode("latin-1").split(" ", 2)
                if len(words) > 1:
                    self.paths[words[1].split("?")[0]] += 1
                allow = b"Access-Control-Allow-Origin: *\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1"
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\n" + allow)
            except OSError:
                return

    def _datagrams(self) -> None:
        while True:
            try:
                self._udp.recvfrom(2_048)
            except OSError:
                return
            self.visits += 1


RULES = '<script type=speculationrules>{"HOW":[{"urls":["URL"],"eagerness":"immediate"}]}</script>'


def resources(target: str) -> dict[str, str]:
    """What a page can ask for without moving on: by name the HTML that asks `target` for it."""
    page = f"<img src='{target}/in-NAME'>"
    encoded = base64.b64encode(page.replace("NAME", "data-frame").encode()).decode()
    stun = target.removeprefix("http://")
    tags = {
        "img": "<img src=URL>",
        "srcset": "<img srcset='URL 2x'>",
        "picture": "<picture><source srcset=URL><img></picture>",
        "input-image": "<input type=image src=URL>",
        "body-background": "<table background=URL><td>x</table>",
        "svg-image": "<svg><image href=URL width=9 height=9 /></svg>",
        "svg-use": "<svg><use href='URL#a'/></svg>",
        "iframe": "<iframe src=URL></iframe>",
        "object": "<object data=URL></object>",
        "embed": "<embed src=URL>",
        "video": "<video src=URL preload=auto></video>",
        "poster": "<video poster=URL></video>",
        "audio": "<audio src=URL preload=auto autoplay></audio>",
        "script": "<script src=URL></script>",
        "module-script": "<script type=module src=URL></script>",
        "stylesheet": "<link rel=stylesheet href=URL>",
        "css-url": "<div style='background:url(URL)'>x</div>",
        "css-import": "<style>@import 'URL';</style>",
        "font": "<style>@font-face{font-family:f;src:url(URL)}</style><p style='font-family:f'>x</p>",
        "preload": "<link rel=preload as=fetch href=URL crossorigin>",
        "prefetch": "<link rel=prefetch href=URL>",
        "modulepreload": "<link rel=modulepreload href=URL>",
        "preconnect": "<link rel=preconnect href=URL>",
        "dns-prefetch": "<link rel=dns-prefetch href=//inside.test>",
        "icon": "<link rel=icon href=URL>",
        "manifest": "<link rel=manifest href=URL crossorigin>",
        "prerender": RULES.replace("HOW", "prerender"),
        "prefetch-rules": RULES.replace("HOW", "prefetch"),
        "srcdoc": "<iframe srcdoc=\"<img src='URL'>\"></iframe>",
        "data-frame": f"<iframe src='data:text/html;base64,{encoded}'></iframe>",
        "frame-refresh": "<iframe srcdoc=\"<meta http-equiv=refresh content='0;url=URL'>\"></iframe>",
        "form": "<iframe name=f></iframe><form id=p method=post target=f action=URL></form><script>p.submit()</script>",
        "redirected-img": "<img src='/go?to=URL'>",
        "redirected-frame": "<iframe src='/go?to=URL'></iframe>",
        "file-frame": "<iframe src='file:///etc/passwd'></iframe>",
        "view-source-frame": "<iframe src='view-source:URL'></iframe>",
        "chrome-frame": "<iframe src='chrome://version'></iframe>",
        "ping": "<a id=pa ping=URL href='#x'>x</a><script>pa.click()</script>",
        "xslt": "<iframe src='/xslt?to=URL'></iframe>",
        "csp-report": "<iframe src='/csp?to=URL'></iframe>",
    }
    scripts = {
        "fetch": "fetch('URL')",
        "fetch-no-cors": "fetch('URL',{mode:'no-cors'})",
        "fetch-keepalive": "fetch('URL',{keepalive:true,mode:'no-cors'})",
        "redirected-fetch": "fetch('/go?to=URL',{mode:'no-cors'})",
        "xhr": "x=new XMLHttpRequest();x.open('GET','URL');x.send()",
        "beacon": "navigator.sendBeacon('URL','x')",
        "event-source": "new EventSource('URL')",
        "websocket": f"new WebSocket('ws://{stun}/websocket')",
        "secure-websocket": f"new WebSocket('wss://{stun}/secure-websocket')",
        "image-object": "new Image().src='URL'",
        "dynamic-import": "import('URL')",
        "font-object": "new FontFace('g','url(URL)').load()",
        "worker": "new Worker(URL.createObjectURL(new Blob([\"fetch('TARGET',{mode:'no-cors'})\"])))",
        "worker-import": "new Worker(URL.createObjectURL(new Blob([\"importScripts('TARGET')\"])))",
        "worker-websocket": f"w='new WebSocket(\\'ws://{stun}/worker-websocket\\')';"
        "new Worker(URL.createObjectURL(new Blob([w])))",
        "shared-worker": "new SharedWorker(URL.createObjectURL(new Blob([\"fetch('TARGET',{mode:'no-cors'})\"])))",
        "service-worker": "navigator.serviceWorker.register('/worker.js?to='+encodeURIComponent('TARGET'))",
        "worklet": "new AudioContext().audioWorklet.addModule('TARGET')",
        "blob-frame": "f=document.createElement('iframe');f.src=URL.createObjectURL(new Blob([\"<img src='TARGET'>\"],"
        "{type:'text/html'}));document.body.append(f)",
        "script-frame": "f=document.createElement('iframe');f.src='javascript:fetch(\"TARGET\",{mode:\"no-cors\"})';"
        "document.body.append(f)",
        "https": f"fetch('https://{stun}/https',{{mode:'no-cors'}})",
        "stun": f"p=new RTCPeerConnection({{iceServers:[{{urls:'stun:{stun}'}}]}});p.createDataChannel('x');"
        "p.createOffer().then(o=>p.setLocalDescription(o))",
        "turn-tcp": f"p=new RTCPeerConnection({{iceServers:[{{urls:'turn:{stun}?transport=tcp',username:'u',"
        "credential:'c'}]});p.createDataChannel('x');p.createOffer().then(o=>p.setLocalDescription(o))",
        "webtransport": f"new WebTransport('https://{stun}/webtransport')",
    }
    for name, script in scripts.items():
        plain = script if "createObjectURL" in script else script.replace("URL", f"{target}/{name}")
        tags[name] = f"<script>try{{{plain.replace('TARGET', f'{target}/{name}')}}}catch(e){{}}</script>"
    return {
        name: tag
        if name in scripts
        else tag.replace("URL", quote(f"{target}/{name}") if "?to=" in tag else f"{target}/{name}")
        for name, tag in tags.items()
    }


def fetches(port: int) -> str:
    """A page that asks every way to write the canary's host for something."""
    urls = json.dumps([f"http://{host}:{port}/host-{number}" for number, host in enumerate(HOSTS + CHANGING * 3)] + FAR)
    return f"<script>for(const u of {urls})fetch(u,{{mode:'no-cors'}}).catch(()=>0)</script>"


def moves(target: str) -> dict[str, str]:
    """Pages that take the browser's tab elsewhere: by name their HTML."""
    return {
        "meta-refresh": f"<meta http-equiv=refresh content='0;url={target}/meta-refresh'>",
        "location": f"<script>location='{target}/location'</script>",
        "replace": f"<script>location.replace('{target}/replace')</script>",
        "post": f"<form id=f method=post action='{target}/post'></form><script>f.submit()</script>",
        "open": f"<script>open('{target}/open')</script>",
        "click": f"<a id=a target=_blank href='{target}/click'>x</a><script>a.click()</script>",
        "download": f"<a id=a download href='{target}/download'>x</a><script>a.click()</script>",
        "file": "<script>location='file:///etc/passwd'</script>",
        "view-source": f"<script>location='view-source:{target}/view-source'</script>",
        "chrome": "<script>location='chrome://version'</script>",
        "data": f"<script>location='data:text/html,<img src={target}/data>'</script>",
        "redirected": f"<script>location='/go?to={quote(target)}/redirected'</script>",
    }


@dataclass
class Attacker:
    """A site that a source names, and that tries to lead elsewhere.

    Attributes:
        target: Where to: `http://host:port` of a canary.
    """

    target: str
    port: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        """Its root, without the last slash."""
        return f"http://127.0.0.1:{self.port}"

    def pages(self) -> dict[str, str]:
        """By path, the pages for a browser."""
        port = int(self.target.rsplit(":", 1)[1])
        made = {f"/move/{name}": html for name, html in moves(self.target).items()}
        tries = resources(self.target)
        scripts = "".join(html for html in tries.values() if html.startswith("<script>try"))
        tags = "".join(html for html in tries.values() if not html.startswith("<script>try"))
        return made | {"/resources": tags, "/scripts": scripts, "/hosts": fetches(port)}

    def redirects(self) -> dict[str, tuple[int, str]]:
        """By path, where a request is sent on to."""
        port = self.target.rsplit(":", 1)[1]
        ways = {f"/redirect/{code}": (code, f"{self.target}/redirect-{code}") for code in (301, 302, 303, 307, 308)}
        ways |= {f"/to/{number}": (302, f"http://{host}:{port}/to-{number}") for number, host in enumerate(HOSTS)}
        ways |= {f"/far/{number}": (302, url) for number, url in enumerate(FAR)}
        ways |= {
            "/chain/1": (302, "/chain/2"),
            "/chain/2": (301, f"http://user:password@127.0.0.1:{self.port}/chain/3"),
            "/chain/3": (307, f"//127.0.0.1:{port}/chain"),
            "/scheme/file": (302, "file:///etc/passwd"),
            "/scheme/ftp": (302, f"ftp://127.0.0.1:{port}/"),
            "/scheme/gopher": (302, f"gopher://127.0.0.1:{port}/"),
            "/user": (302, f"http://127.0.0.1:{self.port}@127.0.0.1:{port}/user"),
            "/backslash": (302, f"http://127.0.0.1:{port}\\@127.0.0.1:{self.port}/backslash"),
            "/encoded": (302, f"http://127.0.0.1%3A{self.port}%40127.0.0.1:{port}/encoded"),
        }
        return ways

    def links(self) -> list[str]:
        """What its front page links to: every redirect, and every way to write the canary's host."""
        port = self.target.rsplit(":", 1)[1]
        direct = [f"http://{host}:{port}/link-{number}" for number, host in enumerate(HOSTS)]
        return [*self.redirects(), "/refresh", *direct, *FAR, "file:///etc/passwd", f"ftp://127.0.0.1:{port}/"]


@contextmanager
def attacking(target: str) -> Iterator[Attacker]:
    """The site, until the block ends."""
    site = Attacker(target)

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            site.asked[path] += 1
            to = query.removeprefix("to=")
            pages, redirects = site.pages(), site.redirects()
            from urllib.parse import unquote

            if path == "/":
                links = "".join(f"<a href='{link}'>x</a>" for link in site.links())
                self.send(f"<html><p>A site that tries to lead elsewhere, with words enough to be a text.</p>{links}")
            elif path in pages:
                self.send(f"<!doctype html><html><p>A page that tries {path}, whatever it says.</p>{pages[path]}")
            elif path == "/refresh":
                self.send(f"<meta http-equiv=refresh content='0;url={site.target}/refresh'><p>Wait.</p>")
            elif path in redirects:
                code, where = redirects[path]
                self.send("", code, {"Location": where.encode("utf-8").decode("latin-1")})
            elif path == "/go":
                self.send("", 302, {"Location": unquote(to)})
            elif path == "/csp":
                self.send(
                    "<img src=/none>", headers={"Content-Security-Policy": f"img-src 'none'; report-uri {unquote(to)}"}
                )
            elif path == "/xslt":
                self.send(
                    f"<?xml version='1.0'?><?xml-stylesheet type='text/xsl' href='{unquote(to)}'?><a/>", kind="text/xml"
                )
            elif path == "/worker.js":
                self.send(f"fetch('{unquote(to)}',{{mode:'no-cors'}})", kind="text/javascript")
            else:
                self.send("nothing", 404)

        do_POST = do_GET  # noqa: N815

        def send(
            self, text: str, status: int = 200, headers: dict[str, str] | None = None, kind: str = "text/html"
        ) -> None:
            body = text.encode()
            self.send_response(status)
            for name, value in {"Content-Type": f"{kind}; charset=utf-8", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    site.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Inside:
    """All places that nobody may reach."""

    canaries: list[Canary]

    @property
    def visits(self) -> int:
        """Of all of them together."""
        return sum(canary.visits for canary in self.canaries)

    @property
    def target(self) -> str:
        """The first one, as a URL without a path."""
        return f"http://127.0.0.1:{self.canaries[0].port}"


@contextmanager
def inside() -> Iterator[Inside]:
    """Canaries at one port of 127.0.0.1, of 127.0.0.2 and, where there is IPv6, of ::1."""
    with ExitStack() as stack:
        made = [Canary()]
        stack.callback(made[0].close)
        for host in ("127.0.0.2", "127.255.255.254", "::1"):
            try:
                canary = Canary(host, made[0].port)
            except OSError:
                continue
            made.append(canary)
            stack.callback(canary.close)
        yield Inside(made)
