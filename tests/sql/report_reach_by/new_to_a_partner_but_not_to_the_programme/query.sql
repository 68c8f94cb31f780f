SELECT * FROM report_reach_by WHERE quarter = '2020-Q4' AND country_code = 'VN' AND dimension IN ('all', 'partner_id')
