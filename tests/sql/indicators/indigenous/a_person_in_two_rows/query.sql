SELECT indigenous(trainee_id, flag) AS figure FROM rows
