-- Every chunk looked at finds itself among the first three answers to its own text.
-- when: hourly
-- frames: retrieval
-- compares: retrieval
select
    partition,
    lower(hex(document_id)) as document_id,
    lower(hex(point_id)) as point_id,
    case
        when place is null then 'not among the first 10 answers to its own text'
        else format('only answer {} to its own text', place)
    end as why,
    'write' as repair
from retrieval
-- One or two words, as in a lone heading, are in many chunks alike.
where coalesce(place, 11) > 3 and terms >= 3
order by partition, point_id
;
select
    coalesce(avg(if(place <= 3, 1, 0)), 1) as found_share,
    coalesce(avg(recall), 1) as recall_at_10,
    1000 * coalesce(median(seconds), 0) as query_ms
from retrieval
