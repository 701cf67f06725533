"""The Scrapy settings that keep every request of a crawl inside what the gate lets through."""

from typing import Any

SAFE_SETTINGS: dict[str, Any] = {
    # In the place of Scrapy's own, so that there is none for `file:` and whatever else is not the web.
    "DOWNLOAD_HANDLERS_BASE": {
        "http": "crawlers.safety.http.SafeDownloadHandler",
        "https": "crawlers.safety.http.SafeDownloadHandler",
    },
    # Scrapy itself takes any certificate.
    "DOWNLOAD_VERIFY_CERTIFICATES": True,
    # Proxies are those of the project file, not of the environment.
    "HTTPPROXY_ENABLED": False,
}
