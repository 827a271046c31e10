"""What mails say, and that nobody else can say something in them."""

import re
from html.parser import HTMLParser

import pytest

from duologue.mail.render import KINDS, LONGEST_PARAMETER, render

VALUES = {
    "code": "048213",
    "minutes": "10",
    "when": "22 November 2026, 21:14 UTC",
    "device": "Firefox on Linux",
    "address": "203.0.113.7",
    "email": "new@example.com",
}


def everything(template: str) -> dict[str, str]:
    kind = KINDS[template]
    return {name: VALUES[name] for name in kind.must | kind.may}


class Words(HTMLParser):
    """The text a reader sees, and the attributes somebody could abuse."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "background")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("template", KINDS)
def test_every_mail_says_all_it_was_told_in_both_parts(template: str) -> None:
    mail = render(template, everything(template), "https://chat.example")
    seen = " ".join(Words(mail.html).words)
    for value in (*everything(template).values(), "https://chat.example", "Not you?"):
        assert value in mail.text
        assert value in seen
    assert mail.subject == KINDS[template].subject
    assert "\n" not in mail.subject
    assert "{" not in mail.text
    assert mail.code == everything(template).get("code")


@pytest.mark.parametrize("template", KINDS)
def test_every_mail_does_without_what_it_may_be_told(template: str) -> None:
    params = {name: VALUES[name] for name in KINDS[template].must}
    mail = render(template, params)
    assert "None" not in mail.text + mail.html
    assert "Device" not in mail.text + mail.html


@pytest.mark.parametrize("template", KINDS)
def test_mails_load_nothing_and_link_nowhere(template: str) -> None:
    html = Words(render(template, everything(template)).html)
    assert html.addresses == []
    assert not html.tags & {"script", "img", "link", "iframe", "form"}


@pytest.mark.parametrize("template", KINDS)
def test_markup_in_parameters_stays_text(template: str) -> None:
    attack = "<img src=x onerror=alert(1)>{{ 7 * 7 }}\"'"
    params = dict.fromkeys(everything(template), attack)
    mail = render(template, params, attack)
    assert not Words(mail.html).tags & {"img"}
    assert "49" not in mail.text
    if params:
        assert attack in mail.text, "the plain part is not escaped"


def test_parameters_are_one_short_line() -> None:
    mail = render("new_device", {"device": "a\r\nNot you? No\x00\x1b[31m " + "x" * 1000, "when": "\n"})
    line = next(line for line in mail.text.splitlines() if "Device:" in line)
    assert line.strip().startswith("Device: a Not you? No [31m xxx")
    assert len(line) < LONGEST_PARAMETER + 20
    assert "When" not in mail.text


def test_a_code_says_how_long_it_is_valid() -> None:
    assert "Valid for 10 minutes," in render("otp_reset", {"code": "1", "minutes": "10"}).text
    assert "Valid for 1 minute," in render("otp_reset", {"code": "1", "minutes": "1"}).text


def test_the_code_is_one_piece_that_selects_as_a_whole() -> None:
    html = render("otp_registration", {"code": "048213", "minutes": "10"}).html
    assert re.search(r"user-select:all;\">048213</div>", html)


@pytest.mark.parametrize("params", [{}, {"code": "1"}, {"code": "1", "minutes": "1", "cod": "2"}])
def test_a_wrong_parameter_is_an_error_and_not_a_gap(params: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="otp_reset"):
        render("otp_reset", params)
