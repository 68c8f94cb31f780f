SELECT finding_code, subject, month, round(measured, 2) AS measured, round(usual, 2) AS usual, finding_text FROM report_finding
