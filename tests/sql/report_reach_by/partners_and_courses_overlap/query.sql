SELECT * FROM report_reach_by WHERE quarter = 'ALL' AND (dimension LIKE 'partner_id%' OR dimension LIKE 'course_code%' OR dimension = 'sex x partner_id') AND country_code IN ('ALL', 'VN')
