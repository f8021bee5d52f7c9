-- Every point looked at has a dense vector of the right length, finite and of unit length.
-- on: points
-- frames: vectors
-- compares: vectors
select
    partition,
    lower(hex(document_id)) as document_id,
    lower(hex(point_id)) as point_id,
    case
        when dimension is null then 'recorded, but not in the collection'
        when dimension = 0 then 'no dense vector'
        when dimension <> wanted_dimension then format('{} dimensions instead of {}', dimension, wanted_dimension)
        when not finite then 'not finite'
        else format('length {:.3f} instead of 1', length)
    end as why,
    case when dimension is null then 'write' else 'embed' end as repair
from vectors
where dimension is null or dimension <> wanted_dimension or not finite or abs(length - 1) >= 0.01
order by partition, point_id
