-- Every point looked at carries exactly the payload that its document, its chunk and the model in force give it.
-- on: points, collection
-- frames: contents, settled, kept_back
-- compares: contents
select
    c.partition,
    lower(hex(c.document_id)) as document_id,
    lower(hex(c.point_id)) as point_id,
    if(c.as_recorded, 'not what its document and chunk give', 'changed since it was written') as why,
    'write' as repair
from contents c
where
    not c.as_recorded
    or (
        not c.as_derived
        and exists (select 1 from settled s where s.partition = c.partition)
        and not exists (
            select 1 from kept_back k where k.partition = c.partition and k.document_id = c.document_id
        )
    )
order by 1, 3
