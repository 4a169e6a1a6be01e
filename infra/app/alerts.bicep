// Alert rules: when somebody has to look although the watch itself may be unable to say so. Each asks one query of
// infra/queries and fires if it answers with any row; docs/runbook.md says what to do then.
param location string
param tags object
param workspaceId string

@description('Where an alert is sent; empty: it is seen in the portal only.')
param alertEmail string

// How often is looked, and how far back: the watch notes its gauges every ten minutes (docs/telemetry.md).
var every = 'PT15M'
var over = 'PT30M'

// severity: 1 error, 2 warning.
var rules = [
  {
    name: 'no-reconcile'
    title: 'SSPR License Watch: changes have not been asked for'
    query: loadTextContent('../queries/alert-no-reconcile.kql')
    severity: 1
  }
  {
    name: 'failures'
    title: 'SSPR License Watch: functions or hand-overs fail again and again'
    query: loadTextContent('../queries/alert-failures.kql')
    severity: 1
  }
  {
    name: 'poison'
    title: 'SSPR License Watch: messages lie on a poison queue'
    query: loadTextContent('../queries/alert-poison.kql')
    severity: 2
  }
  {
    name: 'slow-notifications'
    title: 'SSPR License Watch: Graph waits too long for its answer'
    query: loadTextContent('../queries/alert-slow-notifications.kql')
    severity: 2
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmail)) {
  name: 'ag-sspr-watch'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'SSPR watch'
    enabled: true
    emailReceivers: [{ name: 'administrator', emailAddress: alertEmail, useCommonAlertSchema: true }]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: 'alert-sspr-watch-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.title
      severity: rule.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: every
      windowSize: over
      autoMitigate: true
      // The tables come with the first telemetry, after this.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: empty(alertEmail) ? [] : [people.id] }
    }
  }
]
