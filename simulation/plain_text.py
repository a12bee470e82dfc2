"""Text made harmless: what a terminal, a line of a message or UTF-8 cannot take is escaped."""

from __future__ import annotations

import re

__all__ = ["encodable", "in_json", "neutral", "one_line"]


_OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb]"
)
"""Control characters but for tab and line feed, those that turn the direction of writing or end a
line, and those that cannot be seen; the joiners that scripts and emoji need are none of them."""


def neutral(text: str) -> str:
    r"""Return text with escapes in place of the characters that a terminal obeys.

    >>> neutral("a\x1b[31mb"), neutral("\u202ec"), neutral("d\u2028e")
    ('a\\x1b[31mb', '\\u202ec', 'd\\u2028e')
    """
    return _OBEYED.sub(lambda found: _escape(found[0]), text)


def one_line(text: str) -> str:
    r"""Return text on one line: as `neutral`, with tabs and the ends of lines escaped.

    >>> one_line("a\nb\tc")
    'a\\nb\\tc'
    """
    return neutral(text.replace("\n", "\\n").replace("\t", "\\t"))


def in_json(text: str) -> str:
    r"""Return the same JSON, with escapes in place of the characters that a terminal obeys.

    >>> in_json('["\x9b"]')
    '["\\u009b"]'
    """
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def encodable(text: str) -> str:
    r"""Return text that can be written as UTF-8: half of a surrogate pair becomes an escape.

    >>> encodable("Zürich"), encodable("byte \udcff of a name")
    ('Zürich', 'byte \\udcff of a name')
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
