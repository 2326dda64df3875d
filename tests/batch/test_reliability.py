"""Reliability against published tables, and against numbers that were drawn with a known error."""

from __future__ import annotations

import numpy as np
import pytest

from screener.batch.reliability import bland_altman, reliability
from screener.batch.study import modified_z
from screener.errors import WrongUse

#: Shrout and Fleiss 1979, table 2: six targets, four judges.
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def test_the_published_example() -> None:
    found = reliability(SHROUT_FLEISS)
    # Their table 4.
    assert found.icc_2_1.value == pytest.approx(0.29, abs=0.005)
    assert found.icc_3_1.value == pytest.approx(0.71, abs=0.005)
    assert found.icc_2_k.value == pytest.approx(0.62, abs=0.005)
    # McGraw and Wong's intervals for it, as the packages give them.
    assert (found.icc_2_1.low, found.icc_2_1.high) == pytest.approx((0.02, 0.76), abs=0.006)
    assert (found.icc_3_1.low, found.icc_3_1.high) == pytest.approx((0.34, 0.95), abs=0.006)
    # Their within-target mean square is 6.26 (table 3).
    assert found.sem.value**2 == pytest.approx(6.26, abs=0.01)
    assert found.mdc_95.value == pytest.approx(2.7719 * found.sem.value, rel=1e-4)


def test_the_interval_of_the_sem_holds_the_true_one_as_often_as_it_says() -> None:
    chance = np.random.default_rng(3)
    held = 0
    for _ in range(60):
        true = chance.normal(0, 8, 12)[:, None]
        found = reliability(true + chance.normal(0, 2, (12, 2)))
        held += found.sem.low <= 2.0 <= found.sem.high
    # 57 expected; fewer than 51 would happen once in more than a hundred.
    assert held >= 51


def test_limits_of_agreement_by_hand() -> None:
    first, second = np.array([1.0, 2.0, 3.0, 4.0, 100.0]), np.array([0.0, 2.0, 1.0, 3.0, np.nan])
    found = bland_altman(first, second)
    spread = np.sqrt(2 / 3)  # of 1, 0, 2, 1
    assert found.pairs == 4
    assert found.bias.value == pytest.approx(1.0)
    assert found.lower_limit.value == pytest.approx(1.0 - 1.96 * spread)
    assert found.upper_limit.value == pytest.approx(1.0 + 1.96 * spread)
    # Student's t with 3 degrees of freedom is 3.182.
    assert found.bias.high == pytest.approx(1.0 + 3.1824 * spread / 2, rel=1e-4)
    of_limit = 3.1824 * spread * np.sqrt(1 / 4 + 1.96**2 / 6)
    assert found.upper_limit.high - found.upper_limit.value == pytest.approx(of_limit, rel=1e-4)


def test_too_few_are_refused() -> None:
    with pytest.raises(WrongUse, match="4 subjects with all of 2 sessions are too few"):
        reliability(np.vstack([np.ones((4, 2)), [[1.0, np.nan]]]))
    with pytest.raises(WrongUse, match="2 pairs are too few"):
        bland_altman(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="expected \\(subject, session\\), got shape"):
        reliability(np.ones(4))


def test_what_is_far_from_the_others() -> None:
    z = modified_z(np.array([1.0, 2.0, 3.0, 4.0, 13.0, np.nan]))
    # The median is 3, the median distance from it 1.
    np.testing.assert_allclose(z, [-1.349, -0.6745, 0.0, 0.6745, 6.745, np.nan])
    assert np.isnan(modified_z(np.array([2.0, 2.0, 2.0]))).all()
