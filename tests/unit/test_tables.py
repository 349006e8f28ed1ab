from __future__ import annotations

from tests import tables


def test_the_docs_list_every_setting_every_metric_and_every_key_of_a_place_s_file() -> None:
    assert tables.fill(write=False) == [], "run scripts/make-tables"


def test_every_setting_says_what_it_is() -> None:
    for settings in tables.SETTINGS.values():
        for name, field in settings.model_fields.items():
            assert field.description, name
