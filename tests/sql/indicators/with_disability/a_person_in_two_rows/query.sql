SELECT with_disability(trainee_id, flag) AS figure FROM rows
