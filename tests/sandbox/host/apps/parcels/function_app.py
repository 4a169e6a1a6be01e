"""A small app for the host's tests: parcels come in over HTTP, are handled from a queue, a timer counts."""

import asyncio
import json
import typing

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="parcels/{name?}", methods=["GET", "POST"])
@app.queue_output(arg_name="parcels", queue_name="%PARCELS%", connection="PARCEL_STORAGE")
async def receive(req: func.HttpRequest, parcels: func.Out[typing.List[str]]) -> func.HttpResponse:  # noqa: UP006 - the runtime knows typing.List only
    """Says what arrived; a JSON list in the body becomes one message for each element."""
    body = req.get_body()
    if body:
        parcels.set(json.loads(body))
    told = {
        "method": req.method,
        "name": req.route_params.get("name"),
        "query": dict(req.params),
        "header": req.headers.get("X-Parcel"),
        "body": len(body),
    }
    return func.HttpResponse(
        json.dumps(told), status_code=202, mimetype="application/json", headers={"X-Seen": "1"}
    )


@app.route(route="parcels/lost", methods=["POST"])
@app.queue_output(arg_name="parcel", queue_name="lost", connection="PARCEL_STORAGE")
async def lose(req: func.HttpRequest, parcel: func.Out[str]) -> func.HttpResponse:
    """Sets its output, then fails."""
    parcel.set("never to be written")
    raise RuntimeError("dropped on the way")


@app.route(route="plain")
def plain(req: func.HttpRequest) -> str:
    """A synchronous function that returns text."""
    return "Grüße"


@app.queue_trigger(arg_name="parcel", queue_name="%PARCELS%", connection="PARCEL_STORAGE")
@app.queue_output(arg_name="handled", queue_name="handled", connection="PARCEL_STORAGE")
async def handle(parcel: func.QueueMessage, handled: func.Out[str]) -> None:
    """Handles a parcel: `fail…` always fails, `twice…` fails once, `slow:<seconds>` takes that long."""
    text = parcel.get_body().decode()
    tries = parcel.dequeue_count or 0
    if text.startswith("fail") or (text.startswith("twice") and tries < 2):
        raise RuntimeError("parcel refused")
    if text.startswith("slow:"):
        await asyncio.sleep(float(text.partition(":")[2]))
    handled.set(
        json.dumps({"text": text, "tries": tries, "id": parcel.id, "inserted": str(parcel.insertion_time)})
    )


@app.timer_trigger(arg_name="timer", schedule="%COUNT_AT%", run_on_startup=False)
@app.queue_output(arg_name="counted", queue_name="counted", connection="PARCEL_STORAGE")
async def count(timer: func.TimerRequest, counted: func.Out[str]) -> None:
    """Leaves a message for each run."""
    counted.set("past due" if timer.past_due else "on time")


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
@app.queue_output(arg_name="opened", queue_name="opened", connection="PARCEL_STORAGE")
def open_up(timer: func.TimerRequest, opened: func.Out[str]) -> None:
    """Runs when the host starts."""
    opened.set("open")
