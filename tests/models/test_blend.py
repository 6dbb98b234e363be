"""A row has the same bits alone as among others."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from tests.models.fitted import blend
from tests.models.panel import panel


def test_a_row_alone_has_the_bits_that_it_has_among_others():
    members = blend().resampled
    model = replace(blend(), resampled=(members * 8)[:8])  # eight: where numpy changes its order
    features = panel(60, 1, seed=7).features
    together = model.interval(features).assign(p=model.predict(features))
    alone = pd.concat(
        [
            model.interval(row).assign(p=model.predict(row))
            for row in (features.iloc[[at]] for at in range(len(features)))
        ]
    )
    pd.testing.assert_frame_equal(alone, together, check_exact=True)
