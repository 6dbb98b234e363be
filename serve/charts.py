"""The report's charts, as inline SVG: drawn once with Altair, coloured by the page's style sheet.

Each colour is a token that pages/report.css maps to the light or the dark palette, so one drawing
serves both. A shape or a dash always says the same as the colour.
"""

from __future__ import annotations

from html import escape

import altair as alt
import pandas as pd
import vl_convert

INK, MUTED, LINE, ACCENT = "#22282c", "#6b747a", "#d9dcd8", "#0f6b66"
WIDTH, HEIGHT = 340, 220
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
PERCENT = ".0%"


def svg(chart: alt.Chart | alt.LayerChart, description: str) -> str:
    """The chart as an `svg` element that reads `description` aloud."""
    styled = (
        chart.properties(background="transparent", padding=4)
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            domainColor=LINE,
            gridColor=LINE,
            tickColor=LINE,
            labelColor=MUTED,
            titleColor=MUTED,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=8,
            labelLimit=220,
        )
        .configure_legend(
            orient="top",
            title=None,
            labelColor=INK,
            labelFontSize=12,
            symbolSize=70,
            direction="horizontal",
            columnPadding=26,
            offset=6,
        )
    )
    spoken = f'<svg role="img" aria-label="{escape(description)}"'
    return vl_convert.vegalite_to_svg(styled.to_dict()).replace("<svg", spoken, 1)


def calibration(bands: pd.DataFrame) -> str:
    """Predicted against observed shares: predicted, observed, observed_low, observed_high."""
    top = max(0.05, float(bands[["predicted", "observed", "observed_high"]].max().max())) * 1.04
    scale = alt.Scale(domain=[0, top], nice=False)
    x = alt.X("predicted:Q", scale=scale, title="predicted", axis=_percent(grid=False))
    y = alt.Y("observed:Q", scale=scale, title="what happened", axis=_percent())
    ends = pd.DataFrame({"predicted": [0, top], "observed": [0, top]})
    ideal = alt.Chart(ends).mark_line(color=MUTED, strokeDash=[4, 4]).encode(x=x, y=y)
    points = alt.Chart(bands)
    whisker = points.mark_rule(color=ACCENT, strokeWidth=1.5).encode(
        x=x, y=alt.Y("observed_low:Q", scale=scale), y2="observed_high:Q"
    )
    dot = points.mark_point(color=ACCENT, filled=True, size=60, opacity=1).encode(x=x, y=y)
    chart = (ideal + whisker + dot).properties(width=WIDTH, height=HEIGHT)
    return svg(
        chart,
        f"Predicted against observed share in {len(bands)} bands of the prediction, with "
        "intervals; on the dashed line the two are equal.",
    )


def by_month(months: pd.DataFrame) -> str:
    """Predicted and actual outcomes a month: month ("2025-03"), predicted, low, high, actual."""
    x = alt.X("month:O", title=None, axis=_some(months["month"]))
    names, shapes = ["what happened", "predicted"], ["square", "circle"]
    both = months.rename(columns={"actual": names[0], "predicted": names[1]}).melt(
        "month", names, var_name="what", value_name="count"
    )
    base = alt.Chart(months)
    bars = base.mark_bar(color=LINE, size=12).encode(x=x, y=alt.Y("actual:Q", title="accounts"))
    whisker = base.mark_rule(color=ACCENT, strokeWidth=1.5).encode(x=x, y="low:Q", y2="high:Q")
    marks = (
        alt.Chart(both)
        .mark_point(filled=True, size=55, opacity=1)
        .encode(
            x=x,
            y="count:Q",
            color=alt.Color("what:N", scale=alt.Scale(domain=names, range=[MUTED, ACCENT])),
            shape=alt.Shape("what:N", scale=alt.Scale(domain=names, range=shapes)),
        )
    )
    return svg(
        (bars + whisker + marks).properties(width=WIDTH, height=HEIGHT),
        f"Predicted outcomes, with the range that chance alone explains, and those that happened, "
        f"in {len(months)} months.",
    )


