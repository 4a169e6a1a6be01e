"""What is known of Azure beforehand: role ids, what Flex Consumption refuses, what can't be tagged."""

ROLES = {
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
"""Built-in roles that the templates may assign (Microsoft Learn, "Azure built-in roles")."""

OTHER_IDS = {
    "00000003-0000-0000-c000-000000000000": "Microsoft Graph, the application",
    "c02e0126-707c-436d-b6a1-175d2748fb58": "Microsoft Graph, the partner of Event Grid",
    "5d2f6a0e-8c1b-4b57-9a64-2f0c7d3e1b98": "Watch.Read, the app role of the report's registration",
}
"""Ids that a template may hold beside those of roles."""

FLEX_REFUSES = (
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "FUNCTIONS_MAX_HTTP_CONCURRENCY",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_DYNAMIC_CONCURRENCY_ENABLED",
    "ENABLE_ORYX_BUILD",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTOVERVNET",
    "WEBSITE_VNET_ROUTE_ALL",
    "WEBSITE_TIME_ZONE",
    "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
    "WEBSITE_NODE_DEFAULT_VERSION",
    "TZ",
    "linuxFxVersion",
    "netFrameworkVersion",
    "pythonVersion",
    "functionAppScaleLimit",
    "preWarmedInstanceCount",
    "alwaysOn",
    "vnetRouteAllEnabled",
    "containerSize",
    "isReserved",
)
"""App settings and site properties that Flex Consumption does not know or refuses (Microsoft Learn, "App
settings reference", Flex Consumption plan deprecations)."""

WITHOUT_TAGS = (
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Graph/",
    "Microsoft.KeyVault/vaults/",
    "Microsoft.Network/privateEndpoints/",
    "Microsoft.Network/virtualNetworks/",
    "Microsoft.Storage/storageAccounts/",
    "Microsoft.Web/sites/",
)
"""How the types begin that have no tags: mostly parts of what has."""

NOT_EMITTED = {
    "WATCH_STORAGE": "a connection string is for the laptop; here the identity's parts take its place",
    "LOCAL_KEY": "opens the detail on a laptop; the settings refuse it on the internet",
    "WEBSITE_AUTH_ENABLED": "App Service sets it where its sign-in is on; by hand it would believe anyone",
    "CLIENT_STATE_PREVIOUS": "named in VAULT_SECRETS while the secret rotates, a reference to nothing before",
    "PSEUDONYM_KEY": "named in VAULT_SECRETS by whoever wants pseudonyms",
}
"""Settings that the watch reads and the templates don't emit by themselves, with the reason."""

NOT_OURS = {
    "AzureWebJobsStorage__blobServiceUri": "the Functions host's own storage",
    "AzureWebJobsStorage__tableServiceUri": "the Functions host's own storage",
    "AzureWebJobsStorage__credential": "the Functions host's own storage",
    "AzureWebJobsStorage__clientId": "the Functions host's own storage",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "where host and runtime send telemetry",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "as whom they send it",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "the runtime configures OpenTelemetry",
    "PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME": "whose records OpenTelemetry sends",
    "OTEL_TRACES_EXPORTER": "no spans: they hold addresses",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "what OpenTelemetry need not load",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "how OpenTelemetry learns where it runs",
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "Microsoft's exporter does not report on itself",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "Microsoft's exporter does not report on itself",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "Microsoft's exporter fetches no settings from outside",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID": "App Service's sign-in proves itself by the identity",
}
"""Settings that the templates emit for others than the watch, with the reason."""
