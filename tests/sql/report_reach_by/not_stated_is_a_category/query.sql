SELECT * FROM report_reach_by WHERE country_code = 'ALL' AND quarter = 'ALL' AND dimension IN ('sex', 'has_disability', 'age_band', 'is_rural')
