// A workbook: how the watch has been doing, from the same queries that docs/telemetry.md explains.
param location string
param tags object
param workspaceId string

var title = 'SSPR License Watch'

var charts = [
  {
    name: 'notifications'
    title: 'Notifications: authentic, and refused by reason'
    query: loadTextContent('../queries/notifications.kql')
    shape: 'timechart'
  }
  {
    name: 'verdict-latency'
    title: 'Seconds from the notification to the verdict'
    query: loadTextContent('../queries/verdict-latency.kql')
    shape: 'timechart'
  }
  {
    name: 'evaluations'
    title: 'Users looked at, by what became of it'
    query: loadTextContent('../queries/evaluations.kql')
    shape: 'timechart'
  }
  {
    name: 'gap'
    title: 'Changes that no notification told of'
    query: loadTextContent('../queries/gap.kql')
    shape: 'table'
  }
  {
    name: 'reconcile'
    title: 'Age of the last complete reading, in hours'
    query: loadTextContent('../queries/reconcile.kql')
    shape: 'timechart'
  }
  {
    name: 'queue-age'
    title: 'What waits on the queues'
    query: loadTextContent('../queries/queue-age.kql')
    shape: 'table'
  }
  {
    name: 'graph-calls'
    title: 'Calls to Microsoft Graph'
    query: loadTextContent('../queries/graph-calls.kql')
    shape: 'table'
  }
  {
    name: 'teams-results'
    title: 'Messages handed over to people'
    query: loadTextContent('../queries/teams-results.kql')
    shape: 'table'
  }
  {
    name: 'recent-calls'
    title: 'The last calls that changed a finding: their ids'
    query: loadTextContent('../queries/recent-calls.kql')
    shape: 'table'
  }
  {
    name: 'one-change'
    title: 'One change from Graph\'s call to the card: the id given above'
    query: loadTextContent('../queries/one-change.kql')
    shape: 'table'
  }
]

// The numbers are what workbooks call their parts: 9 parameters, 4 a time range, 1 a text, 3 a query, 0 Kusto.
var parameters = {
  type: 9
  name: 'parameters'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
    parameters: [
      {
        id: guid('time')
        version: 'KqlParameterItem/1.0'
        name: 'time'
        label: 'Time'
        type: 4
        isRequired: true
        value: { durationMs: 604800000 }
        typeSettings: {
          selectableValues: [
            { durationMs: 86400000 }
            { durationMs: 604800000 }
            { durationMs: 2592000000 }
          ]
        }
      }
      {
        id: guid('call')
        version: 'KqlParameterItem/1.0'
        name: 'call'
        label: 'Id of a call'
        type: 1
        value: ''
      }
    ]
  }
}

var items = map(charts, chart => {
  type: 3
  name: chart.name
  content: {
    version: 'KqlItem/1.0'
    title: chart.title
    query: chart.query
    size: 0
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
    timeContextFromParameter: 'time'
    visualization: chart.shape
  }
})

resource workbook 'Microsoft.Insights/workbooks@2022-04-01' = {
  name: guid(resourceGroup().id, title)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: title
    category: 'workbook'
    sourceId: workspaceId
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([parameters], items)
      fallbackResourceIds: [workspaceId]
    })
  }
}
