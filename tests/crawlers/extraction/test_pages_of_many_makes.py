"""Main texts of pages of shapes that are hard: nothing that was written is lost, and its order is the page's."""

import pytest

from crawlers.extraction.read_page import read_page
from crawlers.kinds import read_source
from crawlers.page import FoundRecord
from tests.crawlers.extraction.answers import URL, answer

WHOLE = read_source({"name": "x", "start": [URL]})

FORUM = """<title>Slugs again - Garden Forum</title><table class=nav><tr><td><a href=/>Index</a></td></tr></table>
<table id=thread><tr id=p1><td class=who><b>marta</b><br>Posts: 12</td><td class=msg>Slugs have eaten all of my lettuce
again this week. What do you do against them without poison?</td></tr><tr id=p2><td class=who><b>olaf</b></td>
<td class=msg><blockquote><cite>marta wrote:</cite><blockquote><cite>earlier:</cite>Nested words of
old.</blockquote>Slugs
have eaten all of my lettuce</blockquote>Copper tape round the beds keeps them out, and I go out with a torch at
night.<div class=sig>zone 7b</div></td></tr></table>"""
QUESTION = """<title>How do I sharpen a spade? - Ask</title><div id=content><h1>How do I sharpen a spade?</h1>
<div class=question><div class=post><p>My spade is blunt after a winter in clay. Which file do I take, and at which
angle
do I hold it?</p></div></div><h2>2 Answers</h2><div class=answer><div class=post><p>Take a flat mill file and hold it at
45 degrees, pushing away from you along the edge.</p></div></div><div class=answer><div class=post><p>A grinder is
quicker,
but it takes the temper out of the steel when it gets hot.</p></div></div></div>"""
DOCS = """<title>retry() - net 3.1 documentation</title><div role=main><h1>retry()<a class=headerlink
href="#retry">¶</a>
</h1><p>Calls a function again until it gives a result or the tries are used up. It waits twice as long each time.</p>
<pre><code>def fetch(url):
    for one in range(3):
        return get(url)
</code></pre><p>The second argument says how many times it is tried at most, and the third how long it
waits.</p></div>"""
LIVE = """<title>Flood live: river peaks at dawn</title><script type="application/ld+json">{"@type": "LiveBlogPosting",
"headline": "Flood live: river peaks", "liveBlogUpdate": [{"@type": "BlogPosting", "headline": "Bridge shut"}]}</script>
<article><h1>Flood live: river peaks at dawn</h1><p>Follow the flood in the valley as the day goes on, with reports from
all along the river.</p><div class=update><time>08:00</time><h2>Bridge shut</h2><p>The old bridge is shut to traffic
until
engineers have looked at its piers.</p></div><div class=update><h2>River peaks</h2><p>The river peaked at 5.1 m shortly
before six, the council says, below the level of the walls.</p></div></article>"""
PRODUCT = """<title>Olk Kettle 1.7 l | Pots</title><header><nav><a href=/>Home</a></nav></header><main><h1>Olk Kettle
1.7
l</h1><p>The Olk kettle boils a litre in three minutes and turns itself off. Its handle stays cold.</p><ul><li>2200
W</li>
<li>Steel</li></ul><section class=reviews><h2>Reviews</h2><div class=review><b>Ann</b><p>Boils fast, but the lid rattles
when it is full of water.</p></div><div class=review><b>Bob</b><p>Leaked after two months of use, and the shop did not
answer.</p></div></section></main><footer>Imprint</footer>"""
RECIPE = """<title>Lentil soup</title><main><h1>Lentil soup</h1><p>A soup for cold evenings that is ready in half an
hour
and better the day after.</p><h2>Ingredients</h2><ul><li>200 g lentils</li><li>1
onion</li></ul><h2>Method</h2><ol><li>Chop
the onion and fry it until it is golden.</li><li>Boil the lentils for twenty minutes.</li></ol></main>"""
TIMES = """<title>Bus times</title><table><tr><th>Stop</th><th>Time</th></tr><tr><td>Mill Lane</td><td>08:10</td></tr>
<tr><td>Old Barn</td><td>08:25</td></tr></table>"""
LETTER = """<title>[list] Re: slugs</title><h1>[list] Re: slugs</h1><b>Olaf</b> <i>Mon May 13 10:00 2020</i><hr><pre>On
Sunday, Marta wrote:
&gt; Slugs have eaten
&gt;   all of it

Copper tape keeps them out.
</pre><hr><a href=1>Previous message</a>"""
LAID_OUT = """<title>Old news</title><table width=100%><tr><td width=150><a href=/a>Home</a><br><a
href=/b>News</a></td><td>
<h2>Mayor resigns</h2><font size=2>The mayor resigned on Monday after eleven years in office, the town hall says.<p>Her
deputy takes over until the election in spring.</font></td></tr></table>"""
SHORT = """<title>Moving house - Auenburg</title><header><p>Auenburg</p><nav><a href=/>Home</a></nav></header>
<div id=inhalt><h1>Moving house</h1><p>Whoever moves within the town has to tell the office within two weeks.</p>
<h2>What to bring</h2><ul><li>the passports of all who move</li><li>a letter from the landlord</li></ul><p>It costs
nothing,
but who is late may have to pay a fine of up to 30 euros.</p></div><aside><p>Open 8 to 12</p></aside>"""

