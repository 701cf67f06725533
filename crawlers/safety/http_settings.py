"""The Scrapy settings that keep every request of a crawl inside what the gate lets through."""

from typing import Any

SAFE_SETTINGS: dict[str, Any] = {
    "DOWNLOAD_HANDLERS": {
        "http": "crawlers.safety.http.SafeDownloadHandler",
        "https": "crawlers.safety.http.SafeDownloadHandler",
    },
    # No page leads to a file of this machine, or to anything else that is not the web.
    "DOWNLOAD_HANDLERS_BASE": {},
    # Scrapy itself takes any certificate.
    "DOWNLOAD_VERIFY_CERTIFICATES": True,
    # Proxies are those of the project file, not of the environment.
    "HTTPPROXY_ENABLED": False,
}
