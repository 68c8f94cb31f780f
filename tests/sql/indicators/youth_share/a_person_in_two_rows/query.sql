SELECT youth_share(trainee_id, is_youth) AS figure FROM rows
