"""Results as JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

__all__ = ["to_json"]


def to_json(data: Any) -> str:
    """Return data as JSON; prices, which are decimals, with exactly their digits.

    >>> print(to_json([Decimal("25.20"), Decimal("195.00")]))
    [
      25.2,
      195
    ]
    """

    def exact(value: object) -> int | float:
        # A float of up to 15 digits is written with the digits of its decimal.
        if not isinstance(value, Decimal):
            raise TypeError(f"cannot write {type(value).__name__} as JSON")
        return int(value) if value == int(value) else float(value)

    return json.dumps(data, indent=2, ensure_ascii=False, default=exact, allow_nan=False)
