// What the watch knows and has told: ledger, journal, evidence, and its queues. Nobody has a key to it.
param name string
param location string
param tags object

@description('Reached through private endpoints only, and from the allowed addresses.')
param closed bool

@description('IPv4 addresses or ranges; they count only where the account is closed.')
param allowedAddresses array

@minValue(0)
@maxValue(3653)
@description('0: no immutability.')
param immutabilityDays int

// How long a blob that was deleted, or written over, can be had back. A version is a day old before it is deleted, and
// what is deleted lies in the bin for these days; were both as long, what was erased would stay twice that long.
var keptDays = 14
var versionDays = 1

// As shared/storage/account.py names them. The app would make what is missing itself; here, roles, policies and
// alerts can rest on their being there.
var containerNames = ['ledger', 'alerts', 'evidence']
var queueNames = ['changed-users', 'sweeps', 'journal', 'heard']
var poisonNames = map(queueNames, queue => '${queue}-poison')

// The ledger is written over at every commit, so it stays out. Immutability is by version of a blob and not by
// container: some blobs of `evidence` are written over too, which the latter would refuse.
var immutableNames = immutabilityDays > 0 ? ['alerts', 'evidence'] : []

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: closed && empty(allowedAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: closed ? 'Deny' : 'Allow'
      bypass: 'None'
      ipRules: [for address in (closed ? allowedAddresses : []): { value: address, action: 'Allow' }]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    deleteRetentionPolicy: { enabled: true, days: keptDays }
    containerDeleteRetentionPolicy: { enabled: true, days: keptDays }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = [
  for container in containerNames: {
    parent: blobs
    name: container
    properties: contains(immutableNames, container)
      ? { publicAccess: 'None', immutableStorageWithVersioning: { enabled: true } }
      : { publicAccess: 'None' }
  }
]

// Not locked: an owner of the account can still shorten it. Locking is for good, and so left to a person.
resource immutability 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2023-05-01' = [
  for (container, i) in containerNames: if (contains(immutableNames, container)) {
    parent: containers[i]
    name: 'default'
    properties: { immutabilityPeriodSinceCreationInDays: immutabilityDays }
  }
]

// Without this rule every commit to the ledger would leave a version behind for ever. Immutable versions stay
// until their days are over.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'old-versions'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'] }
            actions: { version: { delete: { daysAfterCreationGreaterThan: versionDays } } }
          }
        }
      ]
    }
  }
  dependsOn: [blobs]
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2023-05-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2023-05-01' = [
  for queue in concat(queueNames, poisonNames): {
    parent: queueService
    name: queue
  }
]

output id string = account.id
output name string = account.name
output blobUri string = account.properties.primaryEndpoints.blob
output queueUri string = account.properties.primaryEndpoints.queue
