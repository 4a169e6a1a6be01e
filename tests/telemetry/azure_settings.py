"""The settings by which telemetry runs on Azure; docs/telemetry.md lists them and the templates set them."""

SETTINGS = {
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
    "PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME": "watch",
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": (
        "azure_sdk,django,fastapi,flask,httpx,httpx2,psycopg2,requests,urllib,urllib3"
    ),
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "azure_functions",
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
}
"""Besides these: where to send (APPLICATIONINSIGHTS_CONNECTION_STRING) and as whom
(APPLICATIONINSIGHTS_AUTHENTICATION_STRING)."""

QUICK = {"OTEL_METRIC_EXPORT_INTERVAL": "1000", "OTEL_BLRP_SCHEDULE_DELAY": "300"}
"""For tests: what Azure is told once a minute and every five seconds."""
