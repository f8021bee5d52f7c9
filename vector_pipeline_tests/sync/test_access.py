"""Which labels a reader satisfies."""

from __future__ import annotations

import pytest

from vector_pipeline.sources.access_labels import NOBODY
from vector_pipeline.sync.access import MOST_LABELS, reader_labels


def test_a_group_stands_for_its_label_and_for_the_same_words_in_the_settings() -> None:
    assert {"group:staff", "staff"} <= set(reader_labels(["staff"]))


def test_a_whole_label_is_taken_as_it_is() -> None:
    assert reader_labels(["space:ENG"]) == ["space:ENG"]


def test_a_member_of_several_groups_reads_what_needs_all_of_them() -> None:
    labels = reader_labels(["staff", "dev"], ["ada"])
    assert {"group:dev+group:staff", "group:dev+user:ada", "group:dev+group:staff+user:ada"} <= set(labels)
    assert "group:staff+group:dev" not in labels, "labels are joined in one order, that of the sources"


def test_a_member_of_a_thousand_groups_still_has_a_bounded_query() -> None:
    labels = reader_labels([f"g{number}" for number in range(1000)])
    assert len(labels) <= MOST_LABELS
    assert "group:g999" in labels


def test_a_member_of_thousands_of_groups_is_answered_at_once() -> None:
    assert len(reader_labels([f"g{number}" for number in range(3000)])) == 6000


def test_a_user_name_opens_nothing_but_what_names_that_user() -> None:
    assert reader_labels([], ["hr"]) == ["user:hr"]


def test_words_of_the_settings_are_joined_like_groups() -> None:
    assert "group:staff+readers" in reader_labels(["staff", "readers"])


@pytest.mark.parametrize("groups", [[NOBODY], [NOBODY, "staff"]])
def test_no_reader_has_the_label_of_what_nobody_may_read(groups: list[str]) -> None:
    assert NOBODY not in reader_labels(groups)
    assert NOBODY not in reader_labels([], groups)
    assert "group:nobody" in reader_labels(groups), "a group of that name is another thing"
