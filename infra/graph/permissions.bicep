// The watch's application permissions on Microsoft Graph: the base, and the packs that are asked for.
extension microsoftGraphV1

param watchPrincipalId string
param packs array

var table = loadJsonContent('../../shared/graph/permissions.json')
var rows = filter(table.permissions, row => row.pack == 'base' || contains(packs, row.pack))
var wanted = map(rows, row => row.permission)
var permissions = union(wanted, wanted)

// Microsoft Graph itself; its app id is the same in every tenant.
resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: '00000003-0000-0000-c000-000000000000'
}

resource grants 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for permission in permissions: {
    appRoleId: filter(graph.appRoles, role => role.value == permission)[0].id
    principalId: watchPrincipalId
    resourceId: graph.id
  }
]
