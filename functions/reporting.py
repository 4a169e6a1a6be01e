"""GET health: one word to anyone, detail to those who may see it; GET report: to these alone (design §5)."""

import json

import azure.functions as func

bp = func.Blueprint()


@bp.function_name("health")
@bp.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """`ok`, `starting` or `unwell` (503); with the app role Watch.Read, or the sandbox's key, the reasons.

    403 with one sentence for a wrong key or a sign-in without the role: whoever sends one meant to see them.
    """
    from shared.watch import access, parts
    from shared.watch.wellbeing import health

    watch = parts.current()
    may = access.access_of(req.headers, watch.settings)
    if may is access.Access.REFUSED:
        return func.HttpResponse(
            json.dumps({"error": access.refusal(watch.settings)}),
            status_code=403,
            mimetype="application/json",
        )
    seen = await health.look(watch)
    detailed = may is access.Access.DETAIL
    body = json.dumps(seen.detail(), indent=2) if detailed else json.dumps({"status": seen.status})
    status = 503 if seen.status == "unwell" else 200
    return func.HttpResponse(body, status_code=status, mimetype="application/json")


@bp.function_name("report")
@bp.route(route="report", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def report(req: func.HttpRequest) -> func.HttpResponse:
    """Where the tenant stands, as a page."""
    return await _answer(req, "page")


@bp.function_name("report_csv")
@bp.route(route="report.csv", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def report_csv(req: func.HttpRequest) -> func.HttpResponse:
    """The users to act on, for a spreadsheet."""
    return await _answer(req, "csv")


@bp.function_name("report_json")
@bp.route(route="report.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def report_json(req: func.HttpRequest) -> func.HttpResponse:
    """The same for programs: docs/report.schema.json."""
    return await _answer(req, "json")


@bp.function_name("report_rows")
@bp.route(route="report/rows", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def report_rows(req: func.HttpRequest) -> func.HttpResponse:
    """What the page asks for: users to act on, searched, filtered, sorted, a page of them."""
    return await _answer(req, "rows")


@bp.function_name("report_user")
@bp.route(route="report/user", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def report_user(req: func.HttpRequest) -> func.HttpResponse:
    """What the page asks for: one user's history."""
    return await _answer(req, "user")


async def _answer(req: func.HttpRequest, what: str) -> func.HttpResponse:
    from shared.watch import parts, reports

    asks = {
        "page": reports.page,
        "csv": reports.csv,
        "json": reports.json,
        "rows": reports.rows,
        "user": reports.user,
    }
    said = await reports.answer(parts.current(), req.headers, req.params, asks[what])
    headers = {**said.headers, "Content-Type": said.kind}
    return func.HttpResponse(said.body, status_code=said.status, headers=headers, mimetype=said.kind)
