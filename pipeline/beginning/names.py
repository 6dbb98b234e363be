"""What other programs call our tables and columns. Words are lower case, without plural."""

from __future__ import annotations

import re

SAME = {
    "organization": "organisation", "canceled": "cancelled", "cancelation": "cancellation",
    "acct": "account", "cust": "customer", "qty": "quantity", "num": "number",
    "subs": "subscription", "sub": "subscription", "dt": "date", "ts": "timestamp",
    "datetime": "time", "min": "minute", "mins": "minute", "secs": "second", "sec": "second",
    "licence": "license", "org": "organisation", "uuid": "id", "guid": "id",
    "companies": "company", "activities": "activity", "industries": "industry",
    "opportunities": "opportunity", "categories": "category", "currencies": "currency",
    "countries": "country",
}  # fmt: skip
DROPPED = {"utc", "gmt", "the", "of", "c", "raw", "export", "tbl", "dim", "fct", "stg", "usd",
           "eur", "gbp", "metadata"}  # fmt: skip

CALLED: dict[str, str] = {
    "accounts": "account customer company organisation client tenant workspace",
    "subscriptions": "subscription contract contract_line contract_line_item order license "
    "agreement",
    "usage": "usage event activity feature_usage event_log product_event session login",
    "product_features": "product_feature feature module",
    "tickets": "ticket case support_ticket issue conversation request",
    "nps": "nps nps_response survey survey_response response promoter",
    "touchpoints": "touchpoint meeting call task interaction csm_activity engagement",
}

COLUMNS: dict[str, dict[str, str]] = {
    "accounts": {
        "account_id": "account_id customer_id company_id organisation_id client_id tenant_id "
        "workspace_id id account customer account_number customer_number",
        "created_at": "created_at created created_date create_date date_created signup_date "
        "signed_up_at sign_up_date customer_since registered_at joined_at start_date",
        "name": "name account_name company_name customer_name company organisation_name "
        "organisation legal_name",
        "segment": "segment tier customer_segment size_band company_size account_tier",
        "industry": "industry sector vertical line_of_business",
        "country": "country country_code billing_country region_country",
        "owner": "owner owner_id account_owner csm customer_success_manager account_manager",
        "parent_id": "parent_id parent_account_id parent_account parent_company_id",
    },
    "subscriptions": {
        "subscription_id": "subscription_id contract_id id line_id contract_line_id "
        "contract_line_item_id "
        "contract_number order_id license_id line_item_id subscription_number",
        "account_id": "account_id customer_id company_id organisation_id client_id tenant_id "
        "workspace_id account customer company organisation client",
        "start_date": "start_date start started_at starts_at begin_date contract_start "
        "contract_start_date valid_from effective_date effective_from activated_at from_date",
        "term_end": "term_end term_end_date contract_end contract_end_date renewal_date "
        "next_renewal_date renews_at renewal_at expiry_date expires_at expiration_date "
        "commitment_end valid_until valid_to end_of_term",
        "ended_at": "ended_at end_date ended ends_at churn_date churned_at terminated_at "
        "termination_date cancelled_at cancellation_date cancel_date deactivated_at closed_at",
        "arr": "arr arr_amount annual_recurring_revenue acv annual_amount annual_value "
        "annual_contract_value mrr mrr_amount monthly_recurring_revenue monthly_amount "
        "monthly_fee monthly_price mrr_cent arr_cent amount_cent amount price total_price "
        "unit_price recurring_amount revenue value",
        "notice_at": "notice_at notice_date notice_given cancellation_requested_at "
        "cancel_requested_at cancellation_notice_date notice_received",
        "booked_at": "booked_at booking_date signed_at signature_date closed_won_at close_date "
        "created_at created created_date order_date signed_date",
        "product": "product product_name product_id sku item add_on module",
        "plan": "plan plan_name plan_tier plan_id package edition tier",
        "seats": "seat quantity license user_count number_seat seat_count license_count",
        "discount": "discount discount_rate discount_percent discount_pct discount_share",
        "auto_renew": "auto_renew auto_renewal auto_renew_flag is_auto_renew renews_automatically",
        "currency": "currency currency_code currency_iso_code iso_currency",
        "recorded_at": "recorded_at",
    },
    "usage": {
        "account_id": "account_id customer_id company_id organisation_id client_id tenant_id "
        "workspace_id account customer company organisation group_id",
        "occurred_at": "occurred_at timestamp event_time event_timestamp event_date usage_date "
        "time date happened_at created_at logged_at login_at session_start day",
        "feature": "feature feature_name event_name event event_type action module feature_key "
        "page screen name",
        "event_id": "event_id usage_id id message_id insert_id",
        "user_id": "user_id user person_id member_id login_id seat_id distinct_id anonymous_id "
        "actor_id username",
        "count": "count usage_count event_count quantity number hit times",
        "minutes": "minute duration_minute usage_duration_minute session_minute "
        "usage_duration_second duration_second second duration usage_duration duration_hour",
        "department": "department team business_unit division group_name",
        "recorded_at": "recorded_at received_at ingested_at loaded_at",
    },
    "product_features": {
        "feature": "feature feature_name feature_id name key_name",
        "is_key": "is_key is_core core is_key_feature key_feature",
        "module": "module area product_area category group",
    },
    "tickets": {
        "ticket_id": "ticket_id case_id id case_number ticket_number issue_id conversation_id",
        "account_id": "account_id customer_id company_id organisation_id client_id tenant_id "
        "account customer company organisation client",
        "opened_at": "opened_at created_at created created_date submitted_at date_opened "
        "opened_date open_date date_created",
        "first_response_at": "first_response_at first_reply_at first_replied_at first_responded_at",
        "resolved_at": "resolved_at solved_at closed_at closed_date resolution_date date_closed "
        "completed_at",
        "priority": "priority severity urgency",
        "category": "category type ticket_type issue_type reason topic",
        "is_incident": "is_incident incident outage is_outage",
        "reopened_at": "reopened_at reopen_date",
        "csat": "csat csat_score satisfaction_score satisfaction_rating satisfaction rating",
        "csat_at": "csat_at satisfaction_date rated_at csat_date",
        "subject": "subject title summary",
        "body": "body description text",
        "recorded_at": "recorded_at",
    },
    "nps": {
        "response_id": "response_id id survey_response_id answer_id survey_id",
        "account_id": "account_id customer_id company_id organisation_id client_id tenant_id "
        "account customer company organisation",
        "occurred_at": "occurred_at responded_at response_date submitted_at answered_at created_at "
        "date timestamp survey_date",
        "score": "score nps_score nps rating answer likelihood value",
        "user_id": "user_id respondent_id person_id contact_id",
        "comment": "comment feedback verbatim reason text",
        "recorded_at": "recorded_at",
    },
    "touchpoints": {
        "touchpoint_id": "touchpoint_id id activity_id meeting_id task_id call_id event_id",
        "account_id": "account_id customer_id company_id organisation_id client_id what_id "
        "account customer company organisation",
        "occurred_at": "occurred_at activity_date held_at date completed_at start_time timestamp "
        "created_at",
        "kind": "kind type activity_type task_subtype channel meeting_type",
        "owner": "owner owner_id csm assigned_to host",
        "planned_for": "planned_for planned_date due_date scheduled_for scheduled_at",
        "risk_call": "risk_call risk risk_forecast csm_risk churn_risk_forecast",
        "recorded_at": "recorded_at",
    },
}  # fmt: skip

