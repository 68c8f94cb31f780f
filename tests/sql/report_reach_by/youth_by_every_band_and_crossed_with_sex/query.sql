SELECT * FROM report_reach_by WHERE country_code = 'ALL' AND quarter = 'ALL' AND dimension IN ('youth_15_35', 'youth_18_35', 'sex x is_youth')
