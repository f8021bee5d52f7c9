-- No source has more documents in quarantine than the settings let pass, in number and in share.
-- frames: waiting
-- compares: waiting
with
counted as (
    select
        partition,
        count(distinct document_id) as documents,
        -- Those that never came in at all belong to the source too.
        max(held) + count(distinct document_id) as of_all,
        max(most_documents) as most_documents,
        max(most_share) as most_share
    from waiting
    group by partition
)
select
    partition,
    '' as document_id,
    '' as point_id,
    format(
        '{} documents in quarantine beside {} held; {} documents or {:.3g} % may be',
        documents, of_all - documents, most_documents, 100 * most_share
    ) as why,
    '' as repair
from counted
where documents > most_documents and documents > most_share * of_all
order by partition
;
select count(distinct document_id) as quarantined from waiting
