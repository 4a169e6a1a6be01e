// The Flex Consumption plan and the app.
param name string
param planName string
param location string
param tags object

@description('Resource id of the identity as which the app does everything.')
param identityId string

@description('Where the deployed package lies.')
param packageContainerUrl string

@minValue(1)
@maxValue(1000)
@description('Flex scales each queue function by itself, so this bounds each of them. That they don\'t ask too much of Graph together is the ledger\'s matter: it holds the pace that all share.')
param maximumInstanceCount int

@minValue(0)
@maxValue(10)
@description('Instances of `http` that wait, and are paid for, whether or not anybody calls.')
param alwaysReady int

@description('Subnet through which the app reaches private endpoints; empty: it has no network of its own.')
param subnetId string

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  kind: 'functionapp,linux'
  tags: union(tags, { 'azd-service-name': 'api' })
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstanceCount
        // Graph wants its answer in 3 seconds and gives up on who is often late: a cold start would be.
        alwaysReady: alwaysReady > 0 ? [{ name: 'http', instanceCount: alwaysReady }] : []
        // Left alone, Python apps get one call at a time and an instance for each further one.
        triggers: { http: { perInstanceConcurrency: 16 } }
      }
      // The only one that is generally available. What is cut off comes back: messages by their queue,
      // notifications by Graph.
      siteUpdateStrategy: { type: 'Recreate' }
    }
    siteConfig: { minTlsVersion: '1.2', ftpsState: 'Disabled' }
  }
}

// Deployment is by sign-in only: the user names and passwords that every site has open nothing.
resource publishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = [
  for way in ['ftp', 'scm']: {
    parent: app
    name: way
    properties: { allow: false }
  }
]

output name string = app.name
output baseUrl string = 'https://${app.properties.defaultHostName}'
