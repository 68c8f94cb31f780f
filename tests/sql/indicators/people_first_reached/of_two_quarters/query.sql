SELECT quarter, people_first_reached(trainee_id, quarter, first_quarter) AS people FROM rows GROUP BY quarter ORDER BY quarter
