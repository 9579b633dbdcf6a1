"""Holm's correction against statsmodels and by hand."""

import numpy as np

from evalkit.measures.holm import holm


def test_holm_is_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 30):
        p_values = np.round(rng.random(count) ** 3, 2)  # some equal, some 0
        np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1], atol=1e-12)


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
