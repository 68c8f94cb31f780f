SELECT * REPLACE (round(attainment, 4) AS attainment) FROM report_target
