SELECT women(trainee_id, sex) AS figure FROM rows
