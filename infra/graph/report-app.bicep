// The app registration by which people sign in to see the report, with the app role Watch.Read. It has no secret:
// the watch's identity vouches for it.
extension microsoftGraphV1

param watchPrincipalId string
param baseUrl string
param readers array

// The same as in infra/hooks/directory.py, which makes the registration where this template can't.
var host = first(split(replace(baseUrl, 'https://', ''), '.'))
var uniqueName = 'sspr-license-watch-${host}'
var watchRead = '5d2f6a0e-8c1b-4b57-9a64-2f0c7d3e1b98'

resource app 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: 'SSPR License Watch (${host})'
  signInAudience: 'AzureADMyOrg'
  api: { requestedAccessTokenVersion: 2 }
  appRoles: [
    {
      id: watchRead
      value: 'Watch.Read'
      displayName: 'Read the watch'
      description: 'See the report and the detail of health.'
      allowedMemberTypes: ['User', 'Application']
      isEnabled: true
    }
  ]
  web: {
    homePageUrl: '${baseUrl}/api/report'
    redirectUris: ['${baseUrl}/.auth/login/aad/callback']
    // App Service's sign-in asks for an ID token beside the code.
    implicitGrantSettings: { enableIdTokenIssuance: true }
  }
}

resource vouching 'Microsoft.Graph/applications/federatedIdentityCredentials@v1.0' = {
  name: '${app.uniqueName}/watch-identity'
  audiences: ['api://AzureADTokenExchange']
  issuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
  subject: watchPrincipalId
}

// Only who was given the role can sign in at all.
resource principal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: app.appId
  appRoleAssignmentRequired: true
}

resource assignments 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for reader in readers: {
    appRoleId: watchRead
    principalId: reader
    resourceId: principal.id
  }
]

output appId string = app.appId
