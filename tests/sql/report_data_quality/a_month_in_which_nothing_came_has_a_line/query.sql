SELECT partner_id, country_code, month, findings, deliveries, rows_in, rows_accepted FROM report_data_quality
