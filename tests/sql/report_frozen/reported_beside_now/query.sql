SELECT * FROM report_frozen WHERE country_code <> 'ALL' ORDER BY ALL
