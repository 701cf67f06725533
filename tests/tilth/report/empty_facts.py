"""The facts of a project in which nothing has happened yet."""

from tilth.report.facts import ReportFacts

NOTHING = ReportFacts(
    counts={},
    crawl=[],
    fetches=[],
    slow_hosts=[],
    troubled_pages=[],
    label_rows=[],
    curve=[],
    rounds=[],
    metrics=None,
    suspicions=[],
    issue_states={},
)
