"""What gateways, proxies and exports call the fields of a request, as data.

Names are compared in lower case, with dots between the levels of JSON and underscores for blanks
and dashes. Sources, read in November 2026: the access log variables of Amazon API Gateway; Kong's
log serializer; Envoy's and Istio's access logs; the GatewayLogs of Azure API Management; the
semantic conventions of OpenTelemetry for HTTP, new and old; nginx, Caddy, Traefik and Cloudflare;
the HAR 1.2 specification; the event type API Total Usage of Salesforce.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

__all__ = ["DURATIONS", "NAMES", "NOT_COUNTED", "FieldRole", "column_name", "roles_of"]

FieldRole = Literal[
    "time", "method", "path", "status", "user", "agent", "address", "id", "records", "calls"
]

NAMES: dict[FieldRole, tuple[str, ...]] = {
    "time": (
        *("starttimeunixnano", "start_time", "started_at", "starteddatetime", "starttime"),
        *("requesttimeepoch", "request_time_epoch", "startutc", "edgestarttimestamp"),
        *("timestamp_derived", "@timestamp", "timestamp", "time_iso8601", "requesttime"),
        *("event_time", "eventtime", "time_local", "msec", "datetime", "date_time", "ts", "time"),
        *("created_time", "created_at", "logged_at", "date", "when"),
    ),
    "method": (
        *("method", "httpmethod", "http_method", "request_method", "requestmethod", "verb"),
        *("request.method", "clientrequestmethod", "properties.method"),
        *("attributes.http.request.method", "attributes.http.method"),
    ),
    "path": (
        *("x_envoy_original_path", "x_envoy_origin_path", "request.uri", "request.url", "path"),
        *("uri", "url", "request_uri", "requesturi", "requestpath", "clientrequesturi"),
        *("attributes.url.full", "attributes.http.url", "attributes.url.path"),
        *("attributes.http.target", "properties.url", "resourcepath", "api_resource"),
        *("api", "endpoint", "operation", "api_name", "api_method", "resource", "request"),
    ),
    "status": (
        *("status", "response_code", "response.status", "statuscode", "status_code"),
        *("responsecode", "downstreamstatus", "edgeresponsestatus", "properties.responsecode"),
        *("attributes.http.response.status_code", "attributes.http.status_code"),
    ),
    "user": (
        *("consumer.username", "consumer.custom_id", "connected_app_name", "client_name"),
        *("client", "app", "application", "app_name", "client_id", "consumer", "api_key"),
        *("identity.apikey", "apikeyid", "properties.apimsubscriptionid", "connected_app_id"),
        *("resource.service.name", "username", "clientusername", "user_id", "user"),
    ),
    "agent": (
        *("user_agent", "useragent", "http_user_agent", "request.headers.user_agent"),
        *("clientrequestuseragent", "attributes.user_agent.original", "identity.useragent"),
        "attributes.http.user_agent",
    ),
    "address": (
        *("client_ip", "clientip", "remote_addr", "request.remote_ip", "ip", "remote_ip"),
        *("calleripaddress", "identity.sourceip", "downstream_remote_address", "clienthost"),
    ),
    "id": (
        *("request_id", "requestid", "x_request_id", "rayid", "spanid", "correlationid", "id"),
        "trace_id",
    ),
    "records": ("records", "rows_processed", "row_count", "record_count", "rows"),
    "calls": ("count", "calls", "requests", "hits", "api_calls", "number_of_calls", "value"),
}


class _Duration(NamedTuple):
    """A duration: the fields that it is the sum of, the µs of its unit, and what else has to be."""

    field: str
    unit: int
    beside: str = ""


DURATIONS = (
    _Duration("latencies.request", 1000),
    _Duration("durationms", 1000),
    _Duration("duration_ms", 1000),
    _Duration("response_latency", 1000),
    _Duration("responselatency", 1000),
    _Duration("run_time", 1000, "event_type"),
    _Duration("request_time", 1_000_000),
    _Duration("duration", 1_000_000, "logger"),  # Caddy
    _Duration("duration", 1000, "response_flags"),  # Envoy
    _Duration("time", 1000, "starteddatetime"),  # HAR
)
"""Fields that say how long a request took, where their unit is known."""

NOT_COUNTED = {"counts_against_api_limit": ("0", "false", "no")}
"""Fields that say that an entry counts against no limit, and how."""


def column_name(name: str) -> str:
    """Return the name of a field in the one form in which names are compared.

    >>> column_name(" Start-Time "), column_name("request.headers.User-Agent")
    ('start_time', 'request.headers.user_agent')
    """
    return "_".join(name.strip().lstrip("#").lower().replace("-", " ").split())


def roles_of(names: list[str], chosen: Mapping[str, str]) -> dict[FieldRole, str]:
    """Return which field says what, by names; those that are chosen go before.

    ``chosen`` maps roles to names. Each field has one role at most.
    """
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(column_name(name), name)
    wanted = {role: column_name(chosen[role]) for role in NAMES if role in chosen}
    found: dict[FieldRole, str] = {
        role: plain[name] for role, name in wanted.items() if name in plain
    }
    for role, known in NAMES.items():
        for each in known:
            if role not in found and each in plain and plain[each] not in found.values():
                found[role] = plain[each]
    return found
