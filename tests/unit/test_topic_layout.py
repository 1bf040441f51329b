"""What topics are to be, and what of them an operator has to mend."""

from datetime import timedelta

import pytest

from events.contract.registry import INBOUND_TOPICS, Topic
from events.layout import MIN_INSYNC, RETENTION, TIME, Layout, TopicsUnfit
from models.policy.load import default_pack_folder, load_policy
from partygrid.adapters import RetentionTooShort, check_retention
from partygrid.settings import Settings

DAY = 24 * 60 * 60 * 1000
LAYOUT = Layout(partitions=4, replication=3, min_insync=2, retention=timedelta(days=40))
REPORTS, SEALS = str(Topic.REPORTS), str(Topic.AUDIT_SEALS)
APPENDED, TOLD = {TIME: "LogAppendTime"}, {TIME: "CreateTime"}


def test_topics_are_made_whole() -> None:
    for name in INBOUND_TOPICS:
        made = LAYOUT.new(name)
        assert (made.num_partitions, made.replication_factor) == (4, 3)
        assert made.topic_configs[TIME] == "LogAppendTime"
        assert made.topic_configs[MIN_INSYNC] == "2"
        assert made.topic_configs[RETENTION] == str(40 * DAY)
    assert LAYOUT.new("case.updates.330281101").num_partitions == 1
    assert LAYOUT.new(SEALS).topic_configs[RETENTION] == "-1"


def test_a_rehearsals_topics_keep_the_conductors_times_however_old() -> None:
    made = Layout(partitions=2, retention=timedelta(days=40), time_lapse=True).new(REPORTS)
    assert (made.topic_configs[TIME], made.topic_configs[RETENTION]) == ("CreateTime", "-1")


@pytest.mark.parametrize(
    ("name", "found", "differs"),
    [
        (REPORTS, {RETENTION: str(40 * DAY)}, set()),
        (REPORTS, {RETENTION: str(7 * DAY)}, {RETENTION}),
        (REPORTS, {RETENTION: str(400 * DAY)}, set()),
        (REPORTS, {RETENTION: "-1"}, set()),
        (SEALS, {RETENTION: str(400 * DAY)}, {RETENTION}),
        (REPORTS, {MIN_INSYNC: "1"}, {MIN_INSYNC}),
        (REPORTS, {MIN_INSYNC: "3"}, set()),
        (REPORTS, TOLD, {TIME}),
        (REPORTS, {"cleanup.policy": "compact"}, {"cleanup.policy"}),
        (REPORTS, {"segment.bytes": "1"}, set()),
    ],
)
def test_what_keeps_less_than_is_asked_for_differs(
    name: str, found: dict[str, str], differs: set[str]
) -> None:
    assert set(LAYOUT.differing(name, found)) == differs


@pytest.mark.parametrize(
    ("time_lapse", "found", "told"),
    [
        (False, {REPORTS: TOLD}, "grid.reports bear the time that a writer tells"),
        (False, {REPORTS: TOLD, "grid.tasks": TOLD}, "and 1 more topics"),
        (True, {REPORTS: APPENDED}, "give the rehearsal topics of its own"),
    ],
)
def test_topics_whose_times_nothing_may_hang_on_are_refused(
    time_lapse: bool, found: dict[str, dict[str, str]], told: str
) -> None:
    with pytest.raises(TopicsUnfit, match=told):
        Layout(partitions=1, time_lapse=time_lapse).check_time(found)


@pytest.mark.parametrize(
    ("time_lapse", "found"), [(False, {REPORTS: APPENDED}), (True, {REPORTS: TOLD}), (False, {})]
)
def test_topics_that_bear_the_right_time_are_well(
    time_lapse: bool, found: dict[str, dict[str, str]]
) -> None:
    Layout(partitions=1, time_lapse=time_lapse).check_time(found)


def test_records_are_kept_as_long_as_the_policy_lets_apps_be_late() -> None:
    policy = load_policy(default_pack_folder())
    longest = policy.deadlines.occurred_at_most_before
    check_retention(Settings(kafka_retention=longest), policy)
    longer = policy.model_copy(
        update={
            "deadlines": policy.deadlines.model_copy(
                update={"occurred_at_most_before": longest + timedelta(days=30)}
            )
        }
    )
    with pytest.raises(RetentionTooShort, match=r"60 days .*occurred_at_most_before"):
        check_retention(Settings(kafka_retention=longest), longer)
