// The secrets that there are: the one that Graph's notifications carry, and the addresses of Teams workflows
// and other receivers. They are written by the hook after provisioning or by hand, never by a template.
param name string
param location string
param tags object

@description('Reached through a private endpoint only, and from the allowed addresses.')
param closed bool

@description('IPv4 addresses or ranges; they count only where the vault is closed.')
param allowedAddresses array

// No purge protection: every secret can be made anew, and `azd down --purge` is to leave nothing behind.
resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 7
    publicNetworkAccess: closed && empty(allowedAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: closed ? 'Deny' : 'Allow'
      bypass: 'None'
      ipRules: [for address in (closed ? allowedAddresses : []): { value: address }]
    }
  }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
