"""What the document cannot say: which app there is, that reports happen now, and the csrf token of a session.

Without this nearly all requests would end at «there is no such app» or «too old», and reach nothing behind it. Requests
that are wrong on purpose in these places stay as they are.
"""

import os
import time

import schemathesis
from schemathesis.core.parameters import ParameterLocation

schemathesis.serializer.alias("application/x-ndjson", "text/plain")


@schemathesis.hook
def before_call(context, case, **kwargs):
    for name in ("app", "app_id"):
        if name in case.path_parameters and is_valid(case, ParameterLocation.PATH):
            case.path_parameters[name] = "bots"
    if "aid" in case.path_parameters and is_valid(case, ParameterLocation.PATH):
        # The least video of `reportd load playback`.
        case.path_parameters["aid"] = "170000000"
    if "app" in (case.query or {}) and is_valid(case, ParameterLocation.QUERY):
        case.query["app"] = "bots"
    is_report = case.operation.path == "/api/v1/CommReport"
    if is_report and isinstance(case.body, dict) and is_valid(case, ParameterLocation.BODY):
        case.body["ts"] = int(time.time())
    is_of_viewer = case.operation.path.startswith("/x/")
    if is_of_viewer and isinstance(case.body, dict) and is_valid(case, ParameterLocation.BODY):
        # A made-up access key would go before the cookie.
        case.body.pop("access_key", None)
        case.body["csrf"] = os.environ["REPORTD_CSRF"]


def is_valid(case, location):
    part = case.meta.components.get(location) if case.meta else None
    return part is None or part.mode.is_positive
