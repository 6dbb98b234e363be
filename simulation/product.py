"""The product: its modules and features, the key ones marked, in order of popularity."""

from __future__ import annotations

import pandas as pd

MODULES = {  # * marks a key feature
    "Planning": "plan_board* milestones* calendar_sync capacity_view plan_templates",
    "Tasks": "task_create* task_assign* task_comments checklists recurring_tasks bulk_edit",
    "Reports": "report_view* report_build* report_schedule dashboards* dashboard_share",
    "Data": "csv_import csv_export api_call* data_sync* field_mapping",
    "Automation": "rule_create* rule_run* webhooks approvals reminders",
    "Teamwork": "mentions file_share guest_access team_chat whiteboard",
    "Administration": "user_invite* role_edit audit_log single_sign_on billing_view",
    "Insights": "forecast* scenario benchmark_view alert_setup",
}
BY_POPULARITY = """
    task_create plan_board report_view task_assign mentions dashboards milestones file_share
    task_comments csv_export report_build reminders user_invite data_sync checklists rule_run
    calendar_sync api_call csv_import rule_create forecast approvals dashboard_share team_chat
    recurring_tasks report_schedule capacity_view plan_templates bulk_edit role_edit webhooks
    guest_access field_mapping whiteboard alert_setup scenario benchmark_view audit_log
    billing_view single_sign_on
"""
POPULAR = tuple(BY_POPULARITY.split())
NIGHTLY = "api_call"  # what an integration does


def product_features() -> pd.DataFrame:
    """The table `product_features`, the most popular feature first.

    >>> product_features().is_key.eq("true").sum()
    np.int64(13)
    """
    rows = [
        {"feature": name.rstrip("*"), "is_key": name.endswith("*"), "module": module}
        for module, names in MODULES.items()
        for name in names.split()
    ]
    frame = pd.DataFrame(rows).set_index("feature").loc[list(POPULAR)].reset_index()
    return frame.assign(is_key=frame.is_key.map({True: "true", False: "false"}))
