// What needs rights in the directory: the watch's permissions on Microsoft Graph, and the app registration by
// which people sign in to see the report. A deployment of its own, after infra/main.bicep, because of those
// rights and because the Graph extension exists in the public cloud only; docs/permissions.md has the script
// that does the same elsewhere.
targetScope = 'resourceGroup'

@description('Object id of the watch\'s identity: WATCH_IDENTITY_PRINCIPAL_ID.')
param watchPrincipalId string

@description('Packs of permissions beside the base, separated by commas: `pack` in shared/graph/permissions.json.')
param graphPacks string = ''

@description('Address of the app: NOTIFICATION_BASE_URL.')
param baseUrl string

@description('Object ids of users or groups who may see the report, separated by commas.')
param reportReaders string = ''

module permissions 'permissions.bicep' = {
  name: 'graph-permissions'
  params: {
    watchPrincipalId: watchPrincipalId
    packs: filter(split(replace(graphPacks, ' ', ''), ','), one => !empty(one))
  }
}

module reportApp 'report-app.bicep' = {
  name: 'graph-report-app'
  params: {
    watchPrincipalId: watchPrincipalId
    baseUrl: baseUrl
    readers: filter(split(replace(reportReaders, ' ', ''), ','), one => !empty(one))
  }
}

output REPORT_APP_ID string = reportApp.outputs.appId
