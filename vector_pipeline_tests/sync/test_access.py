"""Which labels a reader satisfies."""

from __future__ import annotations

from vector_pipeline.sync.access import MOST_LABELS, reader_labels


def test_a_group_stands_for_its_label_and_for_the_same_words_in_the_settings() -> None:
    assert reader_labels(["staff"]) == ["group:staff", "staff"]


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
