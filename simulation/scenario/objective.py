"""The models of what a purchase has to achieve, and of changes that are judged beside it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from simulation.bounds import MOST_DOLLARS
from simulation.formats import Part, one_reading
from simulation.quantities import NUMBER, Share

__all__ = ["Alternative", "Objective"]


def _less_than_all(share: float) -> float:
    if share >= 1:
        raise ValueError(
            f"{share:.0%} lets every call be throttled, so that any size would do: "
            "write less, such as 0.1%"
        )
    return share


def _more_than_none(probability: float) -> float:
    if not 0 < probability <= 1:
        wrong = "is less than any size keeps to" if probability <= 0 else "is more than the whole"
        raise ValueError(f"{probability:.0%} {wrong}, write such as 95%")
    return probability


class Objective(Part):
    """What a purchase has to achieve.

    Either in at least ``probability`` of periods like the horizon at most
    ``throttled_share`` of the calls are throttled, or the expected cost is least.
    """

    throttled_share: (
        Annotated[Share, AfterValidator(_less_than_all), BeforeValidator(one_reading)] | None
    ) = Field(None, description="calls that may be throttled")
    probability: (
        Annotated[Share, AfterValidator(_more_than_none), BeforeValidator(one_reading)] | None
    ) = Field(None, description="share of periods that must keep to it")
    cost_of_lost_call: Annotated[float, Field(ge=0, le=MOST_DOLLARS), NUMBER] | None = Field(
        None, description="$ that a lost call costs; then the least expected cost is looked for"
    )

    protect: tuple[str, ...] = Field(
        (), description="the clients whose calls count; all unless given"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Objective:
        wants_share = self.throttled_share is not None or self.probability is not None
        if wants_share and self.cost_of_lost_call is not None:
            raise ValueError("names a share and a cost, keep throttled_share or cost_of_lost_call")
        return self


class Alternative(Part):
    """A named change to the scenario, judged beside it on the same demand."""

    name: str = Field(min_length=1, max_length=100, description="what reports call it")
    set: dict[str, Any] = Field(
        min_length=1, description="keys and their values, as --set takes them"
    )