ROLLING = ("current_period_end", "next_invoice_date", "next_billing_date", "next_payment_date",
           "billing_period_end", "paid_until")  # fmt: skip


def words(name: str) -> list[str]:
    """The words of a name, as the lists here spell them.

    >>> words("Canceled At (UTC)"), words("CurrencyIsoCode"), words("seats")
    (['cancelled', 'at'], ['currency', 'iso', 'code'], ['seat'])
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    found = [SAME.get(word, word) for word in re.findall(r"[a-z0-9]+", spaced.lower())]
    singular = [SAME.get(_singular(word), _singular(word)) for word in found]
    return [word for word in singular if word not in DROPPED] or singular


def _singular(word: str) -> str:
    plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "ous"))
    return word[:-1] if plural else word


def likeness(name: str, known: str) -> float:
    """How surely a name means what `known`, a list of names parted by blanks, stands for: 0 to 1.

    A name of the list is 1, less the further back it stands; a name that holds one of the list is
    at most 0.7, more if it holds little else; and 0 is no likeness.

    >>> likeness("Start Date (UTC)", "start_date start"), likeness("colour", "start_date start")
    (1.0, 0.0)
    """
    said = words(name)
    best = 0.0
    for place, text in enumerate(known.split()):
        listed = text.split("_")
        if said == listed:
            return max(best, 1.0 - 0.01 * place)
        if set(listed) <= set(said):
            best = max(best, 0.4 + 0.3 * len(listed) / len(said) - 0.005 * place)
    return round(best, 4)
