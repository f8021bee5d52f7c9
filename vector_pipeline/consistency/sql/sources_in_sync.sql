-- Every source was in step, or looked at and found in step, no longer ago than its limit.
-- frames: sources, sites
-- compares: sources
-- confirmed: no
with
troubles as (
    select
        partition, "limit", 1 as rank, differing as seconds,
        case
            when built then 'changed at the source and was not brought in step'
            else 'was first seen and never synced'
        end || if(in_part, ' (the last run brought in only a part)', '') as what
    from sources
    -- A first sync takes as long as it takes.
    where built or not at_work
    union all
    select partition, "limit", 1, unanswered, 'stopped answering' from sources
    union all
    select
        partition, "limit", 1, failing,
        format('{} run{} failed in a row ({}), the first began', failures, if(failures = 1, '', 's'), left(error, 200))
    from sources
    where failures > 0
    union all
    select partition, "limit", 1, unended, 'its last run never ended; it began' from sources where not at_work
    union all
    -- Between two looks nobody knows: that much is added to the limit. What is told above says why nobody looked.
    select partition, "limit" + "interval", 2, least(good, seen), 'was last looked at' from sources where not at_work
),
worst as (
    select * from troubles
    where seconds > "limit"
    qualify row_number() over (partition by partition order by rank, seconds desc) = 1
)
select
    partition,
    '' as document_id,
    '' as point_id,
    format('{}, {:.1f} h ago; its limit is {:.1f} h', what, seconds / 3600, "limit" / 3600) as why,
    'sync' as repair
from worst
union all
select site, '', '', trouble, 'sync' from sites
order by partition, why
;
select
    count(*) as sources,
    count(*) filter (where differing is not null or unanswered is not null or failures > 0) as behind,
    coalesce(max(greatest(differing, unanswered, failing, least(good, seen))), 0) as oldest_seconds
from sources
