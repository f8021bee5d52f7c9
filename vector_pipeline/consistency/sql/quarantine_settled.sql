-- No document waits in quarantine for longer than the settings let it, or without a further attempt to come.
-- severity: warning
-- frames: waiting
-- compares: waiting
select
    partition,
    lower(hex(document_id)) as document_id,
    '' as point_id,
    case
        when age > most_age then format('{}: in quarantine for {:.1f} days', stage, age / 86400)
        else format('{}: given up after {} attempts', stage, attempts)
    end as why,
    '' as repair
from waiting
where age > most_age or (is_over and not permanent)
order by partition, document_id
;
select coalesce(max(age), 0) / 86400 as oldest_days from waiting
