"""What servers, gateways and dashboards have recorded, as arrays.

Reads by content: access logs, tables, JSON, counts, in whatever form their times have. Never knows
a scenario, a rate card or a kind of call.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.logs.clients import ClientNames, Told, product_of
    from simulation.logs.columns import Reading
    from simulation.logs.entries import UNKNOWN, Entries, Skipped
    from simulation.logs.field_names import FieldRole
    from simulation.logs.sources import find
    from simulation.logs.reading import (
        check_skipped,
        entries_of_logs,
        read_log,
        skipped_in_words,
    )
    from simulation.logs.tables import open_table, time_column
    from simulation.logs.log_formats import pattern_layout
    from simulation.logs.moment_parts import NO_OFFSET
    from simulation.logs.times import Moments, OrderOfDatesError, Texts, read_column, unread
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
