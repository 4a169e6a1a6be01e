// SSPR License Watch: everything that it needs in Azure, one resource group.
// What needs rights in the directory (Graph permissions, the report's app registration) is infra/graph, a
// deployment of its own: whoever lacks those rights still gets everything else from here.
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of this installation: part of the names of its resources, and the tag by which azd finds them.')
param environmentName string

@minLength(1)
@description('Region. It must offer Flex Consumption.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Object id of whoever deploys: may use `python -m admin` and write the secrets. Empty: nobody may.')
param principalId string = ''

@allowed(['public', 'usgov', 'usgovdod', 'china'])
@description('The cloud in which the tenant lives: which Microsoft Graph is asked.')
param graphCloud string = 'public'

@allowed(['webhook', 'eventgrid'])
@description('How Graph delivers its notifications: to a public address of the app, or through Event Grid.')
param delivery string = 'webhook'

@allowed(['true', 'false'])
@description('true: storage and Key Vault are reached through private endpoints only.')
param privateNetwork string = 'false'

@description('With privateNetwork: IPv4 addresses or ranges, separated by commas, from which administrators still reach the watch\'s storage and Key Vault.')
param allowedAddresses string = ''

@description('Days in which nothing in the containers `alerts` and `evidence` can be changed or deleted, by anybody; 0: off.')
param immutabilityDays string = '0'

@description('The most instances that each of the app\'s functions may have at a time.')
param maximumInstanceCount string = '40'

@description('Instances for HTTP that are always ready, 0 to 10. Empty: 1 where Graph calls the app, which must answer within 3 seconds; 0 with Event Grid, which waits and tries again.')
param alwaysReady string = ''

@description('Client id of the app registration by which people sign in to see the report; infra/graph makes it. Empty: nobody can see the report.')
param reportAppId string = ''

@description('Address that Azure Monitor writes to when an alert fires. Empty: alerts are seen in the portal only.')
param alertEmail string = ''

@description('The settings that an administrator chooses, by the name of the app setting. Empty values are left out, so that the watch takes its own default.')
param watchSettings object = {}

@description('Further routes, as the app setting ROUTES; the settings that their `url` and `secret` name become references to secrets of the vault.')
param routes array = []

@description('Further app settings that are secrets of the vault, separated by commas: CLIENT_STATE_PREVIOUS while the secret rotates, PSEUDONYM_KEY. Name one only once its secret is there.')
param vaultSecrets string = ''

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var names = {
  app: 'func-sspr-watch-${token}'
  plan: 'plan-sspr-watch-${token}'
  identity: 'id-sspr-watch-${token}'
  hostStorage: 'stssprhost${token}'
  watchStorage: 'stssprwatch${token}'
  vault: 'kv-sspr-${token}'
  insights: 'appi-sspr-watch-${token}'
  workspace: 'log-sspr-watch-${token}'
  network: 'vnet-sspr-watch-${token}'
  partnerTopic: 'sspr-watch-${token}'
}
var closed = privateNetwork == 'true'
var addresses = filter(split(replace(allowedAddresses, ' ', ''), ','), one => !empty(one))

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'app/identity.bicep' = {
  name: 'identity'
  scope: group
  params: { name: names.identity, location: location, tags: tags }
}

module monitoring 'app/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: { insightsName: names.insights, workspaceName: names.workspace, location: location, tags: tags }
}

module hostStorage 'app/storage-host.bicep' = {
  name: 'storage-host'
  scope: group
  params: { name: names.hostStorage, location: location, tags: tags, closed: closed }
}

module watchStorage 'app/storage-watch.bicep' = {
  name: 'storage-watch'
  scope: group
  params: {
    name: names.watchStorage
    location: location
    tags: tags
    closed: closed
    allowedAddresses: addresses
    immutabilityDays: int(immutabilityDays)
  }
}

module vault 'app/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: { name: names.vault, location: location, tags: tags, closed: closed, allowedAddresses: addresses }
}

module network 'app/network.bicep' = if (closed) {
  name: 'network'
  scope: group
  params: {
    name: names.network
    location: location
    tags: tags
    hostStorageId: hostStorage.outputs.id
    watchStorageId: watchStorage.outputs.id
    vaultId: vault.outputs.id
  }
}

module roles 'app/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    hostStorageName: hostStorage.outputs.name
    watchStorageName: watchStorage.outputs.name
    vaultName: vault.outputs.name
    insightsName: monitoring.outputs.insightsName
    watchPrincipalId: identity.outputs.principalId
    deployerPrincipalId: principalId
  }
}

module app 'app/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    name: names.app
    planName: names.plan
    location: location
    tags: tags
    identityId: identity.outputs.id
    packageContainerUrl: hostStorage.outputs.packageContainerUrl
    maximumInstanceCount: int(maximumInstanceCount)
    alwaysReady: empty(alwaysReady) ? (delivery == 'webhook' ? 1 : 0) : int(alwaysReady)
    subnetId: closed ? network!.outputs.appSubnetId : ''
  }
  dependsOn: [roles]
}

module settings 'app/app-settings.bicep' = {
  name: 'app-settings'
  scope: group
  params: {
    appName: app.outputs.name
    identityClientId: identity.outputs.clientId
    hostBlobUri: hostStorage.outputs.blobUri
    hostTableUri: hostStorage.outputs.tableUri
    watchBlobUri: watchStorage.outputs.blobUri
    watchQueueUri: watchStorage.outputs.queueUri
    vaultUri: vault.outputs.uri
    insightsName: monitoring.outputs.insightsName
    notificationBaseUrl: app.outputs.baseUrl
    graphCloud: graphCloud
    delivery: delivery
    partnerTopicName: names.partnerTopic
    location: location
    watchSettings: watchSettings
    routes: routes
    vaultSecrets: filter(split(replace(vaultSecrets, ' ', ''), ','), one => !empty(one))
  }
  dependsOn: [roles]
}

module signIn 'app/sign-in.bicep' = if (!empty(reportAppId)) {
  name: 'sign-in'
  scope: group
  params: { appName: app.outputs.name, reportAppId: reportAppId, delivery: delivery }
  dependsOn: [settings]
}

module eventGrid 'app/event-grid.bicep' = if (delivery == 'eventgrid') {
  name: 'event-grid'
  scope: group
  params: { tags: tags }
}

module alerts 'app/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: { location: location, tags: tags, workspaceId: monitoring.outputs.workspaceId, alertEmail: alertEmail }
}

module workbook 'app/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: { location: location, tags: tags, workspaceId: monitoring.outputs.workspaceId }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_NAME string = app.outputs.name
output NOTIFICATION_BASE_URL string = app.outputs.baseUrl
output WATCH_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output WATCH_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output WATCH_BLOB_URI string = watchStorage.outputs.blobUri
output WATCH_QUEUE_URI string = watchStorage.outputs.queueUri
output KEY_VAULT_NAME string = vault.outputs.name
output EVENTGRID_TOPIC_NAME string = delivery == 'eventgrid' ? names.partnerTopic : ''
