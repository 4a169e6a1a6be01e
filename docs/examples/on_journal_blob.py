"""An Azure Function of your own that hears of every new journal blob and puts what matters on a queue.

Event Grid may tell of one blob twice, and of a later one first. So each message carries the line's `id`, by
which to drop what came before, and its `place`: of one finding the line with the greatest place is true.
"""

import json
import typing

import azure.functions as func

app = func.FunctionApp()

Messages = func.Out[typing.List[str]]  # noqa: UP006 - the runtime knows a list output by this spelling


def place(line_id: str) -> tuple[int, int]:
    """Where a line stands in its book. All lines of a finding are in one book, so they can be compared."""
    _epoch, _book, seq, number = line_id.split("/")
    return int(seq), int(number)


@app.function_name("on_journal_blob")
@app.event_grid_trigger(arg_name="event")
@app.blob_input(arg_name="blob", path="{data.url}", connection="JOURNAL_STORAGE")
@app.queue_output(arg_name="tickets", queue_name="sspr-tickets", connection="JOURNAL_STORAGE")
def on_journal_blob(event: func.EventGridEvent, blob: func.InputStream, tickets: Messages) -> None:
    """A message for each line of high severity, but for what was wrong before the watch began."""
    if event.event_type != "Microsoft.Storage.BlobCreated":
        return
    lines = [json.loads(row) for row in blob.read().splitlines()]
    wanted = [line for line in lines if line["severity"] == "high" and not line["baseline"]]
    tickets.set([json.dumps({"place": place(line["id"]), **line}) for line in wanted])
