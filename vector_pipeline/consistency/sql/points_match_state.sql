-- Every point that the state store says is applied is in the collection in that very version, and nothing else is.
-- frames: recorded, derived, indexed, kept_back, settled, known
-- compares: recorded, indexed
with
current_points as (
    select d.partition, d.document_id, d.point_id
    from derived d
    join settled using (partition)
    where not exists (
        select 1 from kept_back k where k.partition = d.partition and k.document_id = d.document_id
    )
),
offenders as (
    select partition, document_id, point_id, 'missing' as why
    from recorded anti join indexed using (point_id)
    union all
    select r.partition, r.document_id, r.point_id, 'stale'
    from recorded r join indexed i using (point_id)
    where r.fingerprint is distinct from i.payload_hash or r.partition is distinct from i.source
    union all
    select source, document_id, point_id, 'orphaned'
    from indexed anti join recorded using (point_id)
    union all
    select any_value(source), any_value(document_id), point_id, 'duplicated'
    from indexed group by point_id having count(*) > 1
    union all
    select partition, document_id, point_id, 'missing'
    from current_points anti join recorded using (point_id)
    union all
    select r.partition, r.document_id, r.point_id, 'stale'
    from recorded r
    join settled using (partition)
    anti join derived using (point_id)
    where not exists (
        select 1 from kept_back k where k.partition = r.partition and k.document_id = r.document_id
    )
)
select distinct
    coalesce(partition, '?') as partition,
    coalesce(lower(hex(document_id)), '') as document_id,
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
