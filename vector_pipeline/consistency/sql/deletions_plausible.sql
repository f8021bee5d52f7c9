-- No run deleted more documents than the brake of its time let pass, unless a person allowed it then or later.
-- frames: changes, changing, ingestions
with
said as (
    select
        partition, run_id,
        min(age) as age,
        -- Runs of older versions do not say what the brake was.
        bool_and(brake_documents is not null) as told,
        sum(moved) as moved,
        max(documents + deleted - added) as held,
        max(brake_documents) as brake_documents,
        max(brake_share) as brake_share
    from changing
    group by partition, run_id
),
allowed as (
    select partition, min(age) as age from ingestions where allowed group by partition
),
judged as (
    -- Documents that came back are no loss.
    select c.partition, c.run_id, c.gone - s.moved as vanished, s.held, s.brake_documents, s.brake_share
    from changes c
    join said s using (partition, run_id)
    left join allowed a using (partition)
    where s.told and (a.age is null or a.age > s.age)
)
select
    partition,
    '' as document_id,
    '' as point_id,
    format(
        'run {} deleted {} of {} documents that are gone since; the brake lets {} or {:.3g} % pass',
        run_id, vanished, held, brake_documents, 100 * brake_share
    ) as why,
    'sync' as repair
from judged
where vanished > brake_documents and vanished > brake_share * held
order by partition, why
;
select
    count(*) filter (where deleted > 0) as compared,
    coalesce(sum(deleted) filter (where recent), 0) as deleted_lately
from changes
