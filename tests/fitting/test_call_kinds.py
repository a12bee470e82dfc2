"""Kinds of call: what a request of a log is, as rate cards count calls, and how many records."""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from simulation.errors import InputError
from simulation.fitting.call_kinds import UNKNOWN, CallKindTable, Kind, read_call_kinds
from simulation.fitting.call_rules import METHODS, RecordGuess, RecordRule
from simulation.formats.documents import Document
from simulation.rate_cards.card import RateCard

TABLE = read_call_kinds()
ZOHO_CRM_2026 = RateCard.load("zoho-crm-2026")
PAGE = RecordGuess(200, 1, 200)
BODY = RecordGuess(10, 1, 100)
TAGGED = RecordGuess(22, 1, 500)
VERSIONS = ["v2", "v2.1", "v3", "v4", "v5", "v6", "v7", "v8"]
HOSTILE = {
    "a word of 1 MB": "x" * 1_000_000,
    "a path of 1 MB": "GET /crm/v7/" + "a" * 1_000_000,
    "a query of 1 MB": "GET /crm/v7/Leads?" + "a=1&" * 250_000,
    "ids of 1 MB": "GET /crm/v7/Leads?ids=" + "1," * 500_000,
    "a million slashes": "GET " + "/" * 1_000_000,
    "two thousand slashes": "GET " + "/" * 2_000,
    "a deep path": "GET " + "/a" * 990,
    "the root many times": "GET " + "/crm/v7" * 15 + "/Leads",
    "a prefix that nearly fits": "POST " + "/crm/v7/Leads/{id}/actions" * 6,
    "only braces": "GET /crm/v7/{{{{{{}}}}}}/{id}/{id}/{id}",
    "escapes": "GET /crm/v7/" + "%" * 1_900,
    "bytes that are no text": "G\udcffT /crm/\udc80\udcfe/\x00/%ff%fe",
    "no words": " \t\n",
    "nothing": "",
    "a fragment alone": "#/",
    "a method and a fragment": "GET #/crm/v7/Leads",
    "long digits": "GET /crm/v7/Leads?per_page=" + "9" * 1_000,
}


def api_of(target: str) -> str:
    """Return the kind of call of a target that the table has."""
    kind = TABLE.kind_of(target)
    assert kind.known, f"{target} is listed as other"
    return kind.api


