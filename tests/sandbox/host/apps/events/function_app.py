"""An app that is told by Event Grid: whoever is named goes to a queue; `fail` fails."""

import typing

import azure.functions as func

app = func.FunctionApp()

Messages = func.Out[typing.List[str]]  # noqa: UP006 - the runtime knows a list output by this spelling


@app.function_name("told")
@app.event_grid_trigger(arg_name="event")
@app.queue_output(arg_name="names", queue_name="named", connection="PARCEL_STORAGE")
def told(event: func.CloudEvent, names: Messages) -> None:
    """Put the name on the queue."""
    if event.get_json() == "fail":
        raise ValueError("this event fails")
    names.set([f"{event.type} {event.subject} {event.get_json()}"])


@app.function_name("plain")
@app.route(route="plain")
def plain(req: func.HttpRequest) -> func.HttpResponse:
    """Answer something."""
    return func.HttpResponse("here")
