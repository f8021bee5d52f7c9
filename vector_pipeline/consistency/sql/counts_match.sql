-- The collection holds exactly as many points of the partition as are recorded as applied.
-- on: points
-- frames: counts
select
    partition,
    '' as document_id,
    '' as point_id,
    format('{} points recorded, {} in the collection', recorded, indexed) as why,
    'sync' as repair
from counts
where recorded <> indexed
;
select coalesce(sum(recorded), 0) as compared from counts
