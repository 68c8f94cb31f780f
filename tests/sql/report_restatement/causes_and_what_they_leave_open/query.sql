-- what is not in one of two releases had nobody there; what the causes leave open is the program's, or not recorded
SELECT baseline, baseline_release, country_code, indicator_code, figure_before, figure_after, difference,
       by_new_delivery, by_corrected_delivery, by_contract, by_identity_merge, by_identity_split, by_judgement,
       by_program, by_unrecorded
FROM report_restatement
WHERE country_code <> 'ALL' OR (baseline = 'previous' AND indicator_code = 'people_reached')
ORDER BY ALL
