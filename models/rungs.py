"""The rungs of the ladder, and from how many positives each is tried."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

BASE_RATE, LINEAR, BLEND, SEARCH = "base rate", "linear", "blend", "search"


class RungSettings(BaseModel):
    """Positives from which a ridge logit, trees beside it, and a search for their settings are
    tried; from `unbound_from` on, declared signs no longer bind. `least_gain_errors`: by how many
    standard errors the out-of-fold gain over the base rate must exceed nothing. `least_evidence`:
    the same where declared signs bind, of that gain and of what the signs alone tell together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    linear_from: int = Field(ge=2)
    blend_from: float = Field(ge=2)
    search_from: float = Field(ge=2)
    unbound_from: float = Field(ge=2)
    least_gain_errors: float
    least_evidence: float

    def of(self, positives: float) -> str:
        """The rung that so many positives allow, from `linear` up."""
        if positives < self.blend_from:
            return LINEAR
        return BLEND if positives < self.search_from else SEARCH

    def tells(self, gain: float, error: float, declared: float | None) -> bool:
        """Whether more is known of the outcome than its rate: `gain` in log-loss over the base
        rate, with its standard `error`, and by how many standard errors the declared signs alone
        agree with the outcomes, None where they do not bind. Signs that disagree speak for
        nothing: what was learnt against them must then stand by itself."""
        if declared is None:
            return not gain <= self.least_gain_errors * error
        return not gain + max(declared, 0.0) * error <= self.least_evidence * error

    def holds(self, gain: float, error: float) -> bool:
        """Whether what other accounts teach holds on later mornings: it does not lose there by more
        than its standard error. Of a ladder that is told to learn whatever it loses, always."""
        return self.least_gain_errors < 0 or gain + error >= 0

    def next_rung(self, rung: str) -> str:
        """From how many positives the next rung is tried, in words."""
        if rung == LINEAR:
            return f"trees join from {self.blend_from:.0f}"
        if rung == BLEND:
            return f"a search among the trees' settings from {self.search_from:.0f}"
        return "enough to search among the trees' settings"
