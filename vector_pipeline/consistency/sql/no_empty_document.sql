-- Every live document with text has chunks.
-- on: chunks
-- frames: uncut
select
    partition,
    lower(hex(document_id)) as document_id,
    '' as point_id,
    'has text but no chunks' as why,
    'cut' as repair
from uncut
order by partition, document_id
