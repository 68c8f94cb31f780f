SELECT rural(trainee_id, flag) AS figure FROM rows