def duel(scores: pd.DataFrame, metric: str, reference: float | None) -> str:
    """One metric, a dot and its interval a scorer: label, value, low, high; learnt (flag)."""
    named = alt.Axis(labelColor=INK, ticks=False, grid=False, domain=False, minExtent=130)
    y = alt.Y("label:N", title=None, sort=None, axis=named)
    scale = alt.Scale(domain=_domain(scores, reference), nice=False, zero=False)
    kinds = alt.Scale(domain=[True, False], range=[ACCENT, MUTED])
    shapes = alt.Scale(domain=[True, False], range=["circle", "square"])
    colour = alt.Color("learnt:N", scale=kinds, legend=None)
    base = alt.Chart(scores)
    whisker = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale, title=metric, axis=alt.Axis(tickCount=4)),
        x2="high:Q",
        y=y,
        color=colour,
    )
    dot = base.mark_point(filled=True, size=80, opacity=1).encode(
        x=alt.X("value:Q", scale=scale),
        y=y,
        color=colour,
        shape=alt.Shape("learnt:N", scale=shapes, legend=None),
    )
    layers = whisker + dot
    if reference is not None:
        rule = alt.Chart(pd.DataFrame({"value": [reference]}))
        dashed = rule.mark_rule(color=MUTED, strokeDash=[4, 4])
        layers = dashed.encode(x=alt.X("value:Q", scale=scale)) + layers
    spoken = "; ".join(f"{row.label} {row.value:.2f}" for row in scores.itertuples())
    chart = layers.properties(width=WIDTH - 85, height=34 * len(scores) + 10)
    return svg(chart, f"{metric}: {spoken}.")


def rates(periods: pd.DataFrame) -> str:
    """Renewal rates a period: period, logo_renewal_rate with _low and _high, dollar_renewal_rate.

    A rate is empty where too few renewals were due.
    """
    names, shapes = ["accounts", "ARR"], ["square", "circle"]
    columns = {"logo_renewal_rate": names[0], "dollar_renewal_rate": names[1]}
    ends = periods[["logo_renewal_rate_low", *columns]].astype(float).min().min()
    floor = max(0.0, float(ends) - 0.05) if pd.notna(ends) else 0.0
    scale = alt.Scale(domain=[floor, 1], nice=False, clamp=True)
    x = alt.X("period:O", title=None, axis=_some(periods["period"]))
    base = alt.Chart(periods)
    layers = base.mark_rule(color=MUTED, strokeWidth=1.5).encode(
        x=x,
        y=alt.Y("logo_renewal_rate_low:Q", scale=scale, title="renewed", axis=_percent()),
        y2="logo_renewal_rate_high:Q",
    )
    for rate, colour, dash in zip(columns, (MUTED, ACCENT), ([4, 3], [1, 0]), strict=True):
        line = base.mark_line(color=colour, strokeDash=dash)
        layers += line.encode(x=x, y=alt.Y(f"{rate}:Q", scale=scale))
    both = periods.rename(columns=columns).melt("period", names, var_name="of", value_name="share")
    layers += (
        alt.Chart(both.dropna())
        .mark_point(filled=True, size=55, opacity=1)
        .encode(
            x=x,
            y=alt.Y("share:Q", scale=scale),
            color=alt.Color("of:N", scale=alt.Scale(domain=names, range=[MUTED, ACCENT])),
            shape=alt.Shape("of:N", scale=alt.Scale(domain=names, range=shapes)),
        )
    )
    return svg(
        layers.properties(width=WIDTH, height=HEIGHT),
        f"Share of accounts and of ARR due that renewed, in {len(periods)} periods.",
    )


def forecast(periods: pd.DataFrame, title: str, *, share: bool) -> str:
    """Forecast and what happened, by period: period, forecast, low_80, high_80, low_95, high_95,
    happened (missing while it is not over). `share`: of 1, else an amount."""
    x = alt.X("period:O", title=None, axis=_some(periods["period"], 5))
    scale = alt.Scale(zero=False, nice=False, padding=8)
    axis = _percent() if share else alt.Axis(format="~s", tickCount=5, domain=False)
    names, shapes = ["forecast", "what happened"], ["circle", "square"]
    told = periods.rename(columns={"happened": names[1]})
    both = told.melt("period", names, var_name="of", value_name="value").dropna()
    base = alt.Chart(periods)
    likely = base.mark_rule(color=LINE, strokeWidth=10).encode(
        x=x, y=alt.Y("low_80:Q", scale=scale, title=title, axis=axis), y2="high_80:Q"
    )
    possible = base.mark_rule(color=ACCENT, strokeWidth=1.5).encode(
        x=x, y=alt.Y("low_95:Q", scale=scale), y2="high_95:Q"
    )
    marks = (
        alt.Chart(both)
        .mark_point(filled=True, size=55, opacity=1)
        .encode(
            x=x,
            y=alt.Y("value:Q", scale=scale),
            color=alt.Color("of:N", scale=alt.Scale(domain=names, range=[ACCENT, INK])),
            shape=alt.Shape("of:N", scale=alt.Scale(domain=names, range=shapes)),
        )
    )
    over = int(periods["happened"].notna().sum())
    return svg(
        (likely + possible + marks).properties(width=WIDTH, height=HEIGHT),
        f"{title}: the forecast with its 80 and 95% intervals in {len(periods)} months, beside "
        f"what happened in the {over} that are over.",
    )


