"""The model of what an org has bought."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from simulation.bounds import MOST_DOLLARS, MOST_LICENSES
from simulation.formats import Credits, FrozenDict, Part
from simulation.quantities import NUMBER, WHOLE

__all__ = ["Org"]

Dollars = Annotated[Decimal, Field(ge=0, le=MOST_DOLLARS), NUMBER]


class Org(Part):
    """What the org has bought; together it gives the limit."""

    edition: str = Field(description="an edition of the rate card, or an alias of one")
    user_licenses: Annotated[int, Field(ge=0, le=MOST_LICENSES), WHOLE] | None = Field(
        None, description="user licenses bought; free needs none"
    )
    addon_credits: Credits = Field(0, description="add-on credits bought, per 24 hours")
    license_prices: dict[str, Dollars] = Field(
        default_factory=FrozenDict,
        description="$ per license and month by edition, to compare totals; none are assumed",
    )
    assumed: tuple[Literal["edition", "user_licenses"], ...] = Field(
        (), description="which of these keys are no more than assumed, as a fit writes it"
    )
