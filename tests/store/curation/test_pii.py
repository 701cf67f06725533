"""Personal data is found where it stands, and numbers that only look like it are left alone."""

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn

from store.curation.pii.find import find_pii
from store.curation.pii.phones import RegionUnknown, require_known
from store.curation.pii.spans import Span, settled

REGIONS = ("US", "GB", "DE")


def found(text, regions=REGIONS):
    return [(text[span.start : span.end], span.kind) for span in find_pii(text, regions)]


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("Write to Jane.Doe+x@mail.example.org.", "Jane.Doe+x@mail.example.org", "email"),
        ("(müller@bücher.example)", "müller@bücher.example", "email"),
        ("jane [at] example [dot] org", "jane [at] example [dot] org", "email"),
        ("Ring +44 20 7946 0958 now", "+44 20 7946 0958", "phone"),
        ("Call (212) 555-0143 today", "(212) 555-0143", "phone"),
        ("212-555-0143", "212-555-0143", "phone"),
        ("my mobile: 07700900123", "07700900123", "phone"),
        ("Telefon 030 901820", "030 901820", "phone"),
        ("card 4111 1111 1111 1111, thanks", "4111 1111 1111 1111", "card"),
        ("378282246310005", "378282246310005", "card"),
        ("DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00", "iban"),
        ("GB82 WEST 1234 5698 7654 32 THANKS NOW", "GB82 WEST 1234 5698 7654 32", "iban"),
        ("gb82west12345698765432", "gb82west12345698765432", "iban"),
        ("from 203.0.113.7.", "203.0.113.7", "ip"),
        ("[2001:db8::1]", "2001:db8::1", "ip"),
        ("::ffff:203.0.113.7 logged in", "::ffff:203.0.113.7", "ip"),
        ("it is 123-45-6789", "123-45-6789", "national-id"),
        ("AB 12 34 56 C", "AB 12 34 56 C", "national-id"),
        ("NHS number 943 476 5919", "943 476 5919", "national-id"),
        ("Steuer-ID 36 574 261 809", "36 574 261 809", "national-id"),
        ("2 95 10 99 126 111 93", "2 95 10 99 126 111 93", "national-id"),
        ("12345678Z", "12345678Z", "national-id"),
        ("X-1234567-L", "X-1234567-L", "national-id"),
        ("RSSMRA85T10A562S", "RSSMRA85T10A562S", "national-id"),
        ("mijn BSN is 111222333", "111222333", "national-id"),
        ("PESEL 44051401359", "44051401359", "national-id"),
        ("811228-9874", "811228-9874", "national-id"),
        ("529.982.247-25", "529.982.247-25", "national-id"),
        ("Aadhaar 2341 2341 2346", "2341 2341 2346", "national-id"),
        ("ABCPV1234D", "ABCPV1234D", "national-id"),
        ("👩‍👩‍👧 שלום a@b.example", "a@b.example", "email"),
    ],
)
def test_it_is_found_to_the_letter(text, value, kind):
    assert found(text) == [(value, kind)]


@pytest.mark.parametrize(
    "text",
    [
        "Order 2125550143 has not come",
        "Order no. 212-555-0143 has not come",
        "Invoice 20241121-4711 of 2024-11-21 10:00:00",
        "ISBN 978-3-16-148410-0",
        "tracking 1Z999AA10123456784",
        "4111 1111 1111 1112",
        "4111 1111 1111 1111 5678",
        "0000 0000 0000 0000",
        "DE89 3704 0044 0532 0130 01",
        "version 1.2.3.4 and v1.2.3.4 on 127.0.0.1",
        "999.1.1.1 and 1.2.3.4.5",
        "std::vector at 12:30:45",
        "000-12-3456 and 666-12-3456",
        "GB 12 34 56 C",
        "12345678A",
        "RSSMRA85T10A562T",
        "111222333 and 44051401359 and 36574261809",
        "@someone said hi @ home",
        "2 + 2 = 4; 1,000,000 records in 2026",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text):
    assert found(text) == []


def test_national_phone_numbers_are_those_of_the_countries_asked_for():
    assert found("Telefon 030 901820", ()) == []
    assert found("Telefon +49 30 901820", ()) == [("+49 30 901820", "phone")]


def test_a_country_without_phone_numbers_is_refused():
    with pytest.raises(RegionUnknown, match="UK"):
        require_known(["DE", "UK"])


@given(st.text(string.digits, min_size=14, max_size=14), st.sampled_from(["", " ", "-"]))
def test_any_visa_number_is_found_with_its_check_digit_and_not_with_another(body, between):
    number = "4" + body
    number += luhn.calc_check_digit(number)
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    groups = [between.join(one[i : i + 4] for i in range(0, 16, 4)) for one in (number, wrong)]
    assert (groups[0], "card") in found(groups[0], ())
    assert "card" not in {kind for _, kind in found(groups[1], ())}


@given(st.text(string.digits, min_size=18, max_size=18), st.booleans())
def test_any_german_iban_is_found_with_its_check_digits_and_not_with_others(account, in_groups):
    check = iban.calc_check_digits("DE00" + account)
    right, wrong = f"DE{check}{account}", f"DE{(int(check) + 1) % 100:02}{account}"
    if in_groups:
        right, wrong = iban.format(right), iban.format(wrong)
    assert (right, "iban") in found(f"To {right}, please", ())
    assert "iban" not in {kind for _, kind in found(f"To {wrong}, please", ())}


@given(st.text(alphabet=st.sampled_from("a1@.:- +()[]/4DE9\n🔥")), st.text(max_size=5))
def test_spans_lie_in_the_text_in_order_and_apart(text, more):
    spans = find_pii(text + more, REGIONS)
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(edges)
    assert all(0 <= span.start < span.end <= len(text + more) for span in spans)


def test_of_overlapping_spans_the_surest_stays_then_the_longest():
    sure, long, short = Span(5, 9, "iban", "iban", 0.9), Span(0, 6, "phone", "us", 0.5), Span(10, 12, "ip", "ipv4", 0.5)
    assert settled([short, long, sure, Span(10, 14, "ip", "ipv4", 0.5)]) == [sure, Span(10, 14, "ip", "ipv4", 0.5)]


def test_many_spans_are_settled_in_less_than_quadratic_time():
    def seconds(count):
        spans = [Span(place * 20, place * 20 + 15, "ip", "ipv4", 0.8) for place in range(count)]
        began = time.process_time()
        assert len(settled(spans[::-1])) == count
        return time.process_time() - began

    seconds(10)
    assert min(seconds(20_000) for _ in range(3)) < 12 * min(seconds(5_000) for _ in range(3)) + 0.1


@pytest.mark.parametrize("part", ["a", "1", "1 ", "a.b", ":1", "AB12 ", "1.1.", "(at) ", "a@", "+1 ", "12-"])
def test_no_text_takes_quadratic_time(part):
    def seconds(times):
        began = time.process_time()
        find_pii(part * times + "1@", ())
        return time.process_time() - began

    seconds(10)
    assert seconds(20_000) < 12 * seconds(5_000) + 0.5