def importance(families: pd.DataFrame) -> str:
    """How much each family moves the score: family, weight (mean absolute logit)."""
    chart = (
        alt.Chart(families)
        .mark_bar(color=ACCENT, height=14)
        .encode(
            x=alt.X("weight:Q", title="mean absolute contribution, on the logit"),
            y=alt.Y("family:N", sort="-x", title=None),
        )
        .properties(width=WIDTH, height=24 * len(families))
    )
    return svg(chart, f"How much each of {len(families)} families moves the score on average.")


def lift(curve: pd.DataFrame) -> str:
    """How many times the usual share a list holds, by its length: share, lift."""
    y = alt.Y("lift:Q", title="times the usual share", axis=alt.Axis(tickCount=5, domain=False))
    line = (
        alt.Chart(curve)
        .mark_line(color=ACCENT)
        .encode(x=alt.X("share:Q", title="length of the list", axis=_percent(grid=False)), y=y)
    )
    usual = alt.Chart(pd.DataFrame({"lift": [1.0]})).mark_rule(color=MUTED, strokeDash=[4, 4])
    return svg(
        (usual.encode(y=y) + line).properties(width=WIDTH, height=HEIGHT),
        "How many times the usual share of outcomes a list holds, by its length; on the dashed "
        "line it holds no more than chance would.",
    )


def precision_recall(curve: pd.DataFrame) -> str:
    """Of a list that grows: the share of all outcomes on it (caught), and the share of it that are
    outcomes (precision), beside the base_rate."""
    top = alt.Scale(domain=[0, min(1.0, float(curve["precision"].max()) * 1.04)], nice=False)
    y = alt.Y("precision:Q", scale=top, title="precision", axis=_percent())
    line = (
        alt.Chart(curve)
        .mark_line(color=ACCENT)
        .encode(
            x=alt.X("caught:Q", title="share of the outcomes caught", axis=_percent(grid=False)),
            y=y,
            order="share:Q",
        )
    )
    usual = pd.DataFrame({"precision": curve["base_rate"].head(1)})
    rule = alt.Chart(usual).mark_rule(color=MUTED, strokeDash=[4, 4]).encode(y=y)
    return svg(
        (rule + line).properties(width=WIDTH, height=HEIGHT),
        "Precision against the share of the outcomes caught, as the list grows; the dashed line is "
        "the base rate.",
    )


def over_time(periods: pd.DataFrame, metric: str, reference: float) -> str:
    """One metric with its interval by period: period, value, low, high."""
    x = alt.X("period:O", title=None, axis=_some(periods["period"], 5))
    ends = _domain(periods, reference)
    scale = alt.Scale(domain=ends, nice=False, zero=False)
    base = alt.Chart(periods)
    whisker = base.mark_rule(color=ACCENT, strokeWidth=1.5).encode(
        x=x, y=alt.Y("low:Q", scale=scale, title=metric), y2="high:Q"
    )
    dot = base.mark_point(color=ACCENT, filled=True, size=60, opacity=1).encode(
        x=x, y=alt.Y("value:Q", scale=scale)
    )
    even = alt.Chart(pd.DataFrame({"value": [reference]}))
    dashed = even.mark_rule(color=MUTED, strokeDash=[4, 4])
    layers = dashed.encode(y=alt.Y("value:Q", scale=scale)) + whisker + dot
    spoken = "; ".join(f"{row.period} {row.value:.2f}" for row in periods.itertuples())
    return svg(layers.properties(width=WIDTH, height=HEIGHT), f"{metric} by period: {spoken}.")


def _percent(grid: bool = True) -> alt.Axis:
    return alt.Axis(format=PERCENT, grid=grid, tickCount=5, domain=not grid)


def _some(labels: pd.Series, most: int = 6) -> alt.Axis:
    """An axis that names at most `most` of the labels, evenly."""
    step = max(1, -(-len(labels) // most))
    return alt.Axis(
        values=labels.iloc[::step].tolist(), labelAngle=0, labelPadding=8, grid=False, ticks=False
    )


def _domain(scores: pd.DataFrame, reference: float | None) -> list[float]:
    ends = [*scores["low"].dropna(), *scores["high"].dropna(), *scores["value"].dropna()]
    if reference is not None:
        ends.append(reference)
    if not ends:
        return [0.0, 1.0]
    room = (max(ends) - min(ends)) * 0.06 or 0.05
    return [min(ends) - room, max(ends) + room]
