"""Rate cards that tests write: one edition of a credit a license, and any meters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.helpers import ANY_LIMIT

EVERY_MIDNIGHT = {"every": "day", "at": "00:00", "timezone": "org"}


def pool(kind: str = "rolling", **keys: Any) -> dict[str, Any]:
    """Return a meter that is the pool."""
    return {"name": "pool", "kind": kind, "size": "pool", **keys}


def write_card(folder: Path, *limits: dict[str, Any], **keys: Any) -> str:
    """Write a card with these meters into a folder; return its path, as scenarios name it."""
    data = {**yaml.safe_load(ANY_LIMIT.read_text()), "limits": list(limits), **keys}
    file = folder / "card.yaml"
    file.write_text(yaml.safe_dump(data))
    return str(file)
