-- No document is deleted and comes back with the same text again and again.
-- severity: warning
-- frames: returns
-- compares: returns
select
    partition,
    lower(hex(document_id)) as document_id,
    '' as point_id,
    format('deleted and added again {} times in a week with the same text', additions - 1) as why,
    '' as repair
from returns
where additions > 3
order by partition, document_id
