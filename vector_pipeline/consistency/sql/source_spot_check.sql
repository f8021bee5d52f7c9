-- Every document looked at says what its source says, unless the source has changed since its last sync.
-- when: hourly
-- frames: spot_check
select
    partition,
    lower(hex(document_id)) as document_id,
    '' as point_id,
    case answer
        when 'gone' then 'no longer at its source, which says that nothing has changed'
        else format('not the {} that its source has, which says that nothing has changed', answer)
    end as why,
    'fetch' as repair
from spot_check
where
    (answer in ('text', 'metadata') and (same_version or in_step))
    or (answer = 'gone' and in_step)
order by partition, document_id
;
select
    count(*) filter (where answer not in ('unread', 'unreachable')) as compared,
    count(*) filter (where answer = 'unread') as unread,
    count(*) filter (where answer = 'unreachable') as unreachable,
    count(*) filter (where answer in ('text', 'metadata', 'gone') and not same_version and not in_step) as moved_on
from spot_check
