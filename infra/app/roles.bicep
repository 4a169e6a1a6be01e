// Who may do what, and why: one row of infra/roles.json each, on one resource and never on the whole group.
param hostStorageName string
param watchStorageName string
param vaultName string
param insightsName string
param watchPrincipalId string

@description('Whoever deploys; empty: nobody.')
param deployerPrincipalId string

var principals = { watch: watchPrincipalId, deployer: deployerPrincipalId }
var rows = filter(loadJsonContent('../roles.json'), row => row.to == 'watch' || !empty(deployerPrincipalId))
var onHostStorage = filter(rows, row => row.on == 'hostStorage')
var onWatchStorage = filter(rows, row => row.on == 'watchStorage')
var onVault = filter(rows, row => row.on == 'vault')
var onInsights = filter(rows, row => row.on == 'insights')

// A new identity may not be known everywhere yet; with its type said it is believed. What the deployer is, a
// person or a pipeline, only they know.
var types = { watch: { principalType: 'ServicePrincipal' }, deployer: {} }

resource hostStorage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: hostStorageName
}

resource watchStorage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: watchStorageName
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource hostStorageRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onHostStorage: {
    name: guid(hostStorage.id, principals[row.to], row.id)
    scope: hostStorage
    properties: union(types[row.to], {
      principalId: principals[row.to]
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.id)
      description: row.why
    })
  }
]

resource watchStorageRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onWatchStorage: {
    name: guid(watchStorage.id, principals[row.to], row.id)
    scope: watchStorage
    properties: union(types[row.to], {
      principalId: principals[row.to]
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.id)
      description: row.why
    })
  }
]

resource vaultRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onVault: {
    name: guid(vault.id, principals[row.to], row.id)
    scope: vault
    properties: union(types[row.to], {
      principalId: principals[row.to]
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.id)
      description: row.why
    })
  }
]

resource insightsRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for row in onInsights: {
    name: guid(insights.id, principals[row.to], row.id)
    scope: insights
    properties: union(types[row.to], {
      principalId: principals[row.to]
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.id)
      description: row.why
    })
  }
]
