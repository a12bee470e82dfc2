"""Words and pictures of results: findings, figures, and the pages that hold them.

Shows what a result holds, and never simulates.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.report.card_in_words import (
        besides_in_words, card_facts, in_force_in_words, limits_in_words,
        superseded_in_words,
    )
    from simulation.report.cards_compared import other_cards_in_words
    from simulation.report.fit_in_words import fit_advice, fit_findings, what_was_read
    from simulation.report.fit_tables import CLIENT_COLUMNS, fit_rows
    from simulation.report.meters_in_words import limit_figures
    from simulation.report.page import report
    from simulation.report.plan_in_words import (
        advice_in_brief, best_alternative, plan_findings, what_it_is,
    )
    from simulation.report.portfolio_in_words import portfolio_findings
    from simulation.report.portfolio_page import write_portfolio_page
    from simulation.report.rates_in_words import estimates_in_words, run_on_estimates
    from simulation.report.run_in_words import (
        precision_finding, run_figures, run_findings, start_finding,
    )
    from simulation.report.trust_in_words import (
        backtest_findings, backtest_table, comparison_findings,
    )
    from simulation.report.trust_page import trust_report
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
