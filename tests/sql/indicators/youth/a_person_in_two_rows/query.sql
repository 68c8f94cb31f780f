SELECT youth(trainee_id, is_youth) AS figure FROM rows
