"""What is kept of an org in ``item.json`` and ``runtime.json``: of stated types, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    Strict,
    create_model,
    model_validator,
)

from simulation.batch.rows import ALTERNATIVES, PORTFOLIO
from simulation.plain_text import encodable

__all__ = ["File", "Runtime", "Stored"]


def _written(value: object) -> object:
    if not isinstance(value, str):  # as decimals are written, to keep their digits
        raise ValueError("is no amount")
    return value


_KINDS: dict[str, Any] = {
    "text": Annotated[InstanceOf[str], AfterValidator(encodable)],
    "count": Annotated[int, Strict()],
    "share": Annotated[float, Strict(), AllowInfNan(False)],
    "money": Annotated[Decimal, Strict(False), BeforeValidator(_written), AllowInfNan(False)],
    "yes": Annotated[bool, Strict()],
}
_OF_A_BATCH = {"item", "source", "folder"}  # not of the org: they may differ in the next batch
_OF_EVERY_PLAN = {
    *("scenario", "rate_card", "edition", "at_risk", "decided", "replications", "advice", "seed"),
    *("meets_probability", "meets_low", "meets_high", "current_meets_probability"),
    *("current_addon_credits", "current_price_per_month", "current_bill_per_month"),
}
_OF_EVERY_ALTERNATIVE = {
    *("alternative", "addon_credits_alone", "decided"),
    *("meets_probability", "meets_low", "meets_high"),
}


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Row(_Strict):
    """A row of a table: whole, so a size comes with its price and an amount with its interval."""

    @model_validator(mode="after")
    def _is_whole(self) -> _Row:
        values = dict(self)
        bought = values["status"] in ("none_needed", "buy")
        if any(
            (values[name] is not None) != bought
            for name in ("addon_credits", "price_per_month", "bill_per_month")
        ):
            raise ValueError("has not the size and the price of its status")
        for name, value in values.items():
            ends = (values.get(f"{name}_low", 0), values.get(f"{name}_high", 0))
            if name.endswith("saves_per_month") and value is not None and None in ends:
                raise ValueError("has an amount without its interval")
        return self


def _row(name: str, columns: dict[str, str], statuses: Any, needed: set[str]) -> Any:
    """Return a model of rows; columns that are not needed may be null or missing."""
    fields: dict[str, Any] = {
        column: (_KINDS[kind], ...) if column in needed else (_KINDS[kind] | None, None)
        for column, kind in columns.items()
        if column not in _OF_A_BATCH
    }
    return create_model(name, __base__=_Row, **{**fields, "status": (statuses, ...)})


_PLANNED = Literal["none_needed", "buy", "not_reachable"]
_Planned = _row("_Planned", PORTFOLIO, _PLANNED, _OF_EVERY_PLAN)
_Failed = _row("_Failed", PORTFOLIO, Literal["failed"], {"error"})
_Alternative = _row("_Alternative", ALTERNATIVES, _PLANNED, _OF_EVERY_ALTERNATIVE)


class File(_Strict):
    """The size and the hash of a result's file when it was written."""

    bytes: int
    sha256: str


class _Record(_Strict):
    identity: str
    row: dict[str, Any]
    alternatives: list[dict[str, Any]]
    # A record of an earlier version has sizes in place of hashes, by which no damage would show: it
    # is refused, so its org is planned again.
    files: dict[str, File]


class Runtime(_Strict):
    """How long an org took, when, and at which attempt."""

    seconds: float = Field(ge=0, le=1e12)
    attempts: int = Field(ge=1, lt=2**63)
    finished_at: Annotated[str, Field(max_length=40)]


class Stored:
    """What is kept of an org: its rows of the tables, its files, its identity.

    Attributes
    ----------
    identity : str
        Hash of all that decides the result.
    row : dict
        Its row of the portfolio table.
    alternatives : list of dict
        Its rows of the table of alternatives.
    files : dict
        The other files, with their sizes and hashes.
    failed : bool
        Whether there is no plan, but a reason.

    Raises
    ------
    ValidationError
        If the record is not one that `BatchStore.put` writes.
    """

    def __init__(self, data: object) -> None:
        record = _Record.model_validate(data)
        self.identity, self.files = record.identity, record.files
        self.failed: bool = record.row.get("status") == "failed"
        kind = _Failed if self.failed else _Planned
        self.row = _checked(kind, record.row)
        self.alternatives = [_checked(_Alternative, each) for each in record.alternatives]


def _checked(kind: type[_Row], row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its values of their types, its columns in the order given."""
    kept = kind.model_validate(row).model_dump()
    return {name: kept[name] for name in row}
