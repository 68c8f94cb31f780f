SELECT * FROM report_course WHERE quarter = 'ALL'
