-- Every point looked at has the dense and sparse vectors of its text: of the right length, finite, and none too many.
-- on: points, collection
-- frames: contents
-- compares: contents
with measured as (
    select
        partition,
        document_id,
        point_id,
        case
            when stored = 'missing' then 'the store has no vector of its text'
            when stored = 'broken' then 'the vector in the store is damaged'
            when dimension = 0 then 'no dense vector'
            when dimension <> wanted_dimension then format('{} dimensions instead of {}', dimension, wanted_dimension)
            when not finite then 'not finite'
            when length = 0 then 'a vector of zeros'
            when abs(length - wanted_length) >= 0.01 * wanted_length
                then format('length {:.3f} instead of {:.3f}', length, wanted_length)
            when likeness < 0.999 then format('the vector of another text (cosine {:.3f})', likeness)
            when terms = 0 and wanted_terms > 0 then 'no sparse vector, though the text has terms'
            when terms > 0 and wanted_terms = 0 then 'a sparse vector, though the text has no terms'
            when not same_terms then 'the sparse vector of another text'
        end as why,
        if(stored = 'sound', 'write', 'embed') as repair
    from contents
)
select partition, lower(hex(document_id)) as document_id, lower(hex(point_id)) as point_id, why, repair
from measured
where why is not null
order by partition, point_id
