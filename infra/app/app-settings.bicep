// The app's settings: all that it reads, see docs/settings.md. A secret is only ever a reference to the vault.
// What is deployed here replaces all settings that there were, those made by hand too.
param appName string
param identityClientId string
param hostBlobUri string
param hostTableUri string
param watchBlobUri string
param watchQueueUri string
param vaultUri string
param insightsName string
param notificationBaseUrl string

@allowed(['public', 'usgov', 'usgovdod', 'china'])
param graphCloud string

@allowed(['webhook', 'eventgrid'])
param delivery string

param partnerTopicName string
param location string

@description('The settings that an administrator chooses; empty values are left out.')
param watchSettings object

@description('Further routes; `url` and `secret` of each name a setting.')
param routes array

@description('Names of further settings that are secrets of the vault.')
param vaultSecrets array

var graphBaseUrls = {
  public: 'https://graph.microsoft.com/v1.0'
  usgov: 'https://graph.microsoft.us/v1.0'
  usgovdod: 'https://dod-graph.microsoft.us/v1.0'
  china: 'https://microsoftgraph.chinacloudapi.cn/v1.0'
}

// The host needs a schedule before the watch can say what its own would be; UTC, seconds first.
var schedules = {
  TELLING_SCHEDULE: '0 * * * * *'
  RECONCILE_SCHEDULE: '0 */5 * * * *'
  SUBSCRIPTIONS_SCHEDULE: '30 */15 * * * *'
}

var chosen = toObject(filter(items(watchSettings), one => !empty(one.value)), one => one.key, one => one.value)

// Setting CLIENT_STATE is the secret client-state, and so on.
var secretNames = union(
  ['CLIENT_STATE', 'TEAMS_WORKFLOW_URL'],
  map(filter(routes, route => contains(route, 'url')), route => route.url),
  map(filter(routes, route => contains(route, 'secret')), route => route.secret),
  vaultSecrets
)
var references = toObject(
  secretNames,
  secret => secret,
  secret => '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/${toLower(replace(secret, '_', '-'))})'
)

var fixed = {
  TENANT_ID: tenant().tenantId
  AZURE_CLIENT_ID: identityClientId
  GRAPH_BASE_URL: graphBaseUrls[graphCloud]
  NOTIFICATION_BASE_URL: notificationBaseUrl
  DELIVERY: delivery
  WATCH_STORAGE__blobServiceUri: watchBlobUri
  WATCH_STORAGE__queueServiceUri: watchQueueUri
  WATCH_STORAGE__credential: 'managedidentity'
  WATCH_STORAGE__clientId: identityClientId
  AzureWebJobsStorage__blobServiceUri: hostBlobUri
  AzureWebJobsStorage__tableServiceUri: hostTableUri
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  // Only what the watch itself says is sent, and nothing with an address in it: docs/telemetry.md has the reasons.
  PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME: 'watch'
  OTEL_TRACES_EXPORTER: 'none'
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,django,fastapi,flask,httpx,httpx2,psycopg2,requests,urllib,urllib3'
  OTEL_EXPERIMENTAL_RESOURCE_DETECTORS: 'azure_functions'
  APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL: 'true'
  APPLICATIONINSIGHTS_SDKSTATS_DISABLED: 'true'
  APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED: 'true'
  // App Service proves the report's app registration by the identity, in the place of a client secret.
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
}

var partnerTopic = {
  EVENTGRID_URL: 'EventGrid:?azuresubscriptionid=${subscription().subscriptionId}&resourcegroup=${resourceGroup().name}&partnertopic=${partnerTopicName}&location=${location}'
}
var furtherRoutes = { ROUTES: string(routes) }

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: appName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource settings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: union(
    schedules,
    chosen,
    references,
    empty(routes) ? {} : furtherRoutes,
    delivery == 'eventgrid' ? partnerTopic : {},
    fixed
  )
}
