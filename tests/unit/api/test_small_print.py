"""The OpenAPI document and what clients make of it: types, names, patterns, media types."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

import api
from api.app import create_app
from api.http.cursors import CURSOR_PATTERN, make_cursor
from api.http.models import Body, Day, Moment, Question
from api.http.settings import ApiSettings
from api.http.timestamps import TIME_PATTERN, parse_rfc3339
from api.present.geography import parse_box, parse_point, pattern_of

WRONG: Final[dict[str, tuple[Any, ...]]] = {
    "integer": (True, False, "5", 5.5),
    "number": (True, False, "5"),
    "boolean": (1, 0, "true", "1"),
    "string": (1, 0, 1.5, True),
    "date-time": (0, 1, True, "0", "1700000000"),
    "date": (0, 1, True, "0", "1700000000"),
}
"""By JSON type or format: values of other types that pydantic would take for it, if it were allowed to."""


def _models(root: type[BaseModel]) -> list[type[BaseModel]]:
    for module in pkgutil.walk_packages(api.__path__, "api."):
        importlib.import_module(module.name)
    found, left = [], [root]
    while left:
        left += (one := left.pop()).__subclasses__()
        if one.__module__.startswith("api."):
            found.append(one)
    return found


BODIES: Final = _models(Body)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(ApiSettings(database_url=SecretStr("postgresql://nowhere/nothing"))).openapi()


@pytest.mark.parametrize("model", BODIES, ids=lambda one: one.__name__)
def test_no_field_takes_a_value_of_another_json_type(model: type[BaseModel]) -> None:
    """Neither true nor "5" for 5, neither 1 nor "true" for true, no number for a text or a time."""
    for name, field in model.model_json_schema()["properties"].items():
        kinds = {one.get("format", one.get("type")) for one in field.get("anyOf", [field])} - {"null"}
        for value in WRONG.get(kinds.pop(), ()) if len(kinds) == 1 else ():
            with pytest.raises(ValidationError) as refused:
                model.model_validate({name: value})
            assert any(one["loc"][:1] == (name,) for one in refused.value.errors()), (model, name, value)


@pytest.mark.parametrize("kind", [Moment, Day])
@pytest.mark.parametrize("number", [0, 1, 1_700_000_000, "0", "1700000000", 1.5, True, "1e9", "-1"])
def test_a_number_is_no_time(kind: Any, number: Any) -> None:
    with pytest.raises(ValidationError, match="expected a"):
        TypeAdapter(kind).validate_python(number)


def test_no_question_and_no_body_has_a_plain_time() -> None:
    """pydantic's own ``date`` and ``datetime`` read 0 as 1970: the kinds of ``api.http.models`` don't."""
    for model in (*_models(Question), *BODIES):
        for name, field in inspect.get_annotations(model).items():
            assert not re.search(r"\b(date|datetime|AwareDatetime)\b", str(field)), (model, name)


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, item in document["paths"].items() for method, one in item.items()]


def test_no_two_models_of_a_generated_client_have_one_name(document: dict[str, Any]) -> None:
    """Generators name an object within ``Schedule`` after both: ``ScheduleHours``. Such a schema would be lost."""
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        for field, value in schema.get("properties", {}).items():
            inner = name + "".join(word.capitalize() for word in field.split("_"))
            if any("enum" in one or one.get("type") == "object" for one in value.get("anyOf", [value])):
                assert inner not in schemas, f"{name}.{field}"
    names = [one["operationId"] for _, _, one in _operations(document)]
    assert len(names) == len(set(names))


def test_every_body_has_a_media_type_that_client_generators_know(document: dict[str, Any]) -> None:
    known = {"application/json", "application/octet-stream", "multipart/form-data"}
    for path, method, one in _operations(document):
        if "requestBody" in one:
            assert known & set(one["requestBody"]["content"]), (method, path)


def test_what_leaves_as_csv_is_in_the_document(document: dict[str, Any]) -> None:
    csv = {
        path
        for path, _, one in _operations(document)
        if "text/csv" in one["responses"].get("200", {}).get("content", {})
    }
    reports = {f"/v1/reports/{of}" for of in ("network", "departments/{department}", "places/{place}")}
    figures = {f"/v1/{of}{what}" for of in ("", "places/{place}/") for what in ("history", "worth")}
    assert (
        csv
        == {
            "/v1/places/{place}/muster",
            "/v1/places/{place}/door-events",
            "/v1/members/export",
            "/v1/statements/{ref}",
            "/v1/statements/export",
            "/v1/clearing",
            "/v1/inventory",
        }
        | figures
        | reports
    )


def test_every_text_with_a_form_of_its_own_has_a_pattern(document: dict[str, Any]) -> None:
    found = set()
    for path, method, one in _operations(document):
        for parameter in one.get("parameters", ()):
            if parameter["in"] == "query" and parameter["name"] in ("near", "bbox", "cursor", "changed_since"):
                found.add(parameter["name"])
                assert "pattern" in str(parameter["schema"]), (method, path, parameter["name"])
    assert found == {"near", "bbox", "cursor", "changed_since"}


@given(st.tuples(st.floats(-90, 90), st.floats(-180, 180)))
def test_the_pattern_of_points_and_boxes_takes_what_is_read(point: tuple[float, float]) -> None:
    text = f"{point[0]},{point[1]}"
    assert re.search(pattern_of(2), text)
    parse_point(text)
    box = f"{point[1]},{point[0]},180,90"
    assert re.search(pattern_of(4), box)
    parse_box(box)


@pytest.mark.parametrize("wrong", ["", ",", "a,b", "1", "1,2,3", "nan,1", "inf,1", "1_0,2", "４,2", "1,,2", "1;2"])
def test_what_is_no_point_is_refused_as_the_pattern_says(wrong: str) -> None:
    assert not re.search(pattern_of(2), wrong)
    with pytest.raises(ValueError, match="expected latitude"):
        parse_point(wrong)


@given(st.datetimes(timezones=st.timezones()) | st.datetimes(timezones=st.just(None)))
def test_the_pattern_of_times_takes_what_is_read(at: Any) -> None:
    text = at.isoformat()
    try:
        parse_rfc3339(text)
    except (ValueError, OverflowError):
        assert at.tzinfo is None or at.utcoffset().total_seconds() % 60 or not 1 < at.year < 9999
    else:
        assert re.fullmatch(TIME_PATTERN, text)


@given(st.lists(st.integers() | st.text(max_size=40) | st.floats(allow_nan=False), max_size=5))
def test_the_pattern_of_cursors_takes_every_cursor(parts: list[Any]) -> None:
    assert re.search(CURSOR_PATTERN, make_cursor(*parts))
