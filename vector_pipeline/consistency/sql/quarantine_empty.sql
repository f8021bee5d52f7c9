-- Every document of the source could be fetched, converted, cut and embedded.
-- on: points
-- blocking: no
-- confirmed: no
-- frames: quarantined
select
    partition,
    lower(hex(document_id)) as document_id,
    '' as point_id,
    stage || ': ' || reason as why,
    '' as repair
from quarantined
order by partition, document_id
;
select coalesce(max(documents), 0) as compared from quarantined
