"""How long calls stay open is told from a log, where a rate card counts the calls that are open."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simulation.fitting import FitOptions, fit

LOG = (
    '- - [{day}/Jan/2026:{at} +0000] "GET /crm/v8/Leads/1 HTTP/1.1" {status} 9 "-" "s" {took:.6f}\n'
)


def _log(path: Path, took: list[int], status: int = 200) -> Path:
    """Write a log whose calls took these times, in µs; all but the last come on one morning."""
    times = [f"1{n // 900}:{n // 15 % 60:02}:{n * 4 % 60:02}" for n in range(len(took))]
    lines = [
        LOG.format(day="05", at=at, status=status, took=each / 1e6)
        for at, each in zip(times, took, strict=True)
    ]
    lines[-1] = LOG.format(day="06", at="19:00:00", status=status, took=took[-1] / 1e6)
    path.write_text("".join(lines))
    return path


def _durations(log: Path, rate_card: str = "zoho-crm-2026") -> list[object]:
    scenario = fit(log, options=FitOptions(rate_card=rate_card)).scenario
    return [call.duration for client in scenario.clients for call in client.calls]


def test_a_log_normal_law_comes_back_within_its_classes(tmp_path: Path) -> None:
    """Classes are a fifth of an octave wide: 15 %."""
    random = np.random.default_rng(3)
    took = (400_000 * np.exp(0.5 * random.standard_normal(3000))).astype(int).tolist()
    (found,) = _durations(_log(tmp_path / "a.log", took))
    law = found.lognormal  # type: ignore[attr-defined]
    assert 0.85 < law.median / np.median(took) < 1.15
    assert 0.85 < law.p95 / np.quantile(took, 0.95) < 1.15


def test_where_nothing_counts_open_calls_no_duration_is_written(tmp_path: Path) -> None:
    assert _durations(_log(tmp_path / "a.log", [400_000] * 100), "kaizen-34") == [None]


def test_throttled_attempts_and_few_calls_tell_no_duration(tmp_path: Path) -> None:
    assert _durations(_log(tmp_path / "a.log", [400_000] * 100, status=429)) == [None]
    assert _durations(_log(tmp_path / "a.log", [400_000] * 19)) == [None]
