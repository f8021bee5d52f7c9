-- The chunks of every live document cover its text without a gap, word for word, and deleted documents have none.
-- on: chunks, collection
-- frames: coverage
-- compares: coverage
with measured as (
    select
        partition,
        document_id,
        point_id,
        case
            when unowned then 'the store has its chunks and knows no such document'
            when deleted then if(rows > 0 or counted is not null, 'deleted, and still has chunks', null)
            when lost then 'its text is gone from the store'
            when counted is null then 'was never cut'
            when not current then 'its chunks are those of another version'
            when rows <> counted then format('{} chunks instead of {}', rows, counted)
            when rows > 0 and last <> rows - 1 then 'its chunks are not numbered one after the other'
            when backward > 0 then 'its chunks overlap'
            when failed or not read then null
            when not text_sound then 'its stored text is damaged'
            when different > 0 then format('{} chunks are not what stands in their place', different)
            when gaps > 0 and rows = 0 then 'has text but no chunks'
            when gaps > 0 then format('{} gaps between its chunks', gaps)
        end as why,
        case
            when unowned then if(document_id is null, 'remove', 'fetch')
            when not deleted and (lost or not text_sound) then 'fetch'
            else 'cut'
        end as repair
    from coverage
    -- What is lost can't be cut either: the next run would end there.
    where not due or (lost and not deleted)
)
select
    partition,
    coalesce(lower(hex(document_id)), '') as document_id,
    coalesce(lower(hex(point_id)), '') as point_id,
    why,
    repair
from measured
where why is not null
order by partition, document_id
;
select coalesce(count(*) filter (where read), 0) as texts_read from coverage
