"""The words in which features are told: data for models/phrases.py, one entry a feature.

A feature that is not here is told by its dictionary text and its value.
"""

from __future__ import annotations

# What is counted, for "fell from 24 to 9": a trend is the window over the same window before it.
COUNTED = {
    "active_users": "active users",
    "active_days": "days with use",
    "events": "events",
    "minutes": "minutes of use",
}
SPANS = {7: "two weeks", 28: "eight weeks", 91: "half a year"}

# Whole sentences, for a value of the feature itself.
SENTENCES = {
    "days_since_use": "no use for {days}",
    "longest_gap_91d": "up to {days} without use in the last 91 days",
    "oldest_open_ticket": "a ticket open for {days}",
    "oldest_open_urgent_ticket": "an urgent ticket open for {days}",
    "days_since_touchpoint": "no touchpoint for {days}",
    "nps_age": "last NPS answer {days} ago",
    "nps_last": "last NPS answer: {value} of 10",
    "seat_utilisation": "{share} of the seats used in the last 28 days",
    "busiest_user_share_28d": "one person makes {share} of the use of the last 28 days",
    "key_feature_share_28d": "{share} of the key features used in the last 28 days",
    "within_sla_share_91d": "{share} of the tickets of the last 91 days answered in time",
    "months_below_own_half": "{value} of the last six months below half the account's own average",
    "active_users_28d_in_industry": "rank by active users in its industry (0% is last): {share}",
    "features_used_28d": "features used in the last 28 days: {value}",
    "features_used_91d": "features used in the last 91 days: {value}",
    "key_features_used_28d": "key features used in the last 28 days: {value}",
    "key_features_used_91d": "key features used in the last 91 days: {value}",
    "adopted_features_28d": "features first used in the last 28 days: {value}",
    "dropped_features_28d": "features no longer used in the last 28 days: {value}",
    "new_users_28d": "new users in the last 28 days: {value}",
    "new_departments_91d": "departments with use in the last 91 days and none before: {value}",
    "events_per_user_28d": "events per active user in the last 28 days: {value}",
    "first_response_hours_91d": "hours to a first response to tickets, mean of 91 days: {value}",
    "resolution_hours_91d": "hours to resolve a ticket, mean of the last 91 days: {value}",
    "tenure_days": "customer for {days}",
    "days_since_change": "last renewal or change of the contract {days} ago",
    "term_days": "contract term of {days}",
    "arr": "ARR: {value}",
    "seats": "seats: {value}",
    "open_tickets": "open tickets: {value}",
    "open_urgent_tickets": "open urgent tickets: {value}",
    "past_renewals": "renewals so far: {value}",
    "past_expansions": "renewals at which the account grew: {value}",
    "past_contractions": "renewals at which the account shrank: {value}",
    "nps_mean_182d": "NPS answers of the last half year average {value} of 10",
    "nps_detractors_182d": "NPS answers of 6 or less in the last half year: {value}",
    "nps_answers_182d": "NPS answers in the last half year: {value}",
    "nps_trend": "last NPS answer against the mean of the earlier ones: {value}",
    "csat_last": "last rated ticket: {value} for satisfaction",
    "reopened_tickets_91d": "tickets reopened in the last 91 days: {value}",
    "lost_users_28d": "people who stopped using it in the last 28 days: {value}",
    "lost_departments_91d": "departments that stopped using it in the last 91 days: {value}",
    "late_touchpoints_182d": "touchpoints held over a week late in the last half year: {value}",
    "planned_touchpoints_182d": "planned touchpoints in the last half year: {value}",
}

# For a value that is missing, where that says something.
UNKNOWN = {
    "days_since_use": "never used",
    "nps_last": "no NPS answer yet",
    "nps_trend": "fewer than two NPS answers",
    "nps_mean_182d": "no NPS answer in the last half year",
    "csat_last": "no rated ticket yet",
    "csat_91d": "no rated ticket in the last 91 days",
    "days_since_touchpoint": "no touchpoint yet",
    "oldest_open_ticket": "no ticket open",
    "oldest_open_urgent_ticket": "no urgent ticket open",
}

# Where that other feature is missing too, its words say it better.
BECAUSE = {
    "nps_age": "nps_last",
    "nps_trend": "nps_last",
    "nps_mean_182d": "nps_last",
    "csat_91d": "csat_last",
}

# For what is either so or not, the sentence for each: no, yes.
FLAGS = {
    "auto_renew": ("does not renew by itself", "renews by itself"),
    "month_to_month": ("decides by contract, not monthly", "may leave at the end of any month"),
}
