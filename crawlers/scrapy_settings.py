"""How Scrapy behaves in every crawl of ours."""

from typing import Any

from crawlers.crawl_spec import CrawlSpec
from crawlers.safety.http_settings import SAFE_SETTINGS

MIDDLEWARES: dict[str, int | None] = {
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
    "scrapy.downloadermiddlewares.redirect.MetaRefreshMiddleware": None,
    "crawlers.bounds.StayInside": 90,
    "crawlers.safety.refusal.RefuseUnsafe": 95,
    "crawlers.manners.robots.RobotsAndDelay": 100,
    "crawlers.rights.middleware.Rights": 105,
    "crawlers.manners.retry.TryAgain": 550,
    "crawlers.meta_refresh.MetaRefresh": 580,
    "crawlers.archive.Archive": 860,
    "crawlers.source_headers.SourceHeaders": 870,
    "crawlers.proxies.assign.AssignProxy": 880,
    "crawlers.manners.turns.Turns": 890,
}


EXTENSIONS: dict[str, int | None] = {
    "scrapy.extensions.throttle.AutoThrottle": None,
    "crawlers.throttle.Throttle": 0,
    "scrapy.extensions.corestats.CoreStats": None,
    "scrapy.extensions.logstats.LogStats": None,
    "scrapy.extensions.feedexport.FeedExporter": None,
}

NOT_NEEDED = (
    "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware",
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware",
    "scrapy.spidermiddlewares.depth.DepthMiddleware",
    "scrapy.spidermiddlewares.metacopy.MetaCopyDetectionMiddleware",
)


def scrapy_settings(spec: CrawlSpec) -> dict[str, Any]:
    """The settings for a crawl; those that a browser needs come on top."""
    return SAFE_SETTINGS | {
        "USER_AGENT": spec.user_agent,
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": "tilth",
        "MANNERS_PATIENCE": spec.limits.patience,
        "RIGHTS_TDMREP": spec.rights.tdmrep,
        "RIGHTS_POLICY": spec.rights.policy,
        "PROXIES": spec.proxies,
        "DOWNLOADER_MIDDLEWARES": MIDDLEWARES,
        # A port that anybody on the machine may talk to is nothing that a crawl needs.
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "SCHEDULER": "crawlers.scheduling.scheduler.FrontierScheduler",
        "CONCURRENT_REQUESTS": spec.limits.concurrency,
        "CONCURRENT_REQUESTS_PER_DOMAIN": spec.limits.per_host,
        # A host that answers slowly is asked less often.
        "EXTENSIONS": EXTENSIONS,
        "AUTOTHROTTLE_ENABLED": True,
        "AUTOTHROTTLE_START_DELAY": 0.1,
        "AUTOTHROTTLE_TARGET_CONCURRENCY": float(spec.limits.per_host),
        "AUTOTHROTTLE_MAX_DELAY": 30.0,
        "DOWNLOAD_TIMEOUT": spec.timeout,
        "DOWNLOAD_MAXSIZE": spec.max_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "REDIRECT_MAX_TIMES": 5,
        "RETRY_TIMES": 2,
        # A host that said nothing for the whole time is not asked twice more.
        "RETRY_EXCEPTIONS": [
            "scrapy.exceptions.CannotResolveHostError",
            "scrapy.exceptions.DownloadConnectionRefusedError",
            "scrapy.exceptions.DownloadFailedError",
            "scrapy.exceptions.ResponseDataLossError",
            "crawlers.page_error.BrowserLost",
            "crawlers.page_error.SessionOver",
        ],
        # A page that is an error is a page; and what its spider yields is nothing.
        "SPIDER_MIDDLEWARES": dict.fromkeys(NOT_NEEDED),
        "DOWNLOADER_STATS": False,
        "CONCURRENT_ITEMS": 1,  # Scrapy starts so many tasks for each page; our pages yield nothing
        "LOG_LEVEL": "WARNING",
        "LOG_VERSIONS": [],
        "STATS_DUMP": False,
    }
