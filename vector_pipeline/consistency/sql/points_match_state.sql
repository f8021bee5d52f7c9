-- Every point that the state store says is applied is in the collection in that very version, and nothing else is.
-- frames: recorded, derived, indexed, kept_back, settled, known
-- compares: recorded, indexed
with
recorded_points as (
    select partition, hex(document_id) as document_id, point_id, lower(hex(fingerprint)) as fingerprint
    from recorded
),
indexed_points as (
    select source as partition, document_id, point_id, payload_hash, count(*) over (partition by point_id) as copies
    from indexed
),
current_points as (
    select d.partition, hex(d.document_id) as document_id, d.point_id
    from derived d
    join settled using (partition)
    where not exists (
        select 1 from kept_back k where k.partition = d.partition and k.document_id = d.document_id
    )
),
offenders as (
    select r.partition, r.document_id, r.point_id, 'missing' as why
    from recorded_points r anti join indexed_points i using (point_id)
    union all
    select r.partition, r.document_id, r.point_id, 'stale'
    from recorded_points r join indexed_points i using (point_id)
    where r.fingerprint is distinct from i.payload_hash or r.partition is distinct from i.partition
    union all
    select i.partition, i.document_id, i.point_id, 'orphaned'
    from indexed_points i anti join recorded_points r using (point_id)
    union all
    select partition, document_id, point_id, 'duplicated'
    from indexed_points where copies > 1
    union all
    select c.partition, c.document_id, c.point_id, 'missing'
    from current_points c anti join recorded_points r using (point_id)
    union all
    select r.partition, r.document_id, r.point_id, 'stale'
    from recorded_points r
    join settled using (partition)
    anti join derived d using (point_id)
    where not exists (
        select 1 from kept_back k where k.partition = r.partition and hex(k.document_id) = r.document_id
    )
)
select distinct
    coalesce(partition, '?') as partition,
    lower(replace(document_id, '-', '')) as document_id,
    lower(hex(point_id)) as point_id,
    why,
    case
        when why = 'orphaned' and (partition is null or partition in (select partition from known)) then 'remove'
        when partition not in (select partition from known) then 'purge'
        when why = 'duplicated' then 'sync'
        else 'write'
    end as repair
from offenders
order by partition, why, point_id
