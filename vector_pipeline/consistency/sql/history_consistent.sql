-- No run says that it did, or is doing, what documents, their history and Dagster's records do not bear out.
-- frames: ingestions, changes, changing, last_changes, built, materialized
-- compares: ingestions, last_changes
with
-- A run.
runs as (
    select
        partition,
        '' as document_id,
        case
            when status not in ('running', 'success', 'partial', 'failed') then format('an unknown status, {}', status)
            when status <> 'running' and ended is null then 'ended, but nobody knows when'
            -- Clocks of several machines may differ, and clocks are set.
            when age < -3600 or ended < -3600 then 'lies in the future'
            when ended > age + 600 then 'ended before it began'
            -- Nobody holds the lock of its partition: this is looked at again under that lock.
            when status = 'running' and age - seconds > 86400 then 'stands as running, and no run is at work'
        end as what,
        run_id,
        if(status = 'running', 'sync', '') as repair
    from ingestions
),
claims as (
    select
        partition, run_id, sum(added) as added, sum(changed) as changed, sum(metadata) as metadata,
        sum(deleted) as deleted
    from changing
    where recent
    group by partition, run_id
    union all
    select partition, run_id, added, changed, metadata, deleted
    from ingestions anti join changing using (partition, run_id)
    where recent
),
-- Their history outlives documents that were lost; whose they were, only the run tells.
did as (
    select
        c.partition, c.run_id,
        coalesce(h.added, 0) + coalesce(l.added, 0) as added,
        coalesce(h.changed, 0) + coalesce(l.changed, 0) as changed,
        coalesce(h.metadata, 0) + coalesce(l.metadata, 0) as metadata,
        coalesce(h.deleted, 0) + coalesce(l.deleted, 0) as deleted
    from claims c
    left join changes h on h.partition = c.partition and h.run_id = c.run_id
    left join changes l on l.partition = '' and l.run_id = c.run_id
),
claimed as (
    select
        c.partition, '' as document_id,
        format(
            'says that it added {}, changed {} and deleted {} documents; their history has {}, {} and {}',
            c.added, c.changed + c.metadata, c.deleted, d.added, d.changed + d.metadata, d.deleted
        ) as what,
        c.run_id,
        '' as repair
    from claims c join did d using (partition, run_id)
    where c.added > d.added or c.changed > d.changed or c.metadata > d.metadata or c.deleted > d.deleted
),
unknown as (
    select
        partition, '' as document_id, 'changed documents, and the history of runs does not know it' as what, run_id,
        '' as repair
    from changes anti join changing using (partition, run_id)
    where recent and partition <> ''
),
live as (
    select b.partition, any_value(b.revision) as revision, count(l.partition) as documents
    from built b left join last_changes l on l.partition = b.partition and not l.deleted
    group by b.partition
),
counted as (
    select
        i.partition, '' as document_id,
        format('left {} documents, {} are there, and nothing has changed since', i.documents, l.documents) as what,
        i.run_id,
        'sync' as repair
    from ingestions i join live l using (partition)
    -- Whatever changes a document raises the revision: the last run at this one knows how many there are.
    where i.revision = l.revision and i.documents <> l.documents
),
-- A document.
documents as (
    select
        partition,
        lower(hex(document_id)) as document_id,
        case
            when deleted and not change.starts_with('deleted') then 'is deleted, and its history does not know it'
            when not deleted and change.starts_with('deleted') then 'is there, and its history says it was deleted'
            when revision < changed_revision then 'is older than the last of its changes'
            when revision > partition_revision then 'is newer than its source'
        end as what,
        '' as run_id,
        if(deleted = change.starts_with('deleted'), '', 'sync') as repair
    from last_changes
),
-- A source.
sources as (
    select partition, '' as document_id, 'was built, and the history knows no run' as what, '' as run_id, 'sync' as repair
    from built
    where built and runs = 0
),
-- What Dagster shows.
shown as (
    select
        m.partition, '' as document_id,
        case
            when m.stage = 'points' and i.run_id is null
                then 'stands in Dagster as done, and the history of runs does not know it'
            when m.stage = 'points' and i.status = 'running'
                then 'stands in Dagster as done, and in the history as running'
            when m.stage = 'documents' and l.revision < m.revision
                then format('built revision {} according to Dagster; the store is at {}', m.revision, l.revision)
            when m.stage = 'documents' and l.revision = m.revision and l.documents <> m.rows
                then format('left {} documents according to Dagster; {} are there', m.rows, l.documents)
        end as what,
        m.run_id,
        'sync' as repair
    from materialized m
    left join (
        select partition, run_id, arg_min(status, age) as status from ingestions group by partition, run_id
    ) i using (partition, run_id)
    left join live l using (partition)
    -- Older than all that the history knows: of a source that was removed and added again, or of a history cut short.
    where m.age <= (select max(age) from ingestions o where o.partition = m.partition)
),
offenders as (
    from runs
    union all from claimed
    union all from unknown
    union all from counted
    union all from documents
    union all from sources
    union all from shown
)
select distinct
    partition,
    document_id,
    '' as point_id,
    if(run_id = '', what, format('run {}: {}', run_id, what)) as why,
    repair
from offenders
where what is not null
order by partition, why, document_id
