"""GET health: one word to anyone, detail to those who may see it (design §5)."""

import json

import azure.functions as func

bp = func.Blueprint()


@bp.function_name("health")
@bp.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """`ok`, `starting` or `unwell` (503); with the app role Watch.Read, or the sandbox's key, the reasons.

    403 with one sentence for a wrong key or a sign-in without the role: whoever sends one meant to see them.
    """
    from shared.watch import access, health, parts

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