@pytest.mark.parametrize(
    ("target", "group", "api", "records"),
    [
        # Records
        ("GET /crm/v7/Leads?fields&per_page=50&page", "records", "other", 50),
        ("GET /crm/v7/Leads?fields", "records", "other", PAGE),
        ("GET /crm/v7/Leads?ids=7&fields", "records", "other", 7),
        ("GET /crm/v7/Leads?cvid&per_page=200", "records", "get_records_by_cvid", 200),
        ("GET /crm/v7/Leads?fields&sort_by", "records", "other", PAGE),
        ("GET /crm/v7/Leads/{id}", "records", "other", 1),
        ("POST /crm/v7/Leads", "records", "insert_records", BODY),
        ("PUT /crm/v7/Leads", "records", "update_records", BODY),
        ("PUT /crm/v7/Leads/{id}", "records", "update_records", 1),
        ("POST /crm/v7/Leads/upsert", "records", "upsert_records", BODY),
        ("DELETE /crm/v7/Leads?ids=12&wf_trigger", "records", "other", 12),
        ("DELETE /crm/v7/Leads/{id}", "records", "other", 1),
        ("GET /crm/v7/Leads/deleted?type&per_page=100", "records", "get_deleted_records", 100),
        ("GET /crm/v7/Leads/search?criteria", "records", "other", PAGE),
        ("GET /crm/v7/Leads/actions/count?cvid", "records", "other", None),
        ("POST /crm/v7/Contacts/{id}/photo", "records", "other", 1),
        # Records by external id: the path holds a value of the user's own
        ("GET /crm/v7/Contacts/ERP-0815", "records by external id", "other", 1),
        ("PUT /crm/v7/Contacts/ERP-0815", "records by external id", "update_records", 1),
        # Actions on records
        ("POST /crm/v7/Leads/{id}/actions/convert", "actions on records", "convert_lead", 1),
        ("POST /crm/v8/Quotes/{id}/actions/convert", "actions on records", "other", 1),
        (
            "POST /crm/v7/Leads/actions/mass_convert",
            "actions on records",
            "mass_convert_leads",
            RecordGuess(7, 1, 50),
        ),
        ("GET /crm/v7/Leads/actions/mass_convert?job_id", "actions on records", "other", None),
        ("POST /crm/v7/Leads/actions/mass_update", "actions on records", "other", None),
        (
            "POST /crm/v7/Leads/actions/mass_delete",
            "actions on records",
            "mass_delete",
            RecordGuess(100, 1, 50_000),
        ),
        (
            "POST /crm/v7/Leads/{id}/actions/merge",
            "actions on records",
            "merge_records",
            RecordGuess(2, 2, 3),
        ),
        ("PUT /crm/v7/Deals/{id}/actions/blueprint", "actions on records", "other", 1),
        ("POST /crm/v9/Deals/{id}/actions/of_next_year", "actions on records", "other", 1),
        # Tags
        ("POST /crm/v2/Leads/actions/add_tags?tag_names&ids=80", "tags", "add_tags", 80),
        ("POST /crm/v7/Leads/actions/remove_tags", "tags", "remove_tags", TAGGED),
        ("POST /crm/v7/Leads/{id}/actions/add_tags", "tags", "add_tags", 1),
        ("POST /crm/v7/settings/tags/{id}/actions/merge", "tags", "other", None),
        # Related records, notes and attachments
        ("GET /crm/v7/Leads/{id}/Notes?fields&per_page=20", "related records", "other", 20),
        (
            "POST /crm/v7/Leads/{id}/Notes",
            "related records",
            "insert_records",
            RecordGuess(1, 1, 100),
        ),
        ("PUT /crm/v7/Campaigns/{id}/Leads/{id}", "related records", "other", 1),
        ("POST /crm/v7/Leads/{id}/Attachments", "related records", "other", 1),
        ("PUT /crm/v7/Deals/{id}/Contact_Roles/{id}", "related records", "other", 1),
        # Mail
        ("POST /crm/v7/Contacts/{id}/actions/send_mail", "mail", "send_mail", 1),
        ("GET /crm/v7/Contacts/{id}/Emails/{id}", "mail", "other", 1),
        ("GET /crm/email/v8/settings/compose?type", "mail settings", "other", None),
        # Bulk jobs: making one is dear, asking for it is not
        ("POST /crm/bulk/v7/read", "bulk jobs", "bulk_read", None),
        ("GET /crm/bulk/v7/read/{id}", "bulk jobs", "other", None),
        ("GET /crm/bulk/v7/read/{id}/result", "bulk jobs", "other", None),
        ("POST /crm/bulk/v7/write", "bulk jobs", "bulk_write", None),
        ("GET /crm/bulk/v7/write/{id}", "bulk jobs", "other", None),
        ("POST /crm/v7/upload", "files", "other", None),
        # Queries and composite requests
        ("POST /crm/v7/coql", "queries", "coql_query", RecordGuess(200, 1, 2000)),
        ("POST /crm/v7/__composite_requests", "composite", "composite", None),
        # Users, roles and profiles
        ("GET /crm/v7/users?type&per_page=10", "users, roles and profiles", "get_users", 10),
        ("GET /crm/v7/users/{id}", "users, roles and profiles", "get_users", 1),
        ("POST /crm/v7/users", "users, roles and profiles", "other", None),
        ("GET /crm/v7/settings/roles", "users, roles and profiles", "get_roles", None),
        ("DELETE /crm/v7/settings/roles/{id}", "users, roles and profiles", "other", None),
        ("GET /crm/v7/settings/profiles", "users, roles and profiles", "get_profiles", None),
        ("GET /crm/v7/settings/territories/{id}/users", "users, roles and profiles", "other", None),
        # Modules, fields and layouts
        ("GET /crm/v7/settings/modules", "modules, fields and layouts", "get_modules", None),
        (
            "GET /crm/v7/settings/modules/Leads",
            "modules, fields and layouts",
            "get_module_metadata",
            None,
        ),
        (
            "POST /crm/v7/settings/modules",
            "modules, fields and layouts",
            "create_custom_module",
            None,
        ),
        (
            "GET /crm/v7/settings/fields?module",
            "modules, fields and layouts",
            "get_field_metadata",
            None,
        ),
        ("GET /crm/v7/settings/layouts/{id}", "modules, fields and layouts", "other", None),
        ("GET /crm/v7/settings/custom_views?module", "modules, fields and layouts", "other", None),
        # The rest of the API
        ("GET /crm/v7/org", "organization and settings", "other", None),
        ("PUT /crm/v7/org/currencies/{id}", "organization and settings", "other", None),
        ("GET /crm/v8/settings/variables?group", "organization and settings", "other", None),
        ("GET /crm/v8/__features/user_licenses", "organization and settings", "other", None),
        ("PATCH /crm/v7/actions/watch", "notifications", "other", None),
        ("GET /crm/v7/files?id", "files", "other", None),
        ("POST /crm/v7/functions/quote/actions/execute?auth_type", "functions", "other", None),
    ],
)
def test_each_group_of_the_api(target: str, group: str, api: str, records: object) -> None:
    assert TABLE.kind_of(target) == Kind(api, group, records, known=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", VERSIONS)
def test_all_versions_alike(version: str) -> None:
    assert api_of(f"POST /crm/{version}/Deals/upsert") == "upsert_records"
    assert api_of(f"POST /crm/bulk/{version}/write") == "bulk_write"
    assert api_of(f"GET /CRM/{version.upper()}/settings/Modules") == "get_modules"


@pytest.mark.parametrize(
    "target",
    [
        "POST /crm/v7/Leads/upsert",
        "POST /zoho/crm/v7/Leads/upsert",
        "POST /out/zoho-eu/crm/v7/Leads/upsert",
        "POST www.zohoapis.eu/crm/v7/Leads/upsert",
        "POST //www.zohoapis.eu/crm/v7/Leads/upsert",
        "POST https://www.zohoapis.eu:443/crm/v7/Leads/upsert",
        "POST /crm/crm/v7/Leads/upsert",
        "POST /crm/v7/Leads/upsert/",
        "POST //crm//v7//Leads//upsert//",
        "POST /crm/v7/Leads/upsert.json",
        "POST /crm/v7/Leads/upsert;jsessionid=1",
        "POST /crm/v7/Leads/upsert#top",
        "POST /crm/v7/Leads/upsert HTTP/1.1",
        "post /crm/v7/leads/UPSERT",
        "POST /crm/v7/Machines_2__c/upsert",
        "POST /crm/v7/%4Ceads/upsert",
        "  POST   /crm/v7/Leads/upsert  ",
        "/crm/v7/Leads/upsert",
    ],
)
def test_prefixes_hosts_cases_and_ends_of_paths(target: str) -> None:
    assert api_of(target) == "upsert_records"


@pytest.mark.parametrize(
    "part",
    [
        "{id}",
        "4876876000003294168",
        "{record}",
        "0123456789abcdef0123456789abcdef",
        "2f1e4fc0-81fd-11ef-9cd2-0242ac120002",
    ],
)
def test_records_have_numbers_or_what_stands_in_for_them(part: str) -> None:
    assert api_of(f"POST /crm/v7/Contacts/{part}/actions/send_mail") == "send_mail"


@pytest.mark.parametrize(
    "target",
    [
        "GET /",
        "GET /favicon.ico",
        "GET /crm/v7",
        "CONNECT www.zohoapis.eu:443",
        "OPTIONS /crm/v7/Leads",
        "HEAD /crm/v7/Leads",
        "OPTIONS /crm/v7/org",
        "GET /crm/v7/settings/of_next_year",
        "GET /crm/v7/__of_next_year",
        "GET /crm/v7/Leads/upsert",
        "GET /crm/v7/Leads/actions/of_next_year",
        "GET /crm/private/json/Leads/getRecords",
        "GET /bigin/v2/Contacts",
        "GET /recruit/v2/Candidates",
        "POST /oauth/v2/token?refresh_token&grant_type",
        "POST accounts.zoho.eu/oauth/v2/token",
        "Upsert Everything",
        "PUT /crm/v7/Contacts/" + "A" * 2_000,  # longer than servers take
        "PUT " + "/prefix" * 30 + "/crm/v7/Contacts",
    ],
)
def test_what_the_table_does_not_have_is_listed_as_other(target: str) -> None:
    assert TABLE.kind_of(target) == Kind("other", UNKNOWN, None, known=False)


def test_without_a_method_a_path_is_known_if_all_methods_are_of_one_kind() -> None:
    assert api_of("/crm/v7/Leads/{id}/actions/convert") == "convert_lead"
    assert api_of("/crm/v7/Leads/search?criteria") == "other"
    assert not TABLE.kind_of("/crm/v7/Leads").known


@pytest.mark.parametrize(
    ("name", "api"),
    [
        ("upsert_records", "upsert_records"),
        ("UpsertRecords", "upsert_records"),
        ("UPSERT-RECORDS", "upsert_records"),
        ("Upsert Records ", "upsert_records"),
        ("GET_USERS", "get_users"),
        ("getUsers", "get_users"),
        ("Get Records", "other"),
        ("get records by cvid", "get_records_by_cvid"),
        ("Get Related Records", "other"),
        ("COQL", "coql_query"),
        ("Bulk Write Initialize", "bulk_write"),
        ("Get Fields Metadata", "get_field_metadata"),
        ("Send Mail", "send_mail"),
        ("other", "other"),
    ],
)
def test_a_log_may_name_calls_as_cards_or_as_documentation_does(name: str, api: str) -> None:
    assert api_of(name) == api


def test_a_log_may_name_calls_other() -> None:
    assert TABLE.kind_of("Other") == Kind("other", "other", None, known=True)


def test_a_named_call_carries_what_the_general_request_carries() -> None:
    assert TABLE.kind_of("Update Records").records == BODY
    assert TABLE.kind_of("Get Records").group == "records"


@pytest.mark.parametrize("told", ["per_page=0", "per_page=201", "per_page=x", "per_page", "ids="])
def test_a_number_out_of_range_tells_nothing(told: str) -> None:
    assert TABLE.kind_of(f"GET /crm/v7/Leads?{told}").records == PAGE


def test_ids_that_are_no_count_tell_nothing() -> None:
    assert TABLE.kind_of("GET /crm/v7/Leads?ids=4876876000003294168").records == PAGE


def test_every_kind_stands_on_a_card_that_ships() -> None:
    assert TABLE.apis <= {*ZOHO_CRM_2026.calls}
    assert {*ZOHO_CRM_2026.calls} == TABLE.apis, "a kind that no request has"


def test_records_fit_what_cards_allow() -> None:
    """No guess, and no number that a log may tell, is more than a call may carry."""
    for group in TABLE.groups:
        for rule in group.calls:
            most = ZOHO_CRM_2026.most_records(rule.api)
            if isinstance(rule.records, RecordRule) and most is not None:
                assert rule.records.range[1] <= most, rule.request


def test_what_is_guessed_and_costs_is_marked_as_an_assumption() -> None:
    unmarked = [
        rule.request
        for group in TABLE.groups
        for rule in group.calls
        if isinstance(rule.records, RecordRule) and not rule.assumption
        if len({ZOHO_CRM_2026.credits(rule.api, records) for records in rule.records.range}) > 1
    ]
    assert unmarked == []


def test_every_group_says_where_it_was_read() -> None:
    assert [group.name for group in TABLE.groups if not group.sources] == []
    used = {source for group in TABLE.groups for source in group.sources}
    assert used == {*TABLE.sources}


def test_every_request_is_found_as_itself() -> None:
    """No request is hidden by another one, whatever stands for the blanks in it."""
    filled = {"{version}": "v8", "{module}": "Deals", "{name}": "Things", "{value}": "A-1"}
    for group in TABLE.groups:
        for rule in group.calls:
            path = f"{(group.under or TABLE.under)[0]}/{rule.request.partition(' ')[2]}"
            for blank, word in filled.items():
                path = path.replace(blank, word)
            path = path.removesuffix("/**")
            query = "?" + "&".join(rule.parameters) if rule.parameters else ""
            for method in METHODS if rule.method == "ANY" else [rule.method]:
                kind = TABLE.kind_of(f"{method} /{path}{query}")
                assert kind.known, rule.request
                if rule.method != "ANY":
                    assert (kind.api, kind.group) == (rule.api, group.name), rule.request


@pytest.mark.parametrize("target", HOSTILE.values(), ids=HOSTILE)
def test_hostile_targets_are_quick(target: str) -> None:
    begin = time.perf_counter()
    TABLE.kind_of(target)
    assert time.perf_counter() - begin < 0.1


@given(st.text() | st.text("GETcrmv78/{}id?&=#%.*;Leads ", max_size=80))
def test_no_target_raises_an_error(target: str) -> None:
    kind = TABLE.kind_of(target)
    assert kind.api in TABLE.apis
    assert kind == TABLE.kind_of(target)


def test_long_targets_are_not_remembered_and_short_ones_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("simulation.fitting.call_kinds.MOST_KEPT", 3)
    table = pickle.loads(pickle.dumps(TABLE))
    for number in range(10):
        table.kind_of(f"GET /crm/v7/Leads/{number}")
        table.kind_of("GET /crm/v7/Leads?" + "a" * 1_000)
        assert len(table._kept) <= 3
        assert max(map(len, table._kept)) < 100
    assert table.kind_of("POST /crm/v7/coql").api == "coql_query"


# A table of one's own


def own(**changes: Any) -> dict[str, Any]:
    """Return a table of a gateway that has its own paths."""
    rule = {"request": "POST leads", "api": "insert_records", "records": 1, "names": ["Web lead"]}
    group = {"name": "gateway", "calls": [rule]}
    return {"name": "own", "title": "Ours", "vendor": "Zoho CRM", "groups": [group], **changes}


def test_a_table_of_one_s_own_is_a_file_of_the_same_form(tmp_path: Path) -> None:
    path = tmp_path / "calls.yaml"
    rule = {"request": "POST scores", "api": "score_lead"}
    groups = [*own()["groups"], {"name": "ours", "calls": [rule]}]
    data = own(under=["gateway"], other_apis=["score_lead"], groups=groups)
    path.write_text(yaml.safe_dump(data))
    table = read_call_kinds(path)
    assert table.kind_of("POST /gateway/scores").api == "score_lead"
    assert table.kind_of("POST /eu/gateway/leads") == Kind("insert_records", "gateway", 1, True)
    assert table.kind_of("web-lead").api == "insert_records"
    assert not table.kind_of("POST /crm/v7/Leads").known


def test_a_gateway_s_own_prefix_is_a_second_line_of_the_shipped_table(tmp_path: Path) -> None:
    shipped = Path(read_call_kinds.__code__.co_filename).with_name("zoho-crm-calls.yaml")
    text = shipped.read_text(encoding="utf-8")
    path = tmp_path / "calls.yaml"
    path.write_text(text.replace('under: ["crm/{version}"]', 'under: ["crm/{version}", zoho]'))
    table = read_call_kinds(path)
    assert table.kind_of("POST /zoho/Leads/upsert").api == "upsert_records"
    assert table.kind_of("POST /crm/v8/Leads/upsert").api == "upsert_records"
    assert table.kind_of("POST /crm/bulk/v8/read").api == "bulk_read"


def test_what_is_more_exact_holds_and_other_methods_fall_back() -> None:
    rules = [
        {"request": "GET {module}", "api": "other", "records": 5},
        {"request": "GET {module}", "parameters": ["a", "b"], "records": 2},
        {"request": "GET {module}", "parameters": ["a"], "records": 3},
        {"request": "POST Leads", "api": "insert_records"},
        {"request": "ANY Leads/**", "records": 4},
    ]
    table = Document(own(groups=[{"name": "all", "calls": rules}])).validate(CallKindTable)
    found = {
        target: table.kind_of(target).records
        for target in (
            "GET /Deals",
            "GET /Deals?A",
            "GET /Deals?b&a",
            "GET /Leads",
            "PUT /Leads/x/y",
        )
    }
    assert [*found.values()] == [5, 3, 2, 4, 4]
    assert table.kind_of("POST /leads").api == "insert_records"


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"request": "leads"}, "'leads' is no request, write a method (GET, POST, PUT, PATCH, DEL"),
        ({"request": "FETCH leads"}, "'FETCH leads' is no request"),
        ({"request": "GET /leads"}, "'/leads' is no path, write its parts with a / between them"),
        ({"request": "GET leads?ids"}, "parameters of the query under 'parameters'"),
        ({"request": "GET {modul}"}, "'{modul}' stands for nothing, write one of: {version}, {id}"),
        ({"request": "GET a/**/b"}, "'a/**/b' has a * before its end, write ** as its last part"),
        ({"request": "GET a*"}, "'a*' has a * before its end"),
        ({"api": "insert_record"}, "did you mean 'insert_records'? or declare it under 'other_ap"),
        ({"api": "query"}, "'query' is a kind of call of no shipped rate card of Zoho CRM"),
        ({"name": "other"}, "name: is an unknown key, did you mean 'names'?"),
        ({"records": 0}, "records: 0 is wrong, it should be greater than or equal to 1"),
        ({"records": {"guess": 5}}, "records.range: is missing, add it: [fewest, most]"),
        ({"records": {"guess": 5, "range": [10, 1]}}, "goes from fewest to most, write [1, 10]"),
        (
            {"records": {"guess": 5, "range": [6, 9]}},
            "the guess 5 is outside of its range, write 6",
        ),
        ({"names": ["Upsert records", "upsert-records"]}, ""),
        ({"names": ["Other"]}, "'Other' also names 'other', let it name one of them"),
    ],
)
def test_a_wrong_rule_is_refused_with_file_key_and_remedy(
    tmp_path: Path, rule: dict[str, Any], complaint: str
) -> None:
    path = tmp_path / "calls.yaml"
    calls = [{"request": "GET leads", "api": "insert_records", **rule}]
    path.write_text(yaml.safe_dump(own(groups=[{"name": "gateway", "calls": calls}])))
    if not complaint:
        assert read_call_kinds(path).kind_of("UPSERT RECORDS").known
        return
    with pytest.raises(InputError) as refusal:
        read_call_kinds(path)
    assert complaint in str(refusal.value)
    assert str(refusal.value).startswith(f"{path}:")


def test_what_stands_twice_or_nowhere_is_refused() -> None:
    rule = {"request": "GET leads/{id}", "names": ["Lead"]}
    again = {"request": "GET Leads/{id}", "names": ["lead"]}
    groups = [
        {"name": "a", "calls": [rule], "sources": ["pages"]},
        {"name": "a", "calls": [again, {"request": "PUT leads", "names": ["LEAD"]}]},
    ]
    source = {"title": "Page", "url": "https://example.org", "date": "2026"}
    with pytest.raises(InputError) as refusal:
        Document(own(groups=groups, sources={"page": source})).validate(CallKindTable)
    text = str(refusal.value)
    assert "'a' stands twice, give each its own name" in text
    assert "'pages' is no source of the table, did you mean 'page'? add it under 'sources'" in text
    assert "'GET Leads/{id}' also stands in group 'a', keep one" in text
    assert "'LEAD' also names 'GET leads/{id}', let it name one of them" in text


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_call_kinds(tmp_path / "calls.yaml")
