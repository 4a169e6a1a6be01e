// Microsoft Entra sign-in in front of the app. Who has the app role Watch.Read sees the report and the detail of
// health; that is checked by the app (shared/watch/access.py), from what App Service says of whoever signed in.
// Complete in itself, so that it can be deployed again alone once infra/graph has made the app registration.
param appName string

@description('Client id of the app registration that infra/graph/report-app.bicep makes.')
param reportAppId string

@allowed(['webhook', 'eventgrid'])
param delivery string

// What must be reached without signing in: health tells anyone one word; Graph and Event Grid can't sign in.
var openPaths = ['/api/health']
var graphPaths = ['/api/graph/notifications', '/api/graph/lifecycle']
// In both spellings that Microsoft's pages have, and no more of what lies beside it.
var eventGridPaths = ['/runtime/webhooks/EventGrid', '/runtime/webhooks/eventgrid']

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: appName
}

resource signIn 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
      redirectToProvider: 'azureactivedirectory'
      excludedPaths: concat(openPaths, delivery == 'eventgrid' ? eventGridPaths : graphPaths)
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: reportAppId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: { allowedAudiences: [reportAppId, 'api://${reportAppId}'] }
      }
    }
    login: { tokenStore: { enabled: false } }
  }
}
