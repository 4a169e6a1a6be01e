// Optional private networking: the app reaches storage and Key Vault through private endpoints, and they answer
// nobody else. The app itself keeps its public address, for Graph's notifications and the report.
param name string
param location string
param tags object
param hostStorageId string
param watchStorageId string
param vaultId string

var storageSuffix = environment().suffixes.storage
// '.vault.azure.net' in the public cloud, whose private zone is privatelink.vaultcore.azure.net.
var vaultSuffix = replace(environment().suffixes.keyvaultDns, '.vault', '')
var zoneNames = {
  blob: 'privatelink.blob.${storageSuffix}'
  queue: 'privatelink.queue.${storageSuffix}'
  table: 'privatelink.table.${storageSuffix}'
  vault: 'privatelink.vaultcore${vaultSuffix}'
}
var zones = items(zoneNames)
var endpoints = [
  { name: 'host-blob', resourceId: hostStorageId, part: 'blob', zone: 'blob' }
  { name: 'host-table', resourceId: hostStorageId, part: 'table', zone: 'table' }
  { name: 'watch-blob', resourceId: watchStorageId, part: 'blob', zone: 'blob' }
  { name: 'watch-queue', resourceId: watchStorageId, part: 'queue', zone: 'queue' }
  { name: 'vault', resourceId: vaultId, part: 'vault', zone: 'vault' }
]

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.61.0.0/24'] }
    subnets: [
      {
        // Flex Consumption wants its subnet delegated to Microsoft.App, at least /27 and without underscores.
        name: 'app'
        properties: {
          addressPrefix: '10.61.0.0/26'
          delegations: [{ name: 'app', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: { addressPrefix: '10.61.0.64/27' }
      }
    ]
  }

  resource appSubnet 'subnets' existing = {
    name: 'app'
  }

  resource endpointSubnet 'subnets' existing = {
    name: 'endpoints'
  }
}

resource dnsZones 'Microsoft.Network/privateDnsZones@2020-06-01' = [
  for zone in zones: {
    name: zone.value
    location: 'global'
    tags: tags
  }
]

resource dnsLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = [
  for (zone, i) in zones: {
    parent: dnsZones[i]
    name: name
    location: 'global'
    tags: tags
    properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
  }
]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2024-05-01' = [
  for endpoint in endpoints: {
    name: 'pe-${endpoint.name}-${name}'
    location: location
    tags: tags
    properties: {
      subnet: { id: network::endpointSubnet.id }
      privateLinkServiceConnections: [
        {
          name: endpoint.name
          properties: { privateLinkServiceId: endpoint.resourceId, groupIds: [endpoint.part] }
        }
      ]
    }
  }
]

resource dnsRecords 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [
  for (endpoint, i) in endpoints: {
    parent: privateEndpoints[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: endpoint.zone
          properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zoneNames[endpoint.zone]) }
        }
      ]
    }
    dependsOn: [dnsZones, dnsLinks]
  }
]

output appSubnetId string = network::appSubnet.id
