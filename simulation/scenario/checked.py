"""The base of a model that is always checked: no copy with changes, none made of unread values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from simulation.errors import InputError
from simulation.formats import Part

__all__ = ["CheckedPart"]


class CheckedPart(Part):
    """A part of a file that is only ever made of values that were checked."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy without changes; refuse changes, which nothing would check here.

        Raises
        ------
        InputError
            If there is an ``update``: `changed` makes changes, and checks them.
        """
        if update:
            keys = ", ".join(map(repr, update))
            raise InputError(
                f"a copy with another {keys} would not be checked, and would run otherwise than it "
                "says: use scenario.changed({'org.addon_credits': 5000}) and the like"
            )
        return super().model_copy(deep=deep)

    def copy(self, **options: Any) -> Self:
        """Return a copy without changes, as `model_copy`."""
        deep = bool(options.pop("deep", False))
        changes = options.pop("update", None) or {}
        return self.model_copy(update={**options, **changes}, deep=deep)

    if not TYPE_CHECKING:

        @classmethod
        def model_construct(cls, *_: Any, **__: Any) -> Self:
            """Refuse to make a scenario that nothing has checked.

            Raises
            ------
            InputError
                Always: `model_validate` makes scenarios, and `changed` others like them.
            """
            raise InputError(
                "a scenario is always checked: use Scenario.model_validate(...) or "
                "load_scenario(...), or scenario.changed(...) for another like one that is there"
            )
