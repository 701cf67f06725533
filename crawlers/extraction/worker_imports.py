"""What a reader imports before its first page, so that no page's time goes into it."""

import lxml.html
import parsel
import trafilatura
import w3lib.html

import crawlers.extraction.read_page
import crawlers.kinds.site

__all__ = ["crawlers", "lxml", "parsel", "trafilatura", "w3lib"]
