"""The least settings that the app starts with."""

GOOD = {
    "TENANT_ID": "3f0a7b5e-6f0e-4f1c-9a50-0d0f6f3c1a11",
    "WATCH_STORAGE": "UseDevelopmentStorage=true",
    "NOTIFICATION_BASE_URL": "https://watch.example.net",
    "CLIENT_STATE": "c" * 48,
    "TEAMS_WORKFLOW_URL": "https://prod-12.westeurope.logic.azure.com/workflows/x/triggers/manual?sig=secret-signature",
    "TELLING_SCHEDULE": "0 * * * * *",
    "RECONCILE_SCHEDULE": "0 */5 * * * *",
    "SUBSCRIPTIONS_SCHEDULE": "0 0 * * * *",
}
