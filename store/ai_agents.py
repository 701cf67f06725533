"""The user agents that stand for AI, as sites name them in robots.txt and in robots directives.

The list is what the operators' own pages and the lists that sites copy named in `AS_OF`. An agent that it lacks is no
evidence, so it is worth bringing up to date.
"""

AS_OF = "2026-11"
AI_AGENTS: tuple[tuple[str, str, str], ...] = (
    ("GPTBot", "OpenAI", "training"),
    ("OAI-SearchBot", "OpenAI", "search"),
    ("ChatGPT-User", "OpenAI", "reading"),
    ("ClaudeBot", "Anthropic", "training"),
    ("anthropic-ai", "Anthropic", "training"),
    ("Claude-Web", "Anthropic", "training"),
    ("Claude-SearchBot", "Anthropic", "search"),
    ("Claude-User", "Anthropic", "reading"),
    ("CCBot", "Common Crawl", "training"),
    ("Google-Extended", "Google", "training"),
    ("Google-CloudVertexBot", "Google", "reading"),
    ("Applebot-Extended", "Apple", "training"),
    ("meta-externalagent", "Meta", "training"),
    ("FacebookBot", "Meta", "training"),
    ("meta-externalfetcher", "Meta", "reading"),
    ("Bytespider", "ByteDance", "training"),
    ("Amazonbot", "Amazon", "training"),
    ("PerplexityBot", "Perplexity", "search"),
    ("Perplexity-User", "Perplexity", "reading"),
    ("cohere-ai", "Cohere", "training"),
    ("cohere-training-data-crawler", "Cohere", "training"),
    ("AI2Bot", "Ai2", "training"),
    ("Ai2Bot-Dolma", "Ai2", "training"),
    ("Diffbot", "Diffbot", "training"),
    ("omgili", "Webz.io", "training"),
    ("webzio-extended", "Webz.io", "training"),
    ("Timpibot", "Timpi", "training"),
    ("DeepSeekBot", "DeepSeek", "training"),
    ("PanguBot", "Huawei", "training"),
    ("PetalBot", "Huawei", "search"),
    ("MistralAI-User", "Mistral", "reading"),
    ("img2dataset", "img2dataset", "training"),
    ("LAIONDownloader", "LAION", "training"),
    ("YouBot", "You.com", "search"),
    ("DuckAssistBot", "DuckDuckGo", "search"),
)
"""Product token, who runs it, and what its pages are for: `training`, `search`, or `reading` for a person who asks."""

AGENT_SPELLING = {token.lower(): token for token, _, _ in AI_AGENTS}
TRAINING_OPERATOR = {token: operator for token, operator, purpose in AI_AGENTS if purpose == "training"}
"""Who runs the agents that gather training data; the others fetch for a search or for a person, which says less."""