JAPANESE = "今日は朝から雨が降っていたので、庭のトマトに水をやる必要がなかった。午後には晴れて、隣の人と話をした。"
ARABIC = "هطل المطر منذ الصباح فلم تكن هناك حاجة إلى سقي الطماطم اليوم، ثم طلعت الشمس بعد الظهر وتحدثت مع الجيران."
RUSSIAN = "С утра шёл дождь, поэтому поливать помидоры не пришлось. После обеда выглянуло солнце, и мы поговорили."
CHINESE = "今天早上下了雨，所以不需要给番茄浇水。下午天晴了，我和邻居聊了一会儿，晚上还去散步。"
KOREAN = "오늘은 아침부터 비가 와서 토마토에 물을 줄 필요가 없었다. 오후에는 날이 개어 이웃과 이야기했다."


def read(body: str | bytes, content_type: str | None = "text/html; charset=utf-8") -> FoundRecord:
    (record,) = read_page(WHOLE, answer(body, content_type=content_type)).records
    return record


@pytest.mark.parametrize(
    ("page", "in_order"),
    [
        (FORUM, ["marta", "Slugs have", "olaf", "marta wrote:", "Nested words of old.", "Copper tape", "zone 7b"]),
        (QUESTION, ["How do I sharpen a spade?", "My spade", "2 Answers", "Take a flat", "A grinder"]),
        (DOCS, ["retry()\n", "Calls", "\ndef fetch(url):\n    for one in range(3):\n        return", "The second"]),
        (LIVE, ["Flood live", "Follow the flood", "Bridge shut", "engineers", "River peaks", "5.1 m"]),
        (PRODUCT, ["Olk Kettle", "boils a litre", "2200 W", "Reviews", "Ann", "lid rattles", "Bob", "Leaked"]),
        (RECIPE, ["Lentil soup", "cold evenings", "200 g lentils", "1 onion", "Chop", "Boil the lentils"]),
        (LETTER, ["wrote:\n> Slugs have eaten\n>   all of it\nCopper tape keeps them out."]),
        (LAID_OUT, ["Mayor resigns\nThe mayor", "says.\nHer deputy"]),
        (SHORT, ["Moving house\n", "Whoever", "What to bring\nthe passports", "landlord", "fine of up to 30 euros."]),
        (TIMES, ["Mill Lane", "08:10", "Old Barn", "08:25"]),
    ],
)
def test_all_that_was_written_is_there_in_the_order_of_the_page(page: str, in_order: list[str]) -> None:
    words, reached = read(page).text or "", 0
    for part in in_order:
        assert part in words[reached:], words
        reached = words.index(part, reached) + len(part)


@pytest.mark.parametrize(
    ("page", "title"),
    [
        (LIVE, "Flood live: river peaks at dawn"),
        (DOCS, "retry()"),
        (QUESTION, "How do I sharpen a spade?"),
        (TIMES, "Bus times"),
    ],
)
def test_the_title_is_the_pages_and_not_that_of_a_part(page: str, title: str) -> None:
    assert read(page).metadata["title"] == title


@pytest.mark.parametrize("text", [JAPANESE, ARABIC, RUSSIAN, CHINESE, KOREAN])
def test_a_page_that_does_not_say_its_language_is_read_in_any_script(text: str) -> None:
    record = read(
        f"<title>x</title><nav>{text[:9]}</nav><div><h1>{text[:12]}</h1><p>{text}</p><p>{text[::-1]}</p></div>"
    )
    assert text in str(record.text)
    assert "language" not in record.metadata


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("windows-1251", RUSSIAN),
        ("koi8-r", RUSSIAN),
        ("windows-1256", ARABIC),
        ("shift_jis", JAPANESE),
        ("euc-jp", JAPANESE),
        ("gb18030", CHINESE),
        ("gb2312", CHINESE),
        ("big5", "今天早上下了雨，所以不需要給番茄澆水。下午天晴了，我和鄰居聊了一會兒。"),
        ("euc-kr", KOREAN),
    ],
)
@pytest.mark.parametrize(
    "meta",
    [
        '<meta charset="{}">',
        "<META HTTP-EQUIV=Content-Type CONTENT='text/html;charset={}'>",
        '<!-- first --><meta name=x content=y><meta content="text/html; charset={}" http-equiv="content-type">',
    ],
)
def test_a_charset_that_only_the_page_tells_is_minded(charset: str, text: str, meta: str) -> None:
    body = f"<html><head>{meta.format(charset)}<title>x</title></head><body><p>{text}</p></body></html>".encode(charset)
    assert text in str(read(body, "text/html").text)


@pytest.mark.parametrize("content_type", ["text/html", None, "text/html; charset=iso-8859-1"])
@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_byte_order_mark_decides_before_all_else(mark: str, content_type: str | None) -> None:
    body = f"<html><head><meta charset=utf-8><title>x</title></head><body><p>{RUSSIAN}</p></body></html>"
    sent = ("\ufeff" * (mark == "utf-16-be") + body).encode(mark)
    assert str(read(sent, content_type).text) == RUSSIAN


def test_a_page_with_nothing_but_a_title_is_no_record() -> None:
    found = read_page(WHOLE, answer("<html><head><title>Only a title</title></head><body></body></html>"))
    assert (found.records, found.empty, found.error) == ((), 1, None)
