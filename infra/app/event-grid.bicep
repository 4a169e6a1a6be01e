// Lets Microsoft Graph make its partner topic in this resource group. The topic itself appears with the first
// Graph subscription that names it; activating it and its event subscription are the hook's work after that.
param tags object

// Microsoft Graph's registration as a partner of Event Grid, the same for everybody.
var graphPartner = 'c02e0126-707c-436d-b6a1-175d2748fb58'

resource partners 'Microsoft.EventGrid/partnerConfigurations@2025-02-15' = {
  name: 'default'
  location: 'global'
  tags: tags
  properties: {
    partnerAuthorization: {
      defaultMaximumExpirationTimeInDays: 365
      authorizedPartnersList: [
        { partnerName: 'MicrosoftGraphAPI', partnerRegistrationImmutableId: graphPartner }
      ]
    }
  }
}
