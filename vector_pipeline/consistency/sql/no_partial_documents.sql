-- No document is in the collection with some of its chunks and without others.
-- frames: recorded, derived, indexed, kept_back, settled
-- compares: recorded
with
current_points as (
    select d.partition, d.document_id, d.point_id
    from derived d
    join settled using (partition)
    where not exists (
        select 1 from kept_back k where k.partition = d.partition and k.document_id = d.document_id
    )
),
absent as (
    select partition, document_id, point_id from recorded anti join indexed using (point_id)
    union
    select partition, document_id, point_id from current_points anti join indexed using (point_id)
),
present as (
    select distinct e.document_id
    from (select * exclude (fingerprint) from recorded union all select * from current_points) e
    semi join absent using (document_id)
    semi join indexed using (point_id)
)
select
    partition,
    lower(hex(document_id)) as document_id,
    lower(hex(point_id)) as point_id,
    'missing, while others of its document are there' as why,
    'write' as repair
from absent
semi join present using (document_id)
order by 1, 2, 3
