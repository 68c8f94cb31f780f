SELECT * FROM report_reach_by WHERE dimension = 'all' AND quarter = 'ALL'
