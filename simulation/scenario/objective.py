"""The models of what a purchase has to achieve, and of changes that are judged beside it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FieldSerializationInfo,
    field_serializer,
    model_validator,
)

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

    throttled_share: Annotated[
        Share, AfterValidator(_less_than_all), BeforeValidator(one_reading)
    ] = Field(0.001, description="calls that may be throttled")
    probability: Annotated[Share, AfterValidator(_more_than_none), BeforeValidator(one_reading)] = (
        Field(0.95, description="share of periods that must keep to it")
    )
    cost_of_lost_call: Annotated[float, Field(ge=0, le=MOST_DOLLARS), NUMBER] | None = Field(
        None, description="$ that a lost call costs; then the least expected cost is looked for"
    )

    protect: tuple[str, ...] = Field(
        (), description="the clients whose calls count; all unless given"
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_written(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {k: v for k, v in data.items() if v is not None or k not in _WITH_DEFAULT}

    @model_validator(mode="after")
    def _one_kind(self) -> Objective:
        wants_share = not self.model_fields_set.isdisjoint(_WITH_DEFAULT)
        if wants_share and self.cost_of_lost_call is not None:
            raise ValueError("names a share and a cost, keep throttled_share or cost_of_lost_call")
        return self

    @field_serializer("throttled_share", "probability")
    def _as_written(self, value: float, info: FieldSerializationInfo) -> float | None:
        # A scenario is known by what is written in it, so what is not written stays null there.
        return value if info.field_name in self.model_fields_set else None


_WITH_DEFAULT = ("throttled_share", "probability")


class Alternative(Part):
    """A named change to the scenario, judged beside it on the same demand."""

    name: str = Field(min_length=1, max_length=100, description="what reports call it")
    set: dict[str, Any] = Field(
        min_length=1, description="keys and their values, as --set takes them"
    )
