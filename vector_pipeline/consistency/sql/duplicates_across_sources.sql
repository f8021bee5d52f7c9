-- No text of some length stands in several documents.
-- severity: warning
-- when: hourly
-- frames: shared, shared_totals
-- confirmed: no
select
    partition,
    lower(hex(document_id)) as document_id,
    '' as point_id,
    format(
        '{} of {} bytes in {} documents: {}',
        if(kind = 'document', 'the whole text', 'a chunk'), size, documents, places
    ) as why,
    '' as repair
from shared
order by kind desc, size * (documents - 1) desc, partition, document_id
;
select
    coalesce(sum(texts) filter (where kind = 'document'), 0) as repeated_texts,
    coalesce(sum(documents) filter (where kind = 'document'), 0) as documents_with_repeated_text,
    coalesce(sum(repeated) filter (where kind = 'document'), 0) as repeated_bytes,
    coalesce(sum(texts) filter (where kind = 'chunk'), 0) as repeated_chunks,
    coalesce(sum(texts), 0) as compared
from shared_totals
