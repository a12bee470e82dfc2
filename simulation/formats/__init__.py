"""Files and figures as people read and write them: YAML, CSV, folders of results, words.

Knows files, not scenarios, and imports no other room. A result appears whole or not at all.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.formats.addresses import misread
    from simulation.formats.csv_files import (
        Row, csv_problem, csv_rows, csv_text, csv_writer, decimal_comma, for_spreadsheets,
        has_semicolons, names_orgs, rows_of,
    )
    from simulation.formats.documents import Document, value_of
    from simulation.formats.input_files import (
        ANYWHERE, MOST_MEGABYTES, TRACE_MEGABYTES, Access, named_path, open_bytes, read_text,
        real_path, shorten_it, shown,
    )
    from simulation.formats.json_text import to_json
    from simulation.formats.model_errors import details_of, unknown_part
    from simulation.formats.output import (
        OutputFolder, reading, reason_of, refuse_foreign, refused, stamp, writable,
    )
    from simulation.formats.output_file import OutputFile
    from simulation.formats.parts import (
        Credits, FrozenDict, Part, PositiveDuration, Records, Weight, check_weight,
        exactly_one_of, frozen, of_value_alone, one_number_twice, one_reading, thawed, twice,
    )
    from simulation.formats.plain_yaml import LONGEST_TEXT, unprintable, write_yaml
    from simulation.formats.spelling import did_you_mean
    from simulation.formats.tables import LARGEST, TableRow, TableWriter, read_parquet, read_table
    from simulation.formats.words import (
        counted, dollars, exact, exact_percent, in_words, listed, money, number, percent, period,
        plural, say_duration, say_number,
    )
    from simulation.formats.written import PLAN_FILES, RUN_FILES, digest, hashes_of, sealed
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
